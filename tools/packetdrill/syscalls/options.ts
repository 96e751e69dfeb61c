import { type Expression, member } from '../script/expression.ts';
import type { Linger, OptionShape, OptionValue, Timeval } from '../syscall.ts';
import type { Arguments } from './arguments.ts';
import type { Prepared } from './prepared.ts';

/** `setsockopt(fd, level, option, value, length)`. */
export function prepareSetsockopt(args: Arguments): Prepared {
  args.count(5);
  return {
    request: {
      name: 'setsockopt',
      fd: args.fd(0),
      level: args.number(1),
      option: args.number(2),
      value: readValue(args, args.at(3)),
      length: args.isOpen(4) ? undefined : args.number(4),
    },
  };
}

/** `getsockopt(fd, level, option, value, [length])`. */
export function prepareGetsockopt(args: Arguments): Prepared {
  args.count(5);
  const expected = args.at(3);
  return {
    request: {
      name: 'getsockopt',
      fd: args.fd(0),
      level: args.number(1),
      option: args.number(2),
      shape: shapeOf(expected),
      length: args.isOpen(4) ? undefined : args.number(4),
    },
    verify: (result) => compareValue(args, expected, result.option),
  };
}

function shapeOf(expression: Expression): OptionShape {
  if (expression.kind === 'string') return 'string';
  if (member(expression, 'onoff') !== undefined) return 'linger';
  if (member(expression, 'tv_sec') !== undefined) return 'timeval';
  return 'number';
}

function readValue(args: Arguments, expression: Expression): OptionValue {
  switch (expression.kind) {
    case 'string':
      return expression.value;
    case 'struct':
      return readStruct(args, expression);
    case 'ellipsis':
      throw args.unsupported('setsockopt with any value');
    case 'number':
    case 'symbol':
    case 'or':
    case 'not':
    case 'list':
    case 'call':
      return args.evaluate(expression);
  }
}

function readStruct(args: Arguments, struct: Expression): Linger | Timeval | Uint8Array {
  if (member(struct, 'onoff') !== undefined) return readLinger(args, struct);
  if (member(struct, 'tv_sec') !== undefined) return readTimeval(args, struct);
  if (member(struct, 'imr_sourceaddr') !== undefined) return readSourceMembership(args, struct);
  if (member(struct, 'imr_multiaddr') !== undefined) return readMembership(args, struct);
  throw args.unsupported('setsockopt with a struct of this kind');
}

function readLinger(args: Arguments, struct: Expression): Linger {
  return { onoff: args.fieldOr(struct, 'onoff', 0), linger: args.fieldOr(struct, 'linger', 0) };
}

function readTimeval(args: Arguments, struct: Expression): Timeval {
  return { seconds: args.fieldOr(struct, 'tv_sec', 0), microseconds: args.fieldOr(struct, 'tv_usec', 0) };
}

/** `struct ip_mreq`: two addresses in network order. */
function readMembership(args: Arguments, struct: Expression): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, args.fieldOr(struct, 'imr_multiaddr', 0));
  view.setUint32(4, args.fieldOr(struct, 'imr_interface', args.settings.localAddress));
  return bytes;
}

/** `struct ip_mreq_source`: a membership, and the sender that it is about. */
function readSourceMembership(args: Arguments, struct: Expression): Uint8Array {
  const bytes = new Uint8Array(12);
  bytes.set(readMembership(args, struct));
  new DataView(bytes.buffer).setUint32(
    8,
    args.fieldOr(struct, 'imr_sourceaddr', args.settings.remoteAddress),
  );
  return bytes;
}

function compareValue(
  args: Arguments,
  expected: Expression,
  actual: OptionValue | undefined,
): string | undefined {
  if (expected.kind === 'ellipsis' || (expected.kind === 'list' && expected.items[0]?.kind === 'ellipsis'))
    return undefined;
  const wanted = readValue(args, expected);
  const matches =
    expected.kind === 'string' && expected.openEnded
      ? typeof actual === 'string' && actual.startsWith(expected.value)
      : sameNumber(wanted, actual) || describe(wanted) === describe(actual);
  return matches ? undefined : `option value: expected ${describe(wanted)}, actual ${describe(actual)}`;
}

/** Numbers are those of C: `0xffffffff` and -1 are one. */
function sameNumber(wanted: OptionValue, actual: OptionValue | undefined): boolean {
  return typeof wanted === 'number' && typeof actual === 'number' && wanted >>> 0 === actual >>> 0;
}

function describe(value: OptionValue | undefined): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return JSON.stringify(value) ?? 'none';
}
