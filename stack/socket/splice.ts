import { EAGAIN, EBADF, EINVAL, EPIPE } from '../../device/errno.ts';
import { MSG_MORE } from './abi.ts';
import { BytesFile } from './bytes-file.ts';
import type { File } from './file.ts';
import { Message } from './message.ts';
import { type Pipe, PipeEnd } from './pipe.ts';
import { Socket } from './socket.ts';

/** `SPLICE_F_NONBLOCK`, `SPLICE_F_MORE`, and all that splice takes. */
export const SPLICE_F_NONBLOCK = 2;
const SPLICE_F_MORE = 4;
const SPLICE_F_ALL = 15;

/**
 * Moves up to `length` bytes from one file to another, of which one is a pipe (Linux: `do_splice`). Bytes, 0 at the end, `-EAGAIN` when
 * none can be moved now.
 */
export function splice(from: File | null, to: File | null, length: number, flags: number): number {
  if (length === 0) return 0;
  if ((flags & ~SPLICE_F_ALL) !== 0) return -EINVAL;
  if (from === null || to === null) return -EBADF;
  if (from instanceof PipeEnd && from.writes) return -EBADF;
  if (to instanceof PipeEnd && !to.writes) return -EBADF;
  if (to instanceof PipeEnd) return intoPipe(from, to.pipe, length);
  if (from instanceof PipeEnd && to instanceof Socket) return fromPipe(from.pipe, to, length, flags);
  return -EINVAL;
}

function intoPipe(from: File, pipe: Pipe, length: number): number {
  if (from instanceof PipeEnd && from.pipe === pipe) return -EINVAL;
  if (pipe.reader.closed) return -EPIPE;
  const most = Math.min(length, pipe.room);
  if (most === 0) return -EAGAIN;
  const bytes = new Uint8Array(most);
  let moved: number = -EINVAL;
  if (from instanceof Socket) moved = from.spliceRead(bytes);
  else if (from instanceof PipeEnd || from instanceof BytesFile) moved = from.read(bytes);
  if (moved > 0) pipe.push(bytes.subarray(0, moved));
  return moved;
}

/** Linux: `splice_to_socket`. */
function fromPipe(pipe: Pipe, socket: Socket, length: number, flags: number): number {
  let done = 0;
  while (done < length && pipe.length > 0) {
    const part = pipe.peek(length - done);
    const follows = part.length < pipe.length && done + part.length < length;
    const more = follows || (flags & SPLICE_F_MORE) !== 0 ? MSG_MORE : 0;
    const sent = socket.send(new Message([part]), more);
    if (sent < 0) return done > 0 ? done : sent;
    pipe.consume(sent);
    done += sent;
    if (sent < part.length) break;
  }
  if (done > 0) return done;
  return pipe.writer.closed ? 0 : -EAGAIN;
}

/** Where in a file sendfile goes on, instead of at the file's own position; it is moved on. */
export interface FileOffset {
  offset: number;
}

/**
 * Sends up to `count` bytes of a file to a socket or a pipe (Linux: `do_sendfile`). Bytes, 0 at the end, `-EAGAIN` when none can be sent
 * now.
 */
export function sendfile(to: File | null, from: File | null, at: FileOffset | null, count: number): number {
  if (to === null || from === null) return -EBADF;
  if (!(from instanceof BytesFile)) return -EINVAL;
  const offset = at?.offset ?? from.position;
  if (offset < 0) return -EINVAL;
  const bytes = from.bytes.subarray(offset, offset + count);
  if (bytes.length === 0) return 0;
  let sent: number = -EINVAL;
  if (to instanceof Socket) sent = to.send(new Message([bytes]), 0);
  else if (to instanceof PipeEnd) sent = to.writes ? to.write(bytes) : -EBADF;
  if (sent <= 0) return sent;
  if (at === null) from.position += sent;
  else at.offset += sent;
  return sent;
}
