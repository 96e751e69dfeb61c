import { dropReason } from '../../device/drop.ts';
import { EALREADY, ENOENT } from '../../device/errno.ts';
import type { Packet } from '../../device/memory/packet.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { inetDevice } from '../ip/inet-device.ts';
import type { Path } from '../ip/path.ts';
import { IP_PROTOCOL } from '../wire/ipv4.ts';
import { FlowTable } from './flow-table.ts';
import type { SocketLayer } from './layer.ts';
import type { Socket } from './socket.ts';

/** The handler of flows let it go, or the stack was closed first. */
export const DROP_FLOW_DROPPED: number = dropReason('flow_dropped');
/** More of a flow that its handler has not decided about. */
export const DROP_FLOW_PENDING: number = dropReason('flow_pending');
/** Too many flows wait for a decision, or they and the sockets' queues hold too much memory. */
export const DROP_FLOW_LIMIT: number = dropReason('flow_limit');

/** Flows that wait for a decision. */
const MOST_PENDING = 1024;

/** What a transport does with flows of its protocol. */
export interface FlowAcceptor {
  /** Makes the flow's socket, of which `flow.packet` is the first that it receives. Takes the packet's ownership. */
  accept(flow: OfferedFlow): Socket | number;
  /** Tells the sender that nobody is there. Takes the packet's ownership. */
  reject(flow: OfferedFlow): void;
}

/** Decides about a flow, at once or later, by its `accept()`, `reject()` or `drop()`. */
export type FlowHandler = (flow: OfferedFlow) => void;

/** A flow that nobody here has a socket for. Its first packet waits with it. */
export class OfferedFlow {
  readonly protocol: number;
  /** Where it is going, which need not be an address of this host. */
  readonly local: number;
  readonly localPort: number;
  /** Who sends. */
  readonly remote: number;
  readonly remotePort: number;
  /** The device that its first packet came by, and the packet. */
  readonly dev: NetDevice;
  readonly packet: Packet;
  readonly path: Path;
  readonly boundIfindex = 0;
  flowNext: OfferedFlow | null = null;
  decided = false;
  readonly #forwarder: Forwarder;

  constructor(
    forwarder: Forwarder,
    protocol: number,
    packet: Packet,
    dev: NetDevice,
    path: Path,
    local: number,
    localPort: number,
    remote: number,
    remotePort: number,
  ) {
    this.#forwarder = forwarder;
    this.protocol = protocol;
    this.packet = packet;
    this.dev = dev;
    this.path = path;
    this.local = local;
    this.localPort = localPort;
    this.remote = remote;
    this.remotePort = remotePort;
  }

  /** Takes the flow; the descriptor of its socket, bound to `local` and connected to `remote`, or a negated errno. */
  accept(): number {
    return this.#forwarder.decide(this, (acceptor) => {
      const socket = acceptor.accept(this);
      return typeof socket === 'number' ? socket : this.#forwarder.layer.install(socket);
    });
  }

  /** Refuses it, and says so: port unreachable, or a reset. */
  reject(): number {
    return this.#forwarder.decide(this, (acceptor) => {
      acceptor.reject(this);
      return 0;
    });
  }

  /** Refuses it in silence. Its next packet is a new flow. */
  drop(): number {
    return this.#forwarder.decide(this, () => {
      this.dev.drop(this.packet, DROP_FLOW_DROPPED);
      return 0;
    });
  }
}

/**
 * The transparent forwarder: while it has a handler, every flow to any address and port, of the protocols that take part, is
 * offered to it when no socket wants it. Gateways are built on it.
 */
export class Forwarder {
  readonly layer: SocketLayer;
  readonly #acceptors = new Map<number, FlowAcceptor>();
  readonly #pending = new Map<number, FlowTable<OfferedFlow>>();
  readonly #flows = new Set<OfferedFlow>();
  #handler: FlowHandler | null = null;

  constructor(layer: SocketLayer) {
    this.layer = layer;
  }

  get active(): boolean {
    return this.#handler !== null;
  }

  /** Flows that wait for a decision. */
  get pending(): number {
    return this.#flows.size;
  }

  /** Lets a transport take part. */
  addProtocol(protocol: number, acceptor: FlowAcceptor): void {
    this.#acceptors.set(protocol, acceptor);
    this.#pending.set(protocol, new FlowTable(this.layer.context.ns.entropy.fork()));
  }

  /** Offers new flows to `handler`; null: no longer, and those that wait are dropped. */
  setHandler(handler: FlowHandler | null): void {
    this.#handler = handler;
    this.layer.context.ip.input.intercept =
      handler === null ? null : (packet, dev) => this.#intercept(packet, dev);
    if (handler === null) for (const flow of this.#flows) flow.drop();
  }

  /**
   * Offers the flow of a packet that no socket wants. True: it took the packet's ownership. The transport calls it while
   * {@link active}.
   */
  offer(
    protocol: number,
    packet: Packet,
    dev: NetDevice,
    path: Path,
    local: number,
    localPort: number,
    remote: number,
    remotePort: number,
  ): boolean {
    const table = this.#pending.get(protocol);
    if (this.#handler === null || table === undefined) return false;
    if (table.find(local, localPort, remote, remotePort, 0) !== null) {
      dev.drop(packet, DROP_FLOW_PENDING);
      return true;
    }
    if (this.#flows.size >= MOST_PENDING || !this.layer.budget.take(packet)) {
      dev.drop(packet, DROP_FLOW_LIMIT);
      return true;
    }
    const flow = new OfferedFlow(this, protocol, packet, dev, path, local, localPort, remote, remotePort);
    table.add(flow);
    this.#flows.add(flow);
    this.#handler(flow);
    return true;
  }

  /** Used by flows: does what was decided, once. */
  decide(flow: OfferedFlow, action: (acceptor: FlowAcceptor) => number): number {
    if (flow.decided) return -EALREADY;
    const acceptor = this.#acceptors.get(flow.protocol);
    if (acceptor === undefined) return -ENOENT;
    flow.decided = true;
    this.#pending.get(flow.protocol)?.remove(flow);
    this.#flows.delete(flow);
    this.layer.budget.give(flow.packet);
    return action(acceptor);
  }

  /** The path on which a packet for another host is delivered here all the same; null: it goes its way. */
  #intercept(packet: Packet, dev: NetDevice): Path | null {
    const protocol = packet.pool.view.getUint8(packet.network + IP_PROTOCOL);
    return this.#acceptors.has(protocol) ? (inetDevice(dev)?.paths.local ?? null) : null;
  }
}
