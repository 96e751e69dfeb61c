import { EADDRNOTAVAIL, EINVAL, ENOPROTOOPT, ENOTCONN, EPROTO } from '../../device/errno.ts';
import { inetDevice } from '../ip/inet-device.ts';
import { IP_OPTIONS_MAX } from '../ip/options.ts';
import { pathMtu } from '../ip/path.ts';
import { SOCK_STREAM } from './abi.ts';
import type { InetSocket } from './inet-socket.ts';
import { intBytes, readInt, readNetwork32, writeNetwork32 } from './message.ts';
import { copyOption } from './socket-options.ts';
import {
  changeGroup,
  changeGroupSource,
  changeSource,
  getFilter,
  getGroupFilter,
  IP_ADD_SOURCE_MEMBERSHIP,
  IP_BLOCK_SOURCE,
  IP_DROP_SOURCE_MEMBERSHIP,
  IP_MSFILTER,
  IP_UNBLOCK_SOURCE,
  MCAST_BLOCK_SOURCE,
  MCAST_JOIN_GROUP,
  MCAST_JOIN_SOURCE_GROUP,
  MCAST_LEAVE_GROUP,
  MCAST_LEAVE_SOURCE_GROUP,
  MCAST_MSFILTER,
  MCAST_UNBLOCK_SOURCE,
  setFilter,
  setGroupFilter,
} from './source-filter.ts';

export const IP_TOS = 1;
export const IP_TTL = 2;
const IP_OPTIONS = 4;
export const IP_PKTINFO = 8;
export const IP_MTU_DISCOVER = 10;
export const IP_RECVERR = 11;
export const IP_RECVTTL = 12;
export const IP_RECVTOS = 13;
export const IP_MTU = 14;
export const IP_FREEBIND = 15;
export const IP_TRANSPARENT = 19;
export const IP_RECVORIGDSTADDR = 20;
export const IP_MINTTL = 21;
export const IP_BIND_ADDRESS_NO_PORT = 24;
export const IP_MULTICAST_IF = 32;
export const IP_MULTICAST_TTL = 33;
export const IP_MULTICAST_LOOP = 34;
export const IP_ADD_MEMBERSHIP = 35;
export const IP_DROP_MEMBERSHIP = 36;
export const IP_MULTICAST_ALL = 49;

/** Values of IP_MTU_DISCOVER; 4 is IP_PMTUDISC_INTERFACE. */
export const IP_PMTUDISC_DONT = 0;
export const IP_PMTUDISC_WANT = 1;
export const IP_PMTUDISC_DO = 2;
export const IP_PMTUDISC_PROBE = 3;
export const IP_PMTUDISC_OMIT = 5;

const INET_ECN_MASK = 3;

interface InetOption {
  /** Its value as an int, or as bytes, or a negated errno with `fails`. */
  readonly get?: (socket: InetSocket) => number | Uint8Array;
  /** Fills in what the reader's buffer asks for; bytes, or a negated errno. */
  readonly fill?: (socket: InetSocket, out: Uint8Array) => number;
  /** Sets it; `value` is the int (of one byte when shorter), `bytes` all that came. */
  readonly set?: (socket: InetSocket, value: number, bytes: Uint8Array) => number;
}

/** Fields that are switches. */
type Switch =
  | 'receiveErrors'
  | 'packetInfo'
  | 'receiveTtl'
  | 'receiveTos'
  | 'receiveDestination'
  | 'freebind'
  | 'transparent'
  | 'bindAddressNoPort'
  | 'multicastLoop';

/** `least`: bytes that a value must have; Linux takes none for 0 in most cases. */
function switchOf(field: Switch, least = 0): InetOption {
  return {
    get: (socket) => socket[field],
    set: (socket, value, bytes) => {
      if (bytes.length < least) return -EINVAL;
      socket[field] = value === 0 ? 0 : 1;
      return 0;
    },
  };
}

/** `SOL_IP` (Linux: `do_ip_setsockopt`, `do_ip_getsockopt`). */
const OPTIONS: ReadonlyMap<number, InetOption> = new Map<number, InetOption>([
  [IP_PKTINFO, switchOf('packetInfo')],
  [IP_RECVTTL, switchOf('receiveTtl')],
  [IP_RECVTOS, switchOf('receiveTos')],
  [IP_RECVORIGDSTADDR, switchOf('receiveDestination')],
  [IP_FREEBIND, switchOf('freebind', 1)],
  [IP_TRANSPARENT, switchOf('transparent', 1)],
  [IP_BIND_ADDRESS_NO_PORT, switchOf('bindAddressNoPort')],
  [IP_MULTICAST_LOOP, switchOf('multicastLoop', 1)],
  [
    IP_RECVERR,
    {
      get: (socket) => socket.receiveErrors,
      set: (socket, value) => {
        socket.receiveErrors = value === 0 ? 0 : 1;
        if (value === 0) socket.errors.clear();
        return 0;
      },
    },
  ],
  [IP_TOS, { get: (socket) => socket.tos, set: setTos }],
  [
    IP_TTL,
    {
      get: (socket) => (socket.ttl < 0 ? socket.layer.context.settings.defaultTtl.value : socket.ttl),
      set: (socket, value, bytes) => {
        if (bytes.length < 1 || (value !== -1 && (value < 1 || value > 255))) return -EINVAL;
        socket.ttl = value;
        return 0;
      },
    },
  ],
  [
    IP_MINTTL,
    {
      get: (socket) => socket.minTtl,
      set: (socket, value, bytes) => {
        if (bytes.length < 1 || value < 0 || value > 255) return -EINVAL;
        socket.minTtl = value;
        return 0;
      },
    },
  ],
  [
    IP_MTU_DISCOVER,
    {
      get: (socket) => socket.mtuDiscover,
      set: (socket, value) => {
        if (value < IP_PMTUDISC_DONT || value > IP_PMTUDISC_OMIT) return -EINVAL;
        socket.mtuDiscover = value;
        return 0;
      },
    },
  ],
  [IP_MTU, { get: getMtu }],
  [
    IP_MULTICAST_TTL,
    {
      get: (socket) => socket.multicastTtl,
      set: (socket, value, bytes) => {
        if (socket.type === SOCK_STREAM || bytes.length < 1 || value < -1 || value > 255) return -EINVAL;
        socket.multicastTtl = value === -1 ? 1 : value;
        return 0;
      },
    },
  ],
  [
    IP_MULTICAST_ALL,
    {
      get: (socket) => socket.multicastAll,
      set: (socket, value, bytes) => {
        if (bytes.length < 1 || value < 0 || value > 1) return -EINVAL;
        socket.multicastAll = value;
        return 0;
      },
    },
  ],
  [IP_MULTICAST_IF, { get: getMulticastInterface, set: setMulticastInterface }],
  [IP_ADD_MEMBERSHIP, { set: (socket, _value, bytes) => changeMembership(socket, bytes, true) }],
  [IP_DROP_MEMBERSHIP, { set: (socket, _value, bytes) => changeMembership(socket, bytes, false) }],
  ...[IP_ADD_SOURCE_MEMBERSHIP, IP_DROP_SOURCE_MEMBERSHIP, IP_BLOCK_SOURCE, IP_UNBLOCK_SOURCE].map(
    (option): [number, InetOption] => [
      option,
      { set: (socket, _value, bytes) => changeSource(socket, option, bytes) },
    ],
  ),
  ...[MCAST_JOIN_SOURCE_GROUP, MCAST_LEAVE_SOURCE_GROUP, MCAST_BLOCK_SOURCE, MCAST_UNBLOCK_SOURCE].map(
    (option): [number, InetOption] => [
      option,
      { set: (socket, _value, bytes) => changeGroupSource(socket, option, bytes) },
    ],
  ),
  ...[MCAST_JOIN_GROUP, MCAST_LEAVE_GROUP].map((option): [number, InetOption] => [
    option,
    { set: (socket, _value, bytes) => changeGroup(socket, option, bytes) },
  ]),
  [IP_MSFILTER, { set: (socket, _value, bytes) => setFilter(socket, bytes), fill: getFilter }],
  [MCAST_MSFILTER, { set: (socket, _value, bytes) => setGroupFilter(socket, bytes), fill: getGroupFilter }],
  [IP_OPTIONS, { get: (socket) => socket.optionBytes, set: setOptions }],
]);

/** Sets an option of level `SOL_IP`; 0 or a negated errno. */
export function setInetOption(socket: InetSocket, option: number, bytes: Uint8Array): number {
  const value = bytes.length >= 4 ? readInt(bytes) : (bytes[0] ?? 0);
  return OPTIONS.get(option)?.set?.(socket, value, bytes) ?? -ENOPROTOOPT;
}

/** Fills `out` with an option of level `SOL_IP`; bytes written or a negated errno. */
export function getInetOption(socket: InetSocket, option: number, out: Uint8Array): number {
  const known = OPTIONS.get(option);
  if (known?.fill !== undefined) return known.fill(socket, out);
  const value = known?.get?.(socket);
  if (value === undefined) return -ENOPROTOOPT;
  if (typeof value !== 'number') return copyOption(value, out);
  if (option === IP_MTU && value < 0) return value;
  // A reader with less room than an int gets the one byte that most of these are.
  if (out.length > 0 && out.length < 4 && value >= 0 && value <= 255) {
    out[0] = value;
    return 1;
  }
  return copyOption(intBytes(value), out);
}

/** Options on all that it sends, padded to whole words (Linux: `IP_OPTIONS`, `ip_options_get`). */
function setOptions(socket: InetSocket, _value: number, bytes: Uint8Array): number {
  if (bytes.length > IP_OPTIONS_MAX) return -EINVAL;
  const padded = new Uint8Array((bytes.length + 3) & ~3);
  padded.set(bytes);
  const compiled = socket.layer.context.ip.output.compile(padded);
  if (compiled === null) return -EINVAL;
  socket.optionBytes = padded;
  socket.setOptions(padded.length === 0 ? null : compiled);
  return 0;
}

/** Linux: `ip_sock_set_tos`: a stream's ECN bits are its own. */
function setTos(socket: InetSocket, value: number): number {
  const ecn = socket.type === SOCK_STREAM ? INET_ECN_MASK : 0;
  socket.tos = ((value & ~ecn) | (socket.tos & ecn)) & 0xff;
  return 0;
}

/** The path MTU of a connected socket. */
function getMtu(socket: InetSocket): number {
  if (socket.remote === 0) return -ENOTCONN;
  const path = socket.route(socket.remote, socket.source, socket.boundIfindex);
  return typeof path === 'number' ? -ENOTCONN : pathMtu(path, socket.layer.context.machine.clock.recent());
}

function getMulticastInterface(socket: InetSocket): Uint8Array {
  const bytes = new Uint8Array(4);
  writeNetwork32(bytes, 0, socket.multicastSource);
  return bytes;
}

/** An address, `struct ip_mreq` or `struct ip_mreqn`. */
function setMulticastInterface(socket: InetSocket, _value: number, bytes: Uint8Array): number {
  if (socket.type === SOCK_STREAM || bytes.length < 4) return -EINVAL;
  const local = readNetwork32(bytes, bytes.length >= 8 ? 4 : 0);
  let ifindex = bytes.length >= 12 ? readInt(bytes, 8) : 0;
  if (ifindex === 0 && local === 0) {
    socket.multicastIfindex = 0;
    socket.multicastSource = 0;
    return 0;
  }
  const { ns } = socket.layer.context;
  const dev =
    ifindex !== 0
      ? ns.deviceByIndex(ifindex)
      : ns.devices.find((one) => inetDevice(one)?.has(local) === true);
  if (dev === undefined) return -EADDRNOTAVAIL;
  ifindex = dev.ifindex;
  if (socket.boundIfindex !== 0 && socket.boundIfindex !== ifindex) return -EINVAL;
  socket.multicastIfindex = ifindex;
  socket.multicastSource = local;
  return 0;
}

function changeMembership(socket: InetSocket, bytes: Uint8Array, join: boolean): number {
  if (socket.type === SOCK_STREAM) return -EPROTO;
  if (bytes.length < 8) return -EINVAL;
  const group = readNetwork32(bytes, 0);
  const local = readNetwork32(bytes, 4);
  const ifindex = bytes.length >= 12 ? readInt(bytes, 8) : 0;
  return join
    ? socket.memberships.join(group, ifindex, local, socket.layer.core.maxMemberships.value)
    : socket.memberships.leave(group, ifindex, local);
}
