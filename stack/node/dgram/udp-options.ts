import { isIPv6 } from 'node:net';
import { EINVAL, ENOPROTOOPT } from '../../../device/errno.ts';
import { SOL_IP, SOL_SOCKET } from '../../socket/abi.ts';
import {
  IP_ADD_MEMBERSHIP,
  IP_DROP_MEMBERSHIP,
  IP_MULTICAST_IF,
  IP_MULTICAST_LOOP,
  IP_MULTICAST_TTL,
  IP_TTL,
} from '../../socket/inet-options.ts';
import type { SocketLayer } from '../../socket/layer.ts';
import { readInt, writeNetwork32 } from '../../socket/message.ts';
import { SO_BROADCAST, SO_RCVBUF, SO_SNDBUF } from '../../socket/socket-options.ts';
import { IP_ADD_SOURCE_MEMBERSHIP, IP_DROP_SOURCE_MEMBERSHIP } from '../../socket/source-filter.ts';
import { parseIpv4 } from '../../wire/address.ts';

/** The checks that libuv makes before it sets an option of a UDP socket (`uv_udp_set_*`); all return 0 or a negated errno. */

export function setBroadcast(layer: SocketLayer, fd: number, on: number): number {
  return layer.setsockopt(fd, SOL_SOCKET, SO_BROADCAST, on);
}

export function setTtl(layer: SocketLayer, fd: number, ttl: number): number {
  return ttl < 1 || ttl > 255 ? -EINVAL : layer.setsockopt(fd, SOL_IP, IP_TTL, ttl);
}

export function setMulticastTtl(layer: SocketLayer, fd: number, ttl: number): number {
  return ttl < 0 || ttl > 255 ? -EINVAL : layer.setsockopt(fd, SOL_IP, IP_MULTICAST_TTL, ttl);
}

export function setMulticastLoopback(layer: SocketLayer, fd: number, on: number): number {
  return layer.setsockopt(fd, SOL_IP, IP_MULTICAST_LOOP, on);
}

/** `address`: of the interface that multicast leaves by; 0.0.0.0: the route's. */
export function setMulticastInterface(layer: SocketLayer, fd: number, address: string): number {
  if (isIPv6(address)) return -ENOPROTOOPT;
  const bytes = addresses(address);
  return typeof bytes === 'number' ? bytes : layer.setsockopt(fd, SOL_IP, IP_MULTICAST_IF, bytes);
}

/** Joins a group or leaves it, on the interface that has `local`, or the route's without one. */
export function setMembership(
  layer: SocketLayer,
  fd: number,
  group: string,
  local: string,
  join: boolean,
): number {
  const bytes = addresses(group, local);
  if (typeof bytes === 'number') return bytes;
  return layer.setsockopt(fd, SOL_IP, join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, bytes);
}

/** The same for what `source` sends to the group. */
export function setSourceMembership(
  layer: SocketLayer,
  fd: number,
  source: string,
  group: string,
  local: string,
  join: boolean,
): number {
  const bytes = addresses(group, local, source);
  if (typeof bytes === 'number') return bytes;
  return layer.setsockopt(fd, SOL_IP, join ? IP_ADD_SOURCE_MEMBERSHIP : IP_DROP_SOURCE_MEMBERSHIP, bytes);
}

/** SO_RCVBUF or SO_SNDBUF: sets it to `size` bytes, and returns 0, or with 0 returns what it is, which is twice what was set. */
export function bufferSize(layer: SocketLayer, fd: number, size: number, receive: boolean): number {
  const option = receive ? SO_RCVBUF : SO_SNDBUF;
  if (size > 0x7fffffff) return -EINVAL;
  if (size > 0) return layer.setsockopt(fd, SOL_SOCKET, option, size);
  const out = new Uint8Array(4);
  const read = layer.getsockopt(fd, SOL_SOCKET, option, out);
  return read < 0 ? read : readInt(out);
}

/** IPv4 addresses in network order, one behind the other; `-EINVAL` for a text that is none. */
function addresses(...texts: readonly string[]): Uint8Array | number {
  const bytes = new Uint8Array(4 * texts.length);
  for (let i = 0; i < texts.length; i++) {
    const address = parseIpv4(texts[i]!);
    if (Number.isNaN(address)) return -EINVAL;
    writeNetwork32(bytes, 4 * i, address);
  }
  return bytes;
}
