import type { Chunk, ReceiveRequest, SendRequest, SyscallRequest, SyscallResult } from '../../syscall.ts';
import type { Answer, Argument, Memory } from './agent.ts';
import {
  decodeAddress,
  decodeControl,
  decodeEpollEvents,
  decodeOption,
  decodeRevents,
  encodeAddress,
  encodeControl,
  encodeEpollEvent,
  encodeOption,
  encodePoll,
  ints,
  OPTION_ROOM,
  viewOf,
} from './structs.ts';

/** A function of libc with its arguments, and how what it filled in is read. */
export interface LibcCall {
  readonly fn: string;
  readonly args: readonly Argument[];
  /** `outputs`: what each memory that was filled holds, in order. */
  readonly read?: (
    outputs: readonly Uint8Array[],
    ret: number,
    numbers: readonly number[],
  ) => Partial<SyscallResult>;
}

const ADDRESS_ROOM = 16;
const NOTHING = new Uint8Array(0);

/** The call of libc that a request means. */
export function marshal(request: SyscallRequest): LibcCall {
  switch (request.name) {
    case 'socket':
      return { fn: 'socket', args: [request.domain, request.type, request.protocol] };
    case 'bind':
    case 'connect':
      return { fn: request.name, args: [request.fd, given(encodeAddress(request.address)), ADDRESS_ROOM] };
    case 'listen':
      return { fn: 'listen', args: [request.fd, request.backlog] };
    case 'accept':
    case 'accept4':
      return {
        fn: request.name,
        args: [request.fd, { out: ADDRESS_ROOM }, inout(ints(ADDRESS_ROOM)), request.flags],
        read: ([address]) => ({ address: decodeAddress(address!) }),
      };
    case 'getsockname':
    case 'getpeername':
      return {
        fn: request.name,
        args: [request.fd, { out: ADDRESS_ROOM }, inout(ints(ADDRESS_ROOM))],
        read: ([address]) => ({ address: decodeAddress(address!) }),
      };
    case 'close':
      return { fn: 'close', args: [request.fd] };
    case 'shutdown':
      return { fn: 'shutdown', args: [request.fd, request.how] };
    case 'write':
    case 'writev':
    case 'send':
    case 'sendto':
    case 'sendmsg':
      return marshalSend(request);
    case 'read':
    case 'readv':
    case 'recv':
    case 'recvfrom':
    case 'recvmsg':
      return marshalReceive(request);
    case 'fcntl':
      return { fn: 'fcntl', args: [request.fd, request.command, request.value] };
    case 'ioctl':
      return {
        fn: 'ioctl',
        args: [request.fd, request.request, { out: 4 }],
        read: ([value]) => ({ value: viewOf(value!).getInt32(0, true) }),
      };
    case 'poll':
      return {
        fn: 'poll',
        args: [inout(encodePoll(request.entries)), request.entries.length, request.timeout],
        read: ([entries]) => ({ revents: decodeRevents(entries!) }),
      };
    case 'open':
      return { fn: 'open', args: [given(Buffer.from(`${request.path}\0`)), request.flags] };
    case 'pipe':
      return {
        fn: 'pipe2',
        args: [{ out: 8 }, request.flags],
        read: ([ends]) => ({ fds: [viewOf(ends!).getInt32(0, true), viewOf(ends!).getInt32(4, true)] }),
      };
    case 'splice':
      return { fn: 'splice', args: [request.from, 0, request.to, 0, request.length, request.flags] };
    case 'sendfile':
      return {
        fn: 'sendfile',
        args: [
          request.to,
          request.from,
          request.offset === undefined ? 0 : inout(padded(ints(request.offset), 8)),
          request.count,
        ],
        read: ([offset]) => (offset === undefined ? {} : { value: viewOf(offset).getUint32(0, true) }),
      };
    case 'epoll_create':
      return { fn: 'epoll_create', args: [1] };
    case 'epoll_ctl':
      return {
        fn: 'epoll_ctl',
        args: [request.epfd, request.operation, request.fd, given(encodeEpollEvent(request.event))],
      };
    case 'epoll_wait':
      return {
        fn: 'epoll_wait',
        args: [
          request.epfd,
          { out: Math.max(1, request.maxEvents) * 12 },
          request.maxEvents,
          request.timeout,
        ],
        read: ([events], ret) => ({ epoll: decodeEpollEvents(events!, Math.max(0, ret)) }),
      };
    case 'setsockopt': {
      const value = encodeOption(request.value);
      const length = request.length ?? value.length;
      return {
        fn: 'setsockopt',
        args: [request.fd, request.level, request.option, given(padded(value, length)), length],
      };
    }
    case 'getsockopt': {
      const { shape } = request;
      const room = request.length ?? OPTION_ROOM[shape];
      return {
        fn: 'getsockopt',
        args: [
          request.fd,
          request.level,
          request.option,
          { out: Math.max(room, OPTION_ROOM[shape]) },
          inout(ints(room)),
        ],
        read: ([value, length]) => ({
          option: decodeOption(value!.subarray(0, viewOf(length!).getUint32(0, true)), shape),
        }),
      };
    }
  }
}

function marshalSend(request: SendRequest): LibcCall {
  const { fd, flags, address } = request;
  const [first] = request.chunks;
  const data = first === undefined || first.data === null ? 0 : memoryOf(first);
  const length = first?.length ?? 0;
  const name = address === undefined ? undefined : given(encodeAddress(address));
  switch (request.name) {
    case 'write':
      return { fn: 'write', args: [fd, data, length] };
    case 'send':
      return { fn: 'send', args: [fd, data, length, flags] };
    case 'sendto':
      return {
        fn: 'sendto',
        args: [fd, data, length, flags, name ?? 0, name === undefined ? 0 : ADDRESS_ROOM],
      };
    case 'writev':
      return { fn: 'writev', args: [fd, { vectors: request.chunks.map(memoryOf) }, request.chunks.length] };
    case 'sendmsg': {
      const control = request.control.length === 0 ? undefined : given(encodeControl(request.control));
      return { fn: 'sendmsg', args: [fd, { iov: request.chunks.map(memoryOf), name, control }, flags] };
    }
  }
}

function marshalReceive(request: ReceiveRequest): LibcCall {
  const { fd, flags, lengths } = request;
  const length = lengths[0] ?? 0;
  const read: LibcCall['read'] = ([data], ret) => ({ data: data?.subarray(0, Math.max(0, ret)) ?? NOTHING });
  const buffer = request.nowhere ? 0 : { out: length };
  switch (request.name) {
    case 'read':
      return { fn: 'read', args: [fd, buffer, length], read };
    case 'recv':
      return { fn: 'recv', args: [fd, buffer, length, flags], read };
    case 'readv':
      return { fn: 'readv', args: [fd, { vectors: lengths.map((out) => ({ out })) }, lengths.length], read };
    case 'recvfrom':
      return {
        fn: 'recvfrom',
        args: [fd, buffer, length, flags, { out: ADDRESS_ROOM }, inout(ints(ADDRESS_ROOM))],
        read: (outputs, ret) => ({
          data: request.nowhere ? NOTHING : outputs[0]!.subarray(0, Math.max(0, ret)),
          address: decodeAddress(outputs.at(-2)!),
        }),
      };
    case 'recvmsg': {
      const control = request.controlLength === 0 ? undefined : { out: request.controlLength };
      return {
        fn: 'recvmsg',
        args: [fd, { iov: lengths.map((out) => ({ out })), name: { out: ADDRESS_ROOM }, control }, flags],
        read: ([data, name, messages], _ret, [messageFlags]) => ({
          data: data!,
          address: decodeAddress(name!),
          control: decodeControl(messages!),
          messageFlags: messageFlags!,
        }),
      };
    }
  }
}

/** What the agent's answer means. */
export function unmarshal(call: LibcCall, answer: Answer, time: number): SyscallResult {
  const ret = answer.r ?? -1;
  if (ret < 0) return { ret: -(answer.e ?? 0), time };
  const outputs = (answer.o ?? []).filter((output) => typeof output === 'string').map(fromHex);
  const numbers = (answer.o ?? []).filter((output) => typeof output === 'number');
  return { ret, time, ...call.read?.(outputs, ret, numbers) };
}

function memoryOf(chunk: Chunk): Memory {
  if (chunk.data === null) return { null: chunk.length };
  return chunk.data.some((byte) => byte !== 0) ? given(chunk.data) : { zero: chunk.data.length };
}

function given(bytes: Uint8Array): Memory {
  return { in: Buffer.from(bytes).toString('hex') };
}

function inout(bytes: Uint8Array): Memory {
  return { inout: Buffer.from(bytes).toString('hex') };
}

function padded(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length >= length) return bytes;
  const longer = new Uint8Array(length);
  longer.set(bytes);
  return longer;
}

function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}
