import type { Arguments } from './arguments.ts';
import type { Prepared } from './prepared.ts';

/** `open("path", flags)`. */
export function prepareOpen(args: Arguments): Prepared {
  args.count(2, 3);
  const path = args.at(0);
  if (path.kind !== 'string') throw args.unsupported('open without a path');
  return { request: { name: 'open', path: path.value, flags: args.number(1) }, makesFd: true };
}

/** `pipe([reader, writer])`, `pipe2([reader, writer], flags)`. */
export function preparePipe(args: Arguments): Prepared {
  args.count(1, 2);
  const ends = args.at(0);
  if (ends.kind !== 'list' || ends.items.length !== 2) throw args.unsupported('pipe without two descriptors');
  const [reader, writer] = ends.items.map((end) => args.evaluate(end)) as [number, number];
  return { request: { name: 'pipe', flags: args.numberOr(1, 0) }, fds: [reader, writer] };
}

/** `splice(from, NULL, to, NULL, length, flags)`. */
export function prepareSplice(args: Arguments): Prepared {
  args.count(6);
  if (args.numberOr(1, 0) !== 0 || args.numberOr(3, 0) !== 0) throw args.unsupported('splice with an offset');
  return {
    request: {
      name: 'splice',
      from: args.fd(0),
      to: args.fd(2),
      length: args.number(4),
      flags: args.number(5),
    },
  };
}

/** `sendfile(to, from, [offset], count)`, with NULL for no offset; `[0, 5]` is the offset before and behind. */
export function prepareSendfile(args: Arguments): Prepared {
  args.count(4);
  const at = args.at(2);
  const items = at.kind === 'list' ? at.items : [];
  const [before, behind] = items.map((item) => args.evaluate(item));
  return {
    request: { name: 'sendfile', to: args.fd(0), from: args.fd(1), offset: before, count: args.number(3) },
    verify: (result) =>
      behind === undefined || behind === result.value
        ? undefined
        : `offset: expected ${behind}, actual ${result.value}`,
  };
}
