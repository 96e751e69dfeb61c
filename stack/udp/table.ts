import type { Entropy } from '../../device/random.ts';
import { FlowTable, flowHash } from '../socket/flow-table.ts';
import { datagramConflict, type EphemeralPorts, PortTable } from '../socket/ports.ts';
import type { UdpSocket } from './udp-socket.ts';

/** Linux: `compute_score`. */
const BASE_SCORE = 2;
const MATCH_SCORE = 4;

/**
 * Who gets a datagram (Linux: `__udp4_lib_lookup`): connected sockets by both ends, then the best of those bound to the address,
 * then of those bound to none.
 */
export class UdpTable {
  readonly ports: PortTable<UdpSocket>;
  readonly #connected: FlowTable<UdpSocket>;
  readonly #secret: number;

  constructor(ephemeral: EphemeralPorts, entropy: Entropy) {
    this.ports = new PortTable<UdpSocket>(ephemeral, datagramConflict);
    this.#connected = new FlowTable<UdpSocket>(entropy);
    this.#secret = entropy.u32();
  }

  /** Enters a socket under its port and, when it is connected, under both ends. */
  add(socket: UdpSocket): void {
    this.ports.add(socket);
    this.addConnected(socket);
  }

  remove(socket: UdpSocket): void {
    this.ports.remove(socket);
    this.removeConnected(socket);
  }

  addConnected(socket: UdpSocket): void {
    if (socket.remote !== 0 && socket.remotePort !== 0) this.#connected.add(socket);
  }

  removeConnected(socket: UdpSocket): void {
    if (socket.remote !== 0 && socket.remotePort !== 0) this.#connected.remove(socket);
  }

  /** The socket for a datagram that came by interface `ifindex`; null: none. */
  find(
    local: number,
    localPort: number,
    remote: number,
    remotePort: number,
    ifindex: number,
  ): UdpSocket | null {
    const connected = this.#connected.find(local, localPort, remote, remotePort, ifindex);
    if (connected !== null) return connected;
    const users = this.ports.users(localPort);
    if (users.length === 0) return null;
    return (
      this.#best(users, local, local, remote, remotePort, ifindex) ??
      this.#best(users, 0, local, remote, remotePort, ifindex)
    );
  }

  /** Whether a datagram to a group or to all is for a socket (Linux: `__udp_is_mcast_sock`). */
  wants(
    socket: UdpSocket,
    destination: number,
    source: number,
    sourcePort: number,
    ifindex: number,
    multicast: boolean,
  ): boolean {
    if (socket.remote !== 0 && socket.remote !== source) return false;
    if (socket.remotePort !== 0 && socket.remotePort !== sourcePort) return false;
    if (socket.local !== 0 && socket.local !== destination) return false;
    if (socket.boundIfindex !== 0 && socket.boundIfindex !== ifindex) return false;
    return !multicast || socket.memberships.allows(destination, ifindex, socket.multicastAll === 1);
  }

  /** The best of the sockets that are bound to `address`, among equals the newest (Linux: `udp4_lib_lookup2`). */
  #best(
    users: readonly UdpSocket[],
    address: number,
    local: number,
    remote: number,
    remotePort: number,
    ifindex: number,
  ): UdpSocket | null {
    let best: UdpSocket | null = null;
    let most = 0;
    for (let i = users.length - 1; i >= 0; i--) {
      const socket = users[i]!;
      if (socket.local !== address) continue;
      const score = scoreOf(socket, remote, remotePort, ifindex);
      if (score > most) {
        most = score;
        best = socket;
      }
    }
    if (best === null || best.reusePort === 0 || best.remote !== 0) return best;
    return this.#ofGroup(users, best, local, remote, remotePort);
  }

  /** One of those that share the port, chosen by the sender's address (Linux: `reuseport_select_sock`). */
  #ofGroup(
    users: readonly UdpSocket[],
    best: UdpSocket,
    local: number,
    remote: number,
    remotePort: number,
  ): UdpSocket {
    let size = 0;
    for (let i = 0; i < users.length; i++) if (inGroup(users[i]!, best)) size++;
    const hash = flowHash(this.#secret, local, best.localPort, remote, remotePort);
    let chosen = Math.floor((hash / 0x1_0000_0000) * size);
    for (let i = 0; i < users.length; i++) {
      const socket = users[i]!;
      if (inGroup(socket, best) && chosen-- === 0) return socket;
    }
    return best;
  }
}

/** How well a socket fits a datagram, 0: not at all. */
function scoreOf(socket: UdpSocket, remote: number, remotePort: number, ifindex: number): number {
  let score = BASE_SCORE;
  if (socket.remote !== 0) {
    if (socket.remote !== remote) return 0;
    score += MATCH_SCORE;
  }
  if (socket.remotePort !== 0) {
    if (socket.remotePort !== remotePort) return 0;
    score += MATCH_SCORE;
  }
  if (socket.boundIfindex !== 0) {
    if (socket.boundIfindex !== ifindex) return 0;
    score += MATCH_SCORE;
  }
  return score;
}

/** Whether two share a port by SO_REUSEPORT, unconnected. */
function inGroup(socket: UdpSocket, other: UdpSocket): boolean {
  return (
    socket.reusePort !== 0 &&
    socket.remote === 0 &&
    socket.local === other.local &&
    socket.boundIfindex === other.boundIfindex
  );
}
