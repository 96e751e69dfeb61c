import type { PacketSpec, Ports } from '../script/packet-spec.ts';
import { ACK, SYN } from '../script/packet-spec.ts';
import type { SocketAddress } from '../syscall.ts';
import type { LivePacket } from '../wire/live-packet.ts';
import { decodeQuoted } from '../wire/quoted.ts';
import { Flow } from './flow.ts';
import type { Settings } from './settings.ts';

/** The port of the first connection that comes in; each further one has the next. */
const FIRST_PEER_PORT = 40001;

/**
 * What a script is about: its sockets, and the one under test, which is the newest that connected or that got a
 * connection. Packets of others are not the script's.
 */
export class World {
  readonly settings: Settings;
  /** The connection that packets belong to. */
  current: Flow | undefined;
  readonly flows: Flow[] = [];
  readonly #byFd = new Map<number, Flow>();
  #nextPeerPort = FIRST_PEER_PORT;

  constructor(settings: Settings) {
    this.settings = settings;
  }

  /** A socket was made. */
  socketMade(fd: number, protocol: 'tcp' | 'udp'): void {
    const flow = this.#add(protocol);
    flow.fd = fd;
    this.#byFd.set(fd, flow);
    if (protocol === 'udp') flow.remotePort = this.settings.connectPort;
    this.current ??= flow;
  }

  /** A socket was bound. */
  bound(fd: number, address: SocketAddress): void {
    const flow = this.#byFd.get(fd);
    if (flow === undefined) return;
    if (address.port !== 0) flow.localPort = address.port;
    if (address.address !== 0) flow.localAddress = address.address;
    if (flow.protocol === 'udp') this.current = flow;
  }

  listens(fd: number): void {
    const flow = this.#byFd.get(fd);
    if (flow !== undefined && flow.state === 'new') flow.state = 'listening';
  }

  /** A socket is about to connect, or to send to an address: told before, since the packet follows at once. */
  connects(fd: number, address: SocketAddress): void {
    const flow = this.#byFd.get(fd);
    if (flow === undefined || address.port === 0 || flow.state === 'passive') return;
    flow.state = 'connecting';
    flow.remoteAddress = address.address;
    flow.remotePort = address.port;
    this.current = flow;
  }

  /** `accept` gave a socket for the connection from `peer`. */
  accepted(fd: number, peer: SocketAddress | undefined): void {
    const flow = this.flows.findLast(
      (candidate) =>
        candidate.state === 'passive' && (peer === undefined || candidate.remotePort === peer.port),
    );
    if (flow === undefined) return;
    flow.fd = fd;
    this.#byFd.set(fd, flow);
  }

  closed(fd: number): void {
    this.#byFd.delete(fd);
  }

  /** The file descriptor whose `tcp_info` code sees: that of the connection under test, or of what listens for it. */
  infoFd(): number | undefined {
    if (this.current?.fd !== undefined) return this.current.fd;
    return this.flows.find((flow) => flow.state === 'listening')?.fd;
  }

  /** The connection that an inbound packet of the script belongs to. */
  flowForInbound(packet: PacketSpec): Flow {
    const ports = packet.protocol === 'icmp' ? undefined : packet.ports;
    const opens = packet.protocol === 'tcp' && (packet.flags & (SYN | ACK)) === SYN;
    const known = ports === undefined ? undefined : this.#find(ports.destination, ports.source);
    if (known !== undefined) return known;
    if (opens) {
      const listener = this.#listenerFor(ports);
      if (listener !== undefined) return this.#child(listener, ports);
    }
    const flow = this.current;
    if (flow !== undefined && ports === undefined && flow.protocol === protocolOf(packet, flow))
      return this.#complete(flow);
    return this.#implicit(packet.protocol === 'udp' ? 'udp' : 'tcp', ports);
  }

  /** The connection that a packet from the stack belongs to; undefined when the script is not about it. */
  flowForOutbound(live: LivePacket, expected: PacketSpec): Flow | undefined {
    const ports = expected.protocol === 'icmp' ? undefined : expected.ports;
    const flow =
      ports === undefined ? this.current : (this.#find(ports.source, ports.destination) ?? this.current);
    const quoted = live.transport.kind === 'icmp' ? decodeQuoted(live.transport.payload) : undefined;
    if (flow === undefined || live.destination !== flow.remoteAddress) return undefined;
    if (live.transport.kind === 'icmp') {
      if (quoted === undefined) return expected.protocol === 'icmp' ? flow : undefined;
      return quoted.destinationPort === flow.localPort && quoted.sourcePort === flow.remotePort
        ? flow
        : undefined;
    }
    if (live.transport.kind === 'other' || live.transport.kind !== flow.protocol) return undefined;
    return learnPorts(flow, live) ? flow : undefined;
  }

  #add(protocol: 'tcp' | 'udp'): Flow {
    const flow = new Flow(protocol, this.settings.localAddress, this.settings.remoteAddress);
    this.flows.push(flow);
    return flow;
  }

  #find(localPort: number, remotePort: number): Flow | undefined {
    return this.flows.findLast((flow) => flow.localPort === localPort && flow.remotePort === remotePort);
  }

  /** Without ports: the newest listening socket that nobody has connected to. */
  #listenerFor(ports: Ports | undefined): Flow | undefined {
    return this.flows.findLast(
      (flow) =>
        flow.state === 'listening' &&
        (ports === undefined ? flow.children === 0 : flow.localPort === ports.destination),
    );
  }

  #child(listener: Flow, ports: Ports | undefined): Flow {
    const flow = this.#add('tcp');
    flow.state = 'passive';
    flow.localPort = listener.localPort ?? this.settings.bindPort;
    flow.localAddress = listener.localAddress;
    flow.remotePort = ports?.source ?? this.#nextPeerPort++;
    listener.children++;
    this.current = flow;
    return flow;
  }

  /** Packets to where no socket is. */
  #implicit(protocol: 'tcp' | 'udp', ports: Ports | undefined): Flow {
    const flow = this.#add(protocol);
    flow.localPort = ports?.destination;
    flow.remotePort = ports?.source;
    this.current = flow;
    return this.#complete(flow);
  }

  #complete(flow: Flow): Flow {
    flow.localPort ??= this.settings.bindPort;
    flow.remotePort ??= flow.protocol === 'udp' ? this.settings.connectPort : this.#nextPeerPort++;
    return flow;
  }
}

function protocolOf(packet: PacketSpec, flow: Flow): 'tcp' | 'udp' {
  return packet.protocol === 'icmp' ? flow.protocol : packet.protocol;
}

/** Whether a packet's ports are the flow's; the local port of one that connects is learned from its SYN. */
function learnPorts(flow: Flow, live: LivePacket): boolean {
  const { transport } = live;
  if (transport.kind !== 'tcp' && transport.kind !== 'udp') return false;
  if (live.source !== flow.localAddress && flow.localPort !== undefined) return false;
  if (transport.destinationPort !== flow.remotePort) return false;
  const opens = transport.kind === 'udp' || (transport.flags & (SYN | ACK)) === SYN;
  if (flow.localPort !== transport.sourcePort && !(opens && flow.state !== 'passive')) return false;
  flow.localAddress = live.source;
  flow.localPort = transport.sourcePort;
  return true;
}
