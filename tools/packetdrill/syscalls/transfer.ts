import { type Expression, type Field, member } from '../script/expression.ts';
import { SOCKET_SYMBOLS } from '../symbols/sockets.ts';
import type { Chunk, ReceiveRequest, SendRequest, SocketAddress } from '../syscall.ts';
import { compareAddress } from './addresses.ts';
import type { Arguments } from './arguments.ts';
import { compareControl, readControl } from './control-messages.ts';
import type { Prepared } from './prepared.ts';

/** Bytes of room for control messages, where the script has any. */
const CONTROL_ROOM = 1024;

/** `write(fd, buffer, length)`. */
export function prepareWrite(args: Arguments): Prepared {
  args.count(3);
  return { request: sendRequest('write', args, [chunk(args, args.at(1), args.number(2))], 0, undefined) };
}

/** `writev(fd, [{buffer, length}, ...], count)`. */
export function prepareWritev(args: Arguments): Prepared {
  args.count(3);
  return { request: sendRequest('writev', args, chunks(args, args.at(1)), 0, undefined) };
}

/** `send(fd, buffer, length, flags)`. */
export function prepareSend(args: Arguments): Prepared {
  args.count(4);
  const data = [chunk(args, args.at(1), args.number(2))];
  return { request: sendRequest('send', args, data, args.number(3), undefined) };
}

/** `sendto(fd, buffer, length, flags, address, length)`. */
export function prepareSendto(args: Arguments): Prepared {
  args.count(6);
  const nowhere = args.at(4).kind === 'number' || args.at(4).kind === 'symbol';
  const address = nowhere ? undefined : args.address(4, args.remote());
  const data = [chunk(args, args.at(1), args.number(2))];
  return connecting(args, sendRequest('sendto', args, data, args.number(3), address));
}

/** `sendmsg(fd, {msg_name(...)=..., msg_iov(n)=[{..., length}], msg_flags=0}, flags)`. */
export function prepareSendmsg(args: Arguments): Prepared {
  args.count(3);
  const message = args.at(1);
  const flags = args.number(2);
  const name = member(message, 'msg_name');
  const fastOpen = (flags & SOCKET_SYMBOLS.MSG_FASTOPEN) !== 0;
  const address =
    name === undefined || (name.kind === 'ellipsis' && !fastOpen)
      ? undefined
      : args.socketAddress(name, args.remote());
  const data = chunks(args, member(message, 'msg_iov'));
  const control = readControl(args, member(message, 'msg_control'));
  return connecting(args, sendRequest('sendmsg', args, data, flags, address, control));
}

function sendRequest(
  name: SendRequest['name'],
  args: Arguments,
  data: readonly Chunk[],
  flags: number,
  address: SocketAddress | undefined,
  control: SendRequest['control'] = [],
): SendRequest {
  return { name, fd: args.fd(0), chunks: data, flags, address, control };
}

/** Sending to an address makes a connection, with Fast Open, or the peer of a UDP socket. */
function connecting(args: Arguments, request: SendRequest): Prepared {
  const { address } = request;
  if (address === undefined) return { request };
  return { request, before: (world) => world.connects(args.scriptFd(0), address) };
}

function chunks(args: Arguments, list: Expression | undefined): Chunk[] {
  return vectors(args, list).map(([buffer, length]) =>
    chunk(args, buffer.value, args.evaluate(length.value)),
  );
}

/** The elements `{buffer, length}` of an iovec. */
function vectors(args: Arguments, list: Expression | undefined): [Field, Field][] {
  if (list?.kind !== 'list') throw args.unsupported(`${args.action.name} without a list of buffers`);
  return list.items.map((item) => {
    if (item.kind !== 'struct' || item.fields.length !== 2)
      throw args.unsupported('a buffer that is not {..., length}');
    return [item.fields[0]!, item.fields[1]!];
  });
}

/** What is sent: zeros, the text that the script has, or nothing at all where the pointer is one to nowhere. */
function chunk(args: Arguments, buffer: Expression, length: number): Chunk {
  const data = new Uint8Array(Math.max(0, length));
  if (buffer.kind === 'ellipsis') return { length, data };
  if (buffer.kind === 'string') {
    data.set(Buffer.from(buffer.value, 'latin1').subarray(0, length));
    return { length, data };
  }
  if (args.evaluate(buffer) === 0) return { length, data: null };
  throw args.unsupported(`${args.action.name} from an address other than NULL`);
}

/** `read(fd, buffer, length)`. */
export function prepareRead(args: Arguments): Prepared {
  args.count(3);
  return receive(args, 'read', [args.number(2)], 0, 0, args.at(1));
}

/** `readv(fd, [{buffer, length}, ...], count)`. */
export function prepareReadv(args: Arguments): Prepared {
  args.count(3);
  return receive(args, 'readv', lengths(args, args.at(1)), 0, 0);
}

/** `recv(fd, buffer, length, flags)`. */
export function prepareRecv(args: Arguments): Prepared {
  args.count(4);
  return receive(args, 'recv', [args.number(2)], args.number(3), 0, args.at(1));
}

/** `recvfrom(fd, buffer, length, flags, address, length)`. */
export function prepareRecvfrom(args: Arguments): Prepared {
  args.count(6);
  const prepared = receive(args, 'recvfrom', [args.number(2)], args.number(3), 0, args.at(1));
  return {
    ...prepared,
    verify: (result) => prepared.verify?.(result) ?? compareAddress(args, args.at(4), result.address),
  };
}

/** `recvmsg(fd, {msg_name(...)=..., msg_iov(n)=[{..., length}], msg_flags=..., msg_control=[...]}, flags)`. */
export function prepareRecvmsg(args: Arguments): Prepared {
  args.count(3);
  const message = args.at(1);
  const control = member(message, 'msg_control');
  const room = control === undefined ? 0 : CONTROL_ROOM;
  const prepared = receive(args, 'recvmsg', lengths(args, member(message, 'msg_iov')), args.number(2), room);
  return {
    ...prepared,
    verify: (result) => {
      const name = member(message, 'msg_name');
      const flags = args.fieldOr(message, 'msg_flags', result.messageFlags ?? 0);
      if (flags !== result.messageFlags) return `msg_flags: expected ${flags}, actual ${result.messageFlags}`;
      return (
        (name === undefined ? undefined : compareAddress(args, name, result.address)) ??
        compareControl(args, control, result.control ?? [])
      );
    },
  };
}

function lengths(args: Arguments, list: Expression | undefined): number[] {
  return vectors(args, list).map(([, length]) => args.evaluate(length.value));
}

function receive(
  args: Arguments,
  name: ReceiveRequest['name'],
  sizes: readonly number[],
  flags: number,
  controlLength: number,
  expected?: Expression,
): Prepared {
  return {
    request: {
      name,
      fd: args.fd(0),
      lengths: sizes,
      nowhere: isNowhere(args, expected),
      flags,
      controlLength,
    },
    verify: (result) => compareData(expected, result.data),
  };
}

function isNowhere(args: Arguments, buffer: Expression | undefined): boolean {
  if (buffer === undefined || buffer.kind === 'ellipsis' || buffer.kind === 'string') return false;
  if (args.evaluate(buffer) === 0) return true;
  throw args.unsupported(`${args.action.name} to an address other than NULL`);
}

function compareData(expected: Expression | undefined, data: Uint8Array | undefined): string | undefined {
  if (expected?.kind !== 'string') return undefined;
  const text = Buffer.from(data ?? []).toString('latin1');
  const matches = expected.openEnded ? text.startsWith(expected.value) : text === expected.value;
  return matches
    ? undefined
    : `data: expected ${JSON.stringify(expected.value)}, actual ${JSON.stringify(text)}`;
}
