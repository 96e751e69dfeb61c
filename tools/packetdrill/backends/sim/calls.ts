import { ENOENT } from '../../../../device/errno.ts';
import { SocketAddress } from '../../../../stack/socket/address.ts';
import { BytesFile } from '../../../../stack/socket/bytes-file.ts';
import type { EpollEvent } from '../../../../stack/socket/epoll.ts';
import type { SocketLayer } from '../../../../stack/socket/layer.ts';
import { Message } from '../../../../stack/socket/message.ts';
import { PipeEnd } from '../../../../stack/socket/pipe.ts';
import type {
  Chunk,
  ReceiveRequest,
  SocketAddress as ScriptAddress,
  SendRequest,
  SyscallRequest,
  SyscallResult,
} from '../../syscall.ts';
import { decodeOption, encodeOption, OPTION_ROOM } from '../linux/structs.ts';

const NOTHING = new Uint8Array(0);

/** What a call gives back, without its time. */
export type Outcome = Omit<SyscallResult, 'time'>;

/**
 * Makes a call on the stack's sockets; `done` hears how it came out, at once or when it has waited long enough. `files`: what `open`
 * finds, by path.
 */
export function makeCall(
  layer: SocketLayer,
  files: ReadonlyMap<string, Uint8Array>,
  request: SyscallRequest,
  done: (outcome: Outcome) => void,
): void {
  const { blocking } = layer;
  switch (request.name) {
    case 'connect': {
      blocking.connect(request.fd, given(request.address), (ret) => done({ ret }));
      return;
    }
    case 'accept':
    case 'accept4': {
      const address = new SocketAddress();
      blocking.accept(request.fd, address, request.flags, (ret) => done({ ret, address: taken(address) }));
      return;
    }
    case 'write':
    case 'writev':
    case 'send':
    case 'sendto':
    case 'sendmsg': {
      if (isFile(layer, request.fd)) {
        done({
          ret: layer.write(request.fd, Buffer.concat(request.chunks.map(({ data }) => data ?? NOTHING))),
        });
        return;
      }
      blocking.sendmsg(request.fd, outgoing(request), request.flags, (ret) => done({ ret }));
      return;
    }
    case 'read':
    case 'readv':
    case 'recv':
    case 'recvfrom':
    case 'recvmsg':
      if (isFile(layer, request.fd)) done(readFile(layer, request));
      else receive(layer, request, done);
      return;
    case 'splice':
      blocking.splice(request.from, request.to, request.length, request.flags, (ret) => done({ ret }));
      return;
    case 'sendfile': {
      const at = request.offset === undefined ? null : { offset: request.offset };
      blocking.sendfile(request.to, request.from, at, request.count, (ret) =>
        done({ ret, ...(at === null ? {} : { value: at.offset }) }),
      );
      return;
    }
    case 'poll': {
      const entries = request.entries.map(({ fd, events }) => ({ fd, events, revents: 0 }));
      blocking.poll(entries, request.timeout, (ret) =>
        done({ ret, revents: entries.map(({ revents }) => revents) }),
      );
      return;
    }
    case 'epoll_wait': {
      const epoll: EpollEvent[] = [];
      blocking.epollWait(request.epfd, epoll, request.maxEvents, request.timeout, (ret) =>
        done({ ret, epoll: epoll.map(({ events, data }) => ({ events: events >>> 0, data })) }),
      );
      return;
    }
    case 'close': {
      blocking.close(request.fd, (ret) => done({ ret }));
      return;
    }
    case 'socket':
    case 'bind':
    case 'listen':
    case 'getsockname':
    case 'getpeername':
    case 'shutdown':
    case 'fcntl':
    case 'ioctl':
    case 'pipe':
    case 'open':
    case 'epoll_create':
    case 'epoll_ctl':
    case 'setsockopt':
    case 'getsockopt':
      done(immediate(layer, files, request));
  }
}

/** The calls that never wait. */
function immediate(
  layer: SocketLayer,
  files: ReadonlyMap<string, Uint8Array>,
  request: SyscallRequest,
): Outcome {
  switch (request.name) {
    case 'socket':
      return { ret: layer.socket(request.domain, request.type, request.protocol) };
    case 'bind':
      return { ret: layer.bind(request.fd, given(request.address)) };
    case 'listen':
      return { ret: layer.listen(request.fd, request.backlog) };
    case 'getsockname':
    case 'getpeername': {
      const address = new SocketAddress();
      const ret = layer[request.name](request.fd, address);
      return { ret, address: taken(address) };
    }
    case 'shutdown':
      return { ret: layer.shutdown(request.fd, request.how) };
    case 'fcntl':
      return { ret: layer.fcntl(request.fd, request.command, request.value) };
    case 'ioctl': {
      const value = layer.ioctl(request.fd, request.request);
      return value < 0 ? { ret: value } : { ret: 0, value };
    }
    case 'pipe': {
      const ends = layer.pipe(request.flags);
      return typeof ends === 'number' ? { ret: ends } : { ret: 0, fds: ends };
    }
    case 'open': {
      const bytes = files.get(request.path);
      return { ret: bytes === undefined ? -ENOENT : layer.open(bytes) };
    }
    case 'epoll_create':
      return { ret: layer.epollCreate() };
    case 'epoll_ctl':
      return { ret: layer.epollCtl(request.epfd, request.operation, request.fd, request.event) };
    case 'setsockopt': {
      const value = encodeOption(request.value);
      const bytes = sized(value, request.length ?? value.length);
      return { ret: layer.setsockopt(request.fd, request.level, request.option, bytes) };
    }
    case 'getsockopt': {
      const room = new Uint8Array(request.length ?? OPTION_ROOM[request.shape]);
      const ret = layer.getsockopt(request.fd, request.level, request.option, room);
      if (ret < 0) return { ret };
      return { ret: 0, option: decodeOption(room.subarray(0, ret), request.shape) };
    }
    case 'connect':
    case 'close':
    case 'accept':
    case 'accept4':
    case 'read':
    case 'readv':
    case 'recv':
    case 'recvfrom':
    case 'recvmsg':
    case 'write':
    case 'writev':
    case 'send':
    case 'sendto':
    case 'sendmsg':
    case 'splice':
    case 'sendfile':
    case 'poll':
    case 'epoll_wait':
      throw new Error(`${request.name} may wait`);
  }
}

/** Whether a descriptor is one of a pipe or a file in memory, of which calls never wait. */
function isFile(layer: SocketLayer, fd: number): boolean {
  const file = layer.files.get(fd);
  return file instanceof PipeEnd || file instanceof BytesFile;
}

function readFile(layer: SocketLayer, request: ReceiveRequest): Outcome {
  const buffer = new Uint8Array(request.lengths.reduce((sum, length) => sum + length, 0));
  const ret = layer.read(request.fd, buffer);
  return { ret, data: buffer.subarray(0, Math.max(0, ret)) };
}

function outgoing(request: SendRequest): Message {
  const address = request.address === undefined ? null : given(request.address);
  const message = new Message(request.chunks.map(bytesOf), address);
  message.control = [...request.control];
  return message;
}

function receive(layer: SocketLayer, request: ReceiveRequest, done: (outcome: Outcome) => void): void {
  const buffers = request.lengths.map((length) => new Uint8Array(length));
  const address = new SocketAddress();
  const message = new Message(request.nowhere ? [null] : buffers, address);
  message.controlRoom = request.controlLength;
  layer.blocking.recvmsg(request.fd, message, request.flags, (ret) =>
    done({
      ret,
      data: Buffer.concat(buffers).subarray(0, Math.max(0, ret)),
      address: taken(address),
      messageFlags: message.flags,
      control: message.control,
    }),
  );
}

function bytesOf(chunk: Chunk): Uint8Array | null {
  return chunk.data === null ? null : sized(chunk.data, chunk.length);
}

function sized(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length >= length) return bytes.subarray(0, length);
  const longer = new Uint8Array(length);
  longer.set(bytes);
  return longer;
}

function given({ family, address, port }: ScriptAddress): SocketAddress {
  return new SocketAddress(family, address, port);
}

/** Undefined when none was filled in. */
function taken({ family, address, port }: SocketAddress): ScriptAddress | undefined {
  return family === 0 ? undefined : { family, address, port };
}
