import { EADDRINUSE, EADDRNOTAVAIL, EINVAL, ENOBUFS } from '../../device/errno.ts';
import { AF_INET } from './abi.ts';
import type { InetSocket } from './inet-socket.ts';
import { MCAST_EXCLUDE, MCAST_INCLUDE } from './memberships.ts';
import { intBytes, readInt, readNetwork32, writeNetwork32 } from './message.ts';
import { copyOption } from './socket-options.ts';

/** Memberships by sender (RFC 3376, RFC 3678): the options of IPv4, and those of both families, which name addresses as sockets do. */
export const IP_UNBLOCK_SOURCE = 37;
export const IP_BLOCK_SOURCE = 38;
export const IP_ADD_SOURCE_MEMBERSHIP = 39;
export const IP_DROP_SOURCE_MEMBERSHIP = 40;
export const IP_MSFILTER = 41;
export const MCAST_JOIN_GROUP = 42;
export const MCAST_BLOCK_SOURCE = 43;
export const MCAST_UNBLOCK_SOURCE = 44;
export const MCAST_LEAVE_GROUP = 45;
export const MCAST_JOIN_SOURCE_GROUP = 46;
export const MCAST_LEAVE_SOURCE_GROUP = 47;
export const MCAST_MSFILTER = 48;

/** Bytes of `struct ip_mreq_source`; of `ip_msfilter` and `group_filter` without their sources; of `sockaddr_storage`. */
const SOURCE_REQUEST = 12;
const FILTER = 16;
const STORAGE = 128;
const GROUP_REQUEST = 8 + STORAGE;
const GROUP_FILTER = 16 + STORAGE;

/** What is done with one sender: the mode of the filter that it is about, and whether the sender is listed or taken off. */
interface SourceChange {
  readonly mode: number;
  readonly add: boolean;
}

const BLOCK: SourceChange = { mode: MCAST_EXCLUDE, add: true };
const UNBLOCK: SourceChange = { mode: MCAST_EXCLUDE, add: false };
const HEAR: SourceChange = { mode: MCAST_INCLUDE, add: true };
const UNHEAR: SourceChange = { mode: MCAST_INCLUDE, add: false };

const CHANGES: ReadonlyMap<number, SourceChange> = new Map([
  [IP_BLOCK_SOURCE, BLOCK],
  [IP_UNBLOCK_SOURCE, UNBLOCK],
  [IP_ADD_SOURCE_MEMBERSHIP, HEAR],
  [IP_DROP_SOURCE_MEMBERSHIP, UNHEAR],
  [MCAST_BLOCK_SOURCE, BLOCK],
  [MCAST_UNBLOCK_SOURCE, UNBLOCK],
  [MCAST_JOIN_SOURCE_GROUP, HEAR],
  [MCAST_LEAVE_SOURCE_GROUP, UNHEAR],
]);

function change(
  socket: InetSocket,
  option: number,
  group: number,
  ifindex: number,
  local: number,
  source: number,
): number {
  const { memberships, layer } = socket;
  const { mode, add } = CHANGES.get(option)!;
  if (mode === MCAST_INCLUDE && add) {
    const joined = memberships.join(group, ifindex, local, layer.core.maxMemberships.value, MCAST_INCLUDE);
    if (joined < 0 && joined !== -EADDRINUSE) return joined;
  }
  return memberships.changeSource(group, ifindex, local, source, mode, add, layer.core.maxSources.value);
}

/** `IP_ADD_SOURCE_MEMBERSHIP` and its like: `struct ip_mreq_source`. */
export function changeSource(socket: InetSocket, option: number, bytes: Uint8Array): number {
  if (bytes.length !== SOURCE_REQUEST) return -EINVAL;
  const [group, local, source] = [0, 4, 8].map((at) => readNetwork32(bytes, at)) as [number, number, number];
  return change(socket, option, group, 0, local, source);
}

/** `MCAST_JOIN_SOURCE_GROUP` and its like: `struct group_source_req`. */
export function changeGroupSource(socket: InetSocket, option: number, bytes: Uint8Array): number {
  if (bytes.length !== GROUP_REQUEST + STORAGE) return -EINVAL;
  const group = storedAddress(bytes, 8);
  const source = storedAddress(bytes, GROUP_REQUEST);
  if (group < 0 || source < 0) return -EADDRNOTAVAIL;
  return change(socket, option, group, readInt(bytes), 0, source);
}

/** `MCAST_JOIN_GROUP`, `MCAST_LEAVE_GROUP`: `struct group_req`. */
export function changeGroup(socket: InetSocket, option: number, bytes: Uint8Array): number {
  if (bytes.length < GROUP_REQUEST) return -EINVAL;
  const group = storedAddress(bytes, 8);
  if (group < 0) return -EINVAL;
  const { memberships, layer } = socket;
  return option === MCAST_JOIN_GROUP
    ? memberships.join(group, readInt(bytes), 0, layer.core.maxMemberships.value)
    : memberships.leave(group, readInt(bytes), 0);
}

/** `IP_MSFILTER`: `struct ip_msfilter`. */
export function setFilter(socket: InetSocket, bytes: Uint8Array): number {
  if (bytes.length < FILTER) return -EINVAL;
  const count = readInt(bytes, 12) >>> 0;
  if (count > socket.layer.core.maxSources.value) return -ENOBUFS;
  if (FILTER + count * 4 > bytes.length) return -EINVAL;
  const sources = Array.from({ length: count }, (_, index) => readNetwork32(bytes, FILTER + index * 4));
  return socket.memberships.setFilter(
    readNetwork32(bytes, 0),
    0,
    readNetwork32(bytes, 4),
    readInt(bytes, 8),
    sources,
  );
}

/** `MCAST_MSFILTER`: `struct group_filter`. */
export function setGroupFilter(socket: InetSocket, bytes: Uint8Array): number {
  if (bytes.length < GROUP_FILTER) return -EINVAL;
  const count = readInt(bytes, GROUP_FILTER - 4) >>> 0;
  if (count > socket.layer.core.maxSources.value) return -ENOBUFS;
  if (GROUP_FILTER + count * STORAGE > bytes.length) return -EINVAL;
  const group = storedAddress(bytes, 8);
  const sources = Array.from({ length: count }, (_, index) =>
    storedAddress(bytes, GROUP_FILTER + index * STORAGE),
  );
  if (group < 0 || sources.some((source) => source < 0)) return -EADDRNOTAVAIL;
  return socket.memberships.setFilter(group, readInt(bytes), 0, readInt(bytes, GROUP_FILTER - 8), sources);
}

/** Fills `out`, which names the group and has room for some senders, with its filter (Linux: `ip_mc_msfget`); bytes. */
export function getFilter(socket: InetSocket, out: Uint8Array): number {
  if (out.length < FILTER) return -EINVAL;
  const found = socket.memberships.filter(readNetwork32(out, 0), 0, readNetwork32(out, 4));
  if (typeof found === 'number') return found;
  const sources = found.sources ?? [];
  const room = Math.min(readInt(out, 12) >>> 0, (out.length - FILTER) >>> 2);
  out.set(intBytes(found.mode), 8);
  out.set(intBytes(sources.length), 12);
  const listed = sources.slice(0, room);
  listed.forEach((source, index) => {
    writeNetwork32(out, FILTER + index * 4, source);
  });
  return FILTER + listed.length * 4;
}

/** The same as `struct group_filter`. */
export function getGroupFilter(socket: InetSocket, out: Uint8Array): number {
  if (out.length < GROUP_FILTER) return -EINVAL;
  const group = storedAddress(out, 8);
  if (group < 0) return -EADDRNOTAVAIL;
  const found = socket.memberships.filter(group, readInt(out), 0);
  if (typeof found === 'number') return found;
  const sources = found.sources ?? [];
  const room = Math.min(
    readInt(out, GROUP_FILTER - 4) >>> 0,
    Math.floor((out.length - GROUP_FILTER) / STORAGE),
  );
  out.set(intBytes(found.mode), GROUP_FILTER - 8);
  out.set(intBytes(sources.length), GROUP_FILTER - 4);
  const listed = sources.slice(0, room);
  listed.forEach((source, index) => {
    const storage = new Uint8Array(STORAGE);
    socket.family.writeSockaddr(storage, 0, source, 0);
    copyOption(storage, out.subarray(GROUP_FILTER + index * STORAGE));
  });
  return GROUP_FILTER + listed.length * STORAGE;
}

/** The IPv4 address in a `struct sockaddr_storage` at `at`, -1: it has none. */
function storedAddress(bytes: Uint8Array, at: number): number {
  const family = bytes[at]! | (bytes[at + 1]! << 8);
  return family === AF_INET ? readNetwork32(bytes, at + 4) : -1;
}
