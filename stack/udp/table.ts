import type { Entropy } from '../../device/random.ts';
import { type FlowKey, FlowTable, flowHash } from '../socket/flow-table.ts';
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

  /** The socket for a datagram; null: none. */
  find(key: Readonly<FlowKey>): UdpSocket | null {
    const connected = this.#connected.lookup(key);
    if (connected !== null) return connected;
    const users = this.ports.users(key.localPort);
    if (users.length === 0) return null;
    return this.#best(users, key, false) ?? this.#best(users, key, true);
  }

  /** Whether a datagram to a group or to all is for a socket (Linux: `__udp_is_mcast_sock`). */
  wants(socket: UdpSocket, key: Readonly<FlowKey>, multicast: boolean): boolean {
    if (socket.remote !== 0 && socket.remote !== key.remote) return false;
    if (socket.remotePort !== 0 && socket.remotePort !== key.remotePort) return false;
    if (socket.local !== 0 && socket.local !== key.local) return false;
    if (socket.boundIfindex !== 0 && socket.boundIfindex !== key.ifindex) return false;
    return (
      !multicast || socket.memberships.allows(key.local, key.remote, key.ifindex, socket.multicastAll === 1)
    );
  }

  /** The best of the sockets that are bound to the address, or to any; among equals the newest (Linux: `udp4_lib_lookup2`). */
  #best(users: readonly UdpSocket[], key: Readonly<FlowKey>, any: boolean): UdpSocket | null {
    let best: UdpSocket | null = null;
    let most = 0;
    for (let i = users.length - 1; i >= 0; i--) {
      const socket = users[i]!;
      if (any ? socket.local !== 0 : socket.local !== key.local) continue;
      const score = scoreOf(socket, key);
      if (score > most) {
        most = score;
        best = socket;
      }
    }
    if (best === null || best.reusePort === 0 || best.remote !== 0) return best;
    return this.#ofGroup(users, best, key);
  }

  /** One of those that share the port, chosen by the sender's address (Linux: `reuseport_select_sock`). */
  #ofGroup(users: readonly UdpSocket[], best: UdpSocket, key: Readonly<FlowKey>): UdpSocket {
    let size = 0;
    for (let i = 0; i < users.length; i++) if (inGroup(users[i]!, best)) size++;
    const hash = flowHash(this.#secret, key.local | 0, key.localPort, key.remote | 0, key.remotePort);
    let chosen = Math.floor((hash / 0x1_0000_0000) * size);
    for (let i = 0; i < users.length; i++) {
      const socket = users[i]!;
      if (inGroup(socket, best) && chosen-- === 0) return socket;
    }
    return best;
  }
}

/** How well a socket fits a datagram, 0: not at all. */
function scoreOf(socket: UdpSocket, key: Readonly<FlowKey>): number {
  let score = BASE_SCORE;
  if (socket.remote !== 0) {
    if (socket.remote !== key.remote) return 0;
    score += MATCH_SCORE;
  }
  if (socket.remotePort !== 0) {
    if (socket.remotePort !== key.remotePort) return 0;
    score += MATCH_SCORE;
  }
  if (socket.boundIfindex !== 0) {
    if (socket.boundIfindex !== key.ifindex) return 0;
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
