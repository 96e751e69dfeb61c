import { DROP_POOL_EXHAUSTED, dropReason } from '../../device/drop.ts';
import { ENOMEM } from '../../device/errno.ts';
import { checksum } from '../../device/memory/checksum.ts';
import { CHECKSUM_PARTIAL, CHECKSUM_UNNECESSARY, type Packet } from '../../device/memory/packet.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { MIB } from '../counters.ts';
import type { IpContext } from '../ip/context.ts';
import type { Path } from '../ip/path.ts';
import type { IpProtocol } from '../ip/protocols.ts';
import { FlowKey } from '../socket/flow-table.ts';
import type { Forwarder } from '../socket/forward.ts';
import { RTN_BROADCAST, RTN_MULTICAST } from '../wire/address.ts';
import { ICMP_DEST_UNREACH, ICMP_PORT_UNREACH } from '../wire/icmp.ts';
import {
  IP_DESTINATION,
  IP_SOURCE,
  IP_TTL,
  IPPROTO_UDP,
  ipv4HeaderLength,
  pseudoHeaderSum,
} from '../wire/ipv4.ts';
import { UDP_CHECKSUM, UDP_DESTINATION, UDP_HLEN, UDP_LENGTH, UDP_SOURCE } from '../wire/udp.ts';
import type { UdpTable } from './table.ts';
import type { UdpSocket } from './udp-socket.ts';

/** Shorter than its header, or than the header says. */
export const DROP_UDP_TRUNCATED: number = dropReason('udp_truncated');
/** The checksum is wrong. */
export const DROP_UDP_CHECKSUM: number = dropReason('udp_checksum');
/** Nobody has the port. */
export const DROP_UDP_NO_SOCKET: number = dropReason('udp_no_socket');
/** To all or to a group, and nobody has the port. */
export const DROP_UDP_IGNORED_MULTI: number = dropReason('udp_ignored_multi');
/** The socket's receive buffer is full. */
export const DROP_UDP_RCVBUF: number = dropReason('udp_rcvbuf');
/** The receive buffers of all sockets together are full. */
export const DROP_UDP_MEMORY: number = dropReason('udp_memory');
/** Its TTL is below what the socket takes (IP_MINTTL). */
export const DROP_UDP_MIN_TTL: number = dropReason('udp_min_ttl');

/** Receives datagrams (Linux: `__udp4_lib_rcv`). Up to the socket's queue nothing is allocated or copied. */
export class UdpInput implements IpProtocol {
  readonly #context: IpContext;
  readonly #table: UdpTable;
  readonly #forwarder: Forwarder;
  /** Both ends of the datagram that is being received. */
  readonly #key = new FlowKey();

  constructor(context: IpContext, table: UdpTable, forwarder: Forwarder) {
    this.#context = context;
    this.#table = table;
    this.#forwarder = forwarder;
  }

  receive(received: Packet, dev: NetDevice, path: Path): void {
    const { mib, machine, ns } = this.#context;
    let packet = received;
    if (packet.payloadLength > 0) {
      const linear = machine.pool.copy(packet);
      packet.release();
      if (linear === null) {
        ns.dropUnmade(DROP_POOL_EXHAUSTED);
        return;
      }
      packet = linear;
    }
    const at = packet.start;
    const { view } = packet.pool;
    const bytes = packet.end - at;
    const length = bytes < UDP_HLEN ? 0 : view.getUint16(at + UDP_LENGTH);
    // A super-segment may be longer than its header can say.
    const right = packet.gsoSize > 0 ? bytes >= UDP_HLEN : length >= UDP_HLEN && length <= bytes;
    if (!right) {
      this.#refuse(packet, dev, DROP_UDP_TRUNCATED);
      return;
    }
    if (packet.gsoSize === 0) packet.trim(length);
    const key = this.#key;
    key.local = view.getUint32(packet.network + IP_DESTINATION);
    key.localPort = view.getUint16(at + UDP_DESTINATION);
    key.remote = view.getUint32(packet.network + IP_SOURCE);
    key.remotePort = view.getUint16(at + UDP_SOURCE);
    key.ifindex = dev.ifindex;
    if (!this.#sumIsRight(packet)) {
      mib.add(MIB.UdpInCsumErrors);
      this.#refuse(packet, dev, DROP_UDP_CHECKSUM);
      return;
    }
    if (path.type === RTN_MULTICAST || path.type === RTN_BROADCAST) {
      this.#deliverToMany(packet, dev, path);
      return;
    }
    const socket = this.#table.find(key);
    if (socket !== null) {
      this.#enqueue(socket, packet, dev);
      return;
    }
    if (this.#forwarder.active && this.#offer(packet, dev, path)) return;
    if (this.#context.ip.input.astray?.(packet) === true) {
      packet.release();
      return;
    }
    mib.add(MIB.UdpNoPorts);
    const { icmp, ip } = this.#context;
    icmp.error(packet, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, path, ip.input.options.current);
    dev.drop(packet, DROP_UDP_NO_SOCKET);
  }

  /** Linux: `__udp4_lib_err`. What is quoted went from `source` to `destination`. */
  error(packet: Packet, type: number, code: number, info: number): void {
    const { view } = packet.pool;
    const at = packet.start;
    const transport = at + ipv4HeaderLength(view, at);
    const key = this.#key;
    key.local = view.getUint32(at + IP_SOURCE);
    key.localPort = view.getUint16(transport + UDP_SOURCE);
    key.remote = view.getUint32(at + IP_DESTINATION);
    key.remotePort = view.getUint16(transport + UDP_DESTINATION);
    key.ifindex = packet.ifindex;
    const socket = this.#table.find(key);
    if (socket === null) {
      const astray = this.#context.ip.input.astray?.(packet) === true;
      if (!astray) this.#context.mib.add(MIB.IcmpInErrors);
      return;
    }
    socket.icmpError(packet, type, code, info, UDP_HLEN);
  }

  #offer(packet: Packet, dev: NetDevice, path: Path): boolean {
    const { local, localPort, remote, remotePort } = this.#key;
    return this.#forwarder.offer(IPPROTO_UDP, packet, dev, path, local, localPort, remote, remotePort);
  }

  #enqueue(socket: UdpSocket, packet: Packet, dev: NetDevice): void {
    if (socket.minTtl > packet.pool.view.getUint8(packet.network + IP_TTL)) {
      dev.drop(packet, DROP_UDP_MIN_TTL);
      return;
    }
    const result = socket.enqueue(packet);
    if (result === 0) return;
    const { mib } = this.#context;
    const full = result === -ENOMEM;
    mib.add(full ? MIB.UdpRcvbufErrors : MIB.UdpMemErrors);
    this.#refuse(packet, dev, full ? DROP_UDP_RCVBUF : DROP_UDP_MEMORY);
  }

  /** Linux: `__udp4_lib_mcast_deliver`: everybody who wants it gets it. */
  #deliverToMany(packet: Packet, dev: NetDevice, path: Path): void {
    const key = this.#key;
    const users = this.#table.ports.users(key.localPort);
    const multicast = path.type === RTN_MULTICAST;
    let wanted = 0;
    for (let i = users.length - 1; i >= 0; i--) {
      const socket = users[i]!;
      if (!this.#table.wants(socket, key, multicast)) continue;
      wanted++;
      this.#enqueue(socket, packet.retain(), dev);
    }
    if (wanted > 0) {
      packet.release();
      return;
    }
    this.#context.mib.add(MIB.UdpIgnoredMulti);
    dev.drop(packet, DROP_UDP_IGNORED_MULTI);
  }

  /** No checksum is a right one (RFC 768); what the device or this host vouches for is not summed. */
  #sumIsRight(packet: Packet): boolean {
    if (packet.checksum === CHECKSUM_UNNECESSARY || packet.checksum === CHECKSUM_PARTIAL) return true;
    const at = packet.start;
    if (packet.pool.view.getUint16(at + UDP_CHECKSUM) === 0) return true;
    const length = packet.end - at;
    const { local, remote } = this.#key;
    const pseudo = pseudoHeaderSum(remote | 0, local | 0, IPPROTO_UDP, length);
    return checksum(packet.pool, at, length, pseudo) === 0;
  }

  #refuse(packet: Packet, dev: NetDevice, reason: number): void {
    this.#context.mib.add(MIB.UdpInErrors);
    dev.drop(packet, reason);
  }
}
