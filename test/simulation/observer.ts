import { LinkFilter } from '../../device/link/filter.ts';
import type { Machine } from '../../device/machine.ts';
import type { Packet } from '../../device/memory/packet.ts';
import type { Link } from '../../device/netdevice/link.ts';
import { ACK, FIN, RST, SegmentView, SYN } from './segment-view.ts';
import { StreamTrack } from './stream-track.ts';

/** Findings beyond these are not kept: the first one says it all. */
const MOST_FINDINGS = 20;

const ETHERTYPE = 12;
const ARP = 0x0806;
/** Milliseconds that an address is asked for, and longer. */
const ASKING = 5000;

export type SideName = 'a' | 'b';

/** The two streams of a connection, by the side that sends. */
interface Flow {
  readonly a: StreamTrack;
  readonly b: StreamTrack;
}

/**
 * Watches the frames at both ends of a wire, as they leave and as they arrive, and judges every TCP segment by what its sender
 * has said and heard so far. It knows nothing of the stacks.
 */
export class WireObserver {
  readonly findings: string[] = [];
  /** Frames seen leaving. */
  frames = 0;
  /** Segments with data that repeat what was sent before. */
  retransmissions = 0;
  /** When an ARP message last came. */
  readonly #resolvedAt: Record<SideName, number> = { a: -1, b: -1 };
  /** When one was last sent. */
  readonly #askedAt: Record<SideName, number> = { a: Number.NEGATIVE_INFINITY, b: Number.NEGATIVE_INFINITY };
  #cut = false;
  readonly #machine: Machine;
  readonly #flows = new Map<number, Flow>();
  readonly #memory: number;
  readonly #segment = new SegmentView();
  readonly #scratch = new Uint8Array(70_000);

  /** `memory`: bytes of each stream that are kept for comparison, a power of two greater than any window. */
  constructor(machine: Machine, memory: number) {
    this.#machine = machine;
    this.#memory = memory;
  }

  /** Wraps the end of the wire that is `side`. */
  watch(side: SideName, link: Link): Link {
    return new ObservedLink(this, side, link);
  }

  /** The link has changed: distances between retransmissions say nothing. `cut`: it has no carrier for a while. */
  disturb(cut = false): void {
    if (cut) this.#cut = true;
    for (const { a, b } of this.#flows.values()) {
      a.disturb();
      b.disturb();
    }
  }

  /** Adds a finding of somebody else's. */
  report(what: string): void {
    if (this.findings.length < MOST_FINDINGS)
      this.findings.push(`${this.#machine.clock.now().toFixed(3)} ms, ${what}`);
  }

  #find(side: SideName, what: string): void {
    if (this.findings.length >= MOST_FINDINGS) return;
    const { seq, ack, flags, payloadLength, window } = this.#segment;
    const segment = `seq ${seq} ack ${ack} flags ${flags} length ${payloadLength} window ${window}`;
    this.report(`${side}: ${what} (${segment})`);
  }

  #read(packet: Packet): boolean {
    const { pool, start, end, payload, payloadLength } = packet;
    const linear = end - start;
    this.#scratch.set(pool.u8.subarray(start, end));
    if (payloadLength > 0) this.#scratch.set(pool.u8.subarray(payload, payload + payloadLength), linear);
    return this.#segment.read(this.#scratch, linear + payloadLength);
  }

  #flow(): Flow {
    const { sourcePort, destinationPort } = this.#segment;
    const key = Math.min(sourcePort, destinationPort) * 65_536 + Math.max(sourcePort, destinationPort);
    let flow = this.#flows.get(key);
    if (flow === undefined) {
      flow = { a: new StreamTrack(this.#memory), b: new StreamTrack(this.#memory) };
      this.#flows.set(key, flow);
    }
    return flow;
  }

  /** A frame leaves `side`. */
  sent(side: SideName, packet: Packet): void {
    this.frames++;
    if (isArp(packet)) this.#askedAt[side] = this.#machine.clock.now();
    if (!this.#read(packet)) return;
    const segment = this.#segment;
    const flow = this.#flow();
    const own = flow[side];
    const other = flow[side === 'a' ? 'b' : 'a'];
    if (!segment.sound) this.#find(side, 'leaves with a wrong checksum');
    if ((segment.flags & RST) !== 0) {
      own.over = 'its own RST';
      return;
    }
    if (own.over !== '' && !this.#late(side)) this.#find(side, `speaks after ${own.over}`);
    if ((segment.flags & SYN) !== 0) this.#judgeSyn(side, own);
    if (own.iss < 0) {
      this.#find(side, 'speaks before its SYN');
      return;
    }
    this.#judgeSequence(side, own);
    if ((segment.flags & ACK) !== 0) this.#judgeAck(side, own, other);
    else other.furthest = other.edgeSent = Math.max(other.edgeSent, 1 + segment.window);
  }

  #judgeSyn(side: SideName, own: StreamTrack): void {
    const { seq, scale } = this.#segment;
    if (own.iss < 0) {
      own.iss = seq;
      own.scale = scale;
    } else if (own.iss !== seq) {
      this.#find(side, `another SYN than ${own.iss}`);
    }
  }

  #judgeSequence(side: SideName, own: StreamTrack): void {
    const segment = this.#segment;
    const { flags, payloadAt, payloadLength } = segment;
    const from = own.position(segment.seq);
    const end = from + segment.length;
    if (from > own.next && !this.#mayHaveLost(side)) this.#find(side, `leaves a hole behind ${own.next}`);
    if (from < own.acknowledged - 1 && !this.#late(side))
      this.#find(side, `falls back behind ${own.acknowledged}`);
    if (payloadLength > 0) {
      if (from + payloadLength > own.edge)
        this.#find(side, `sends to ${from + payloadLength}, beyond the window's ${own.edge}`);
      if (end <= own.acknowledged && !this.#late(side))
        this.#find(side, `repeats what is acknowledged to ${own.acknowledged}`);
      if (from < own.next) this.retransmissions++;
      if (!own.compare(from, this.#scratch, payloadAt, payloadLength))
        this.#find(side, `repeats other bytes at ${from}`);
    }
    if ((flags & FIN) !== 0) {
      if (own.fin >= 0 && own.fin !== end - 1) this.#find(side, `moves its FIN from ${own.fin}`);
      if (end - 1 > own.edge) this.#find(side, `sends a FIN beyond the window's ${own.edge}`);
      own.fin = end - 1;
    } else if (own.fin >= 0 && end > own.fin) {
      if (payloadLength > 0 || end > own.fin + 1) this.#find(side, `goes on behind its FIN at ${own.fin}`);
    }
    this.#judgeBackOff(side, own, from, end);
    own.next = Math.max(own.next, end);
  }

  #judgeBackOff(side: SideName, own: StreamTrack, from: number, end: number): void {
    const now = this.#machine.clock.now();
    let gaps: readonly [number, number] | null = null;
    if (end > from && end <= own.next && from <= own.acknowledged) gaps = own.retransmissions.note(now);
    else if (end === from && from === own.acknowledged - 1) gaps = own.probes.note(now);
    if (gaps !== null) this.#find(side, `is less patient: ${gaps[0]} ms, then ${gaps[1]} ms`);
  }

  #judgeAck(side: SideName, own: StreamTrack, other: StreamTrack): void {
    const { ack, flags, window, sack } = this.#segment;
    if (other.iss < 0) {
      this.#find(side, 'acknowledges what never spoke');
      return;
    }
    const position = other.position(ack);
    const scale = (flags & SYN) === 0 && own.scale >= 0 && other.scale >= 0 ? own.scale : 0;
    const edge = position + window * 2 ** scale;
    if (position < other.ackSent) this.#find(side, `acknowledges ${position} after ${other.ackSent}`);
    if (position > other.arrived)
      this.#find(side, `acknowledges ${position}, but only ${other.arrived} arrived`);
    if (other.furthest > 0 && position > other.furthest + 1)
      this.#find(side, `takes to ${position}, beyond its window's ${other.furthest}`);
    // Records of half-open and of closed connections round the window down, as in Linux (`tcp_v4_reqsk_send_ack`,
    // `tcp_v4_timewait_ack`).
    const mini = position === 1 || (own.fin >= 0 && own.acknowledged > own.fin);
    const slack = mini ? 2 ** scale - 1 : 0;
    // Without memory for what comes next a window shuts at once, and begins anew, as in Linux (`ICSK_ACK_NOMEM`).
    if (window > 0 && edge + slack < other.edgeSent)
      this.#find(side, `takes its window back from ${other.edgeSent} to ${edge}`);
    for (let i = 0; i + 1 < sack.length; i += 2) {
      const [from, to] = [other.position(sack[i]!), other.position(sack[i + 1]!)];
      if (from >= to || !other.delivered.covers(from, to))
        this.#find(side, `reports ${from} to ${to}, which never arrived`);
    }
    other.ackSent = Math.max(other.ackSent, position);
    other.edgeSent = window === 0 ? edge : Math.max(other.edgeSent, edge);
    other.furthest = Math.max(other.furthest, edge);
  }

  /** A frame arrives at `side`. */
  received(side: SideName, packet: Packet): void {
    this.#disturbed(side);
    if (isArp(packet)) this.#resolvedAt[side] = this.#machine.clock.now();
    if (!this.#read(packet) || !this.#segment.sound) return;
    const segment = this.#segment;
    const flow = this.#flow();
    const own = flow[side];
    const other = flow[side === 'a' ? 'b' : 'a'];
    if (other.iss < 0) return;
    const from = other.position(segment.seq);
    const end = from + segment.length;
    if ((segment.flags & RST) !== 0) {
      if (from === other.ackSent && from === other.arrived) own.over = 'the RST that it got';
      return;
    }
    other.delivered.add(from, end);
    if (own.iss < 0) return;
    if ((segment.flags & ACK) === 0) {
      own.edge = Math.max(own.edge, 1 + segment.window);
      return;
    }
    const ack = own.position(segment.ack);
    const scale = (segment.flags & SYN) === 0 && own.scale >= 0 && other.scale >= 0 ? other.scale : 0;
    if (ack > own.next) return;
    own.edge = Math.max(own.edge, ack + segment.window * 2 ** scale);
    // An unacceptable segment's acknowledgment is not looked at (RFC 9293, section 3.10.7.4).
    if (end >= other.ackSent && from <= other.furthest) own.acknowledged = Math.max(own.acknowledged, ack);
  }

  /** A frame that leaves now may have waited for its neighbour's address, and be old. */
  #late(side: SideName): boolean {
    return this.#resolvedAt[side] === this.#machine.clock.now();
  }

  /** Frames may be lost before they reach the wire: without carrier, or while a neighbour's address is asked for. */
  #mayHaveLost(side: SideName): boolean {
    return this.#cut || this.#machine.clock.now() - this.#askedAt[side] < ASKING;
  }

  #disturbed(side: SideName): void {
    for (const flow of this.#flows.values()) flow[side].disturb();
  }
}

function isArp(packet: Packet): boolean {
  return packet.pool.view.getUint16(packet.start + ETHERTYPE) === ARP;
}

/** One end of the wire, with the observer beside it. */
class ObservedLink extends LinkFilter {
  readonly #observer: WireObserver;
  readonly #side: SideName;

  constructor(observer: WireObserver, side: SideName, inner: Link) {
    super(inner);
    this.#observer = observer;
    this.#side = side;
  }

  override startXmit(packet: Packet): number {
    this.#observer.sent(this.#side, packet);
    return super.startXmit(packet);
  }

  override receive(packet: Packet): void {
    this.#observer.received(this.#side, packet);
    super.receive(packet);
  }
}
