import { EINVAL } from '../../../device/errno.ts';
import { SOCK_STREAM } from '../../socket/abi.ts';
import { PipeEnd } from '../../socket/pipe.ts';
import { Socket } from '../../socket/socket.ts';
import { UdpSocket } from '../../udp/udp-socket.ts';
import { validateFunction } from '../validate.ts';
import { badType } from './errors.ts';
import { UdpHandle } from './handle.ts';
import type { DgramHost, LookupFunction } from './host.ts';
import { Udp6Handle } from './udp6-handle.ts';

/** A handle for a type of socket. Throws ERR_SOCKET_BAD_TYPE for one that is none, ERR_INVALID_ARG_TYPE for a lookup that is none. */
export function newHandle(host: DgramHost, type: unknown, lookup?: LookupFunction | null): UdpHandle {
  if (lookup !== undefined) validateFunction(lookup, 'lookup');
  const resolve: LookupFunction = lookup ?? ((...args) => host.lookup(...args));
  if (type !== 'udp4' && type !== 'udp6') throw badType();
  const [handle, family, here] =
    type === 'udp4'
      ? ([new UdpHandle(host.sockets), 4, '127.0.0.1'] as const)
      : ([new Udp6Handle(host.sockets), 6, '::1'] as const);
  handle.lookup = (address, callback) => resolve(address || here, family, callback);
  return handle;
}

/** What a descriptor stands for, in the words of Node's `guessHandleType`. */
export function kindOfDescriptor(host: DgramHost, fd: number): string {
  const file = host.sockets.files.get(fd);
  if (file instanceof UdpSocket) return 'UDP';
  if (file instanceof PipeEnd) return 'PIPE';
  if (file instanceof Socket && file.type === SOCK_STREAM) return 'TCP';
  return file === null ? 'INVALID' : 'UNKNOWN';
}

/** Node's old `_createSocketHandle`: a handle on a descriptor, or bound to an address; a negated errno when that fails. */
export function createSocketHandle(
  host: DgramHost,
  address: string | null,
  port: number,
  type: unknown,
  fd?: number,
  flags = 0,
): UdpHandle | number {
  const handle = newHandle(host, type);
  let result = 0;
  if (fd !== undefined && fd > 0) result = kindOfDescriptor(host, fd) === 'UDP' ? handle.open(fd) : -EINVAL;
  else if (port || address) result = handle.bind(address ?? '0.0.0.0', port, flags);
  if (result >= 0) return handle;
  handle.close();
  return result;
}
