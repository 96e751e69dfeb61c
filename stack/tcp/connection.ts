import { Timer } from '../../device/clock/timer.ts';
import type { PacketOwner } from '../../device/memory/packet-owner.ts';
import type { RoomWaiter } from '../../device/netdevice/transmit-room.ts';
import type { IpOptions } from '../ip/options.ts';
import type { FastOpenOption } from '../wire/fastopen-option.ts';
import type { Congestion } from './congestion/congestion.ts';
import { Reno } from './congestion/reno.ts';
import { DELACK_MAX_MS, RCV_SHUTDOWN, SEGMENT_OVERHEAD } from './constants.ts';
import { ENTRY_CONNECTION, TcpEntry } from './entry.ts';
import type { FastOpenKeys } from './fastopen-cookie.ts';
import type { Listener } from './listener.ts';
import type { NetworkPath, TcpNetwork } from './network.ts';
import { OutOfOrderQueue } from './out-of-order.ts';
import type { PortLease } from './ports.ts';
import { ReceiveQueue } from './receive-queue.ts';
import { ReceiverSack } from './receiver-sack.ts';
import type { Request } from './request.ts';
import type { Segment } from './segment.ts';
import { SegmentList } from './segment-list.ts';
import { SendBuffer } from './send-buffer.ts';
import { SentOrder } from './sent-order.ts';
import { FIN_UNDER_WAY, stateIn } from './states.ts';
import { TCP_CLOSE, TCP_ESTABLISHED, Tcb } from './tcb.ts';
import type { Tcp } from './tcp.ts';
import type { TimeWait } from './timewait.ts';
import type { LentBuffers } from './zerocopy.ts';

/** Who holds a connection: hears what happens to it, and must only note and schedule. */
export interface ConnectionOwner extends PacketOwner {
  /** `POLL*` bits of what may be true now. */
  notify(events: number): void;
  /** The sizes of its buffers were tuned. */
  buffersTuned(): void;
  /** It wants errors of routers at once (IP_RECVERR), and not only when all else failed. */
  readonly wantsErrors: boolean;
  /** Calls that wait to write. */
  readonly waitingWriters: number;
  /** An ICMP error came about a segment of it. `errno`: positive. */
  icmpError(errno: number, type: number, code: number, info: number): void;
  /** Whether another call may lend its buffers, while `waiting` ranges of them have not been told of. */
  mayLend(waiting: number): boolean;
  /** The peer has the byte with this number, of which its writer wanted to hear. `sent`: the bytes of its segment. */
  acknowledgedStamp(seq: number, sent: () => Uint8Array): void;
  /** `count` calls, from number `first` on, have their buffers back. */
  lentBack(first: number, count: number): void;
}

/** What a connection knows to which no SACK ever came: pairs of start and end that cover nothing. */
export const NO_SACKS: Int32Array = new Int32Array(8);

/**
 * One connection (Linux: `struct tcp_sock`): its control block, its queues, its timers. What is done to it stands in the files
 * beside this one, a concern each; the state that they share is all here.
 */
export class Connection extends TcpEntry implements RoomWaiter {
  readonly kind: number = ENTRY_CONNECTION;
  readonly tcp: Tcp;
  readonly tcb: Tcb = new Tcb();
  readonly network: TcpNetwork;
  owner: ConnectionOwner | null = null;
  /** The listener that it came from and that has not given it out yet. */
  listener: Listener | null = null;

  /** Its use of its local port. */
  lease: PortLease | null = null;
  /** Its user chose the port, so that it stays his when the connection ends (Linux: `SOCK_BINDPORT_LOCK`). */
  keepsPort = false;
  /** It is one of those that `tcp_max_orphans` limits. */
  countedOrphan = false;
  /** What is left of a connection with the same ends, whose place it takes. */
  reuses: TimeWait | null = null;
  /** The request that it is still, opened by a SYN's data before the handshake ends (Linux: `fastopen_rsk`). */
  request: Request | null = null;
  /** Its own secret for Fast Open cookies (`TCP_FASTOPEN_KEY`), null: the stack's. */
  fastOpenKeys: FastOpenKeys | null = null;
  /** What the SYN that is about to be sent says of Fast Open, null: nothing. */
  synOption: FastOpenOption | null = null;
  /** It answers a SYN that was meant for whoever is there, so that its own is no offer. */
  answers = false;
  /** IP options on its segments, null: none. */
  ipOptions: IpOptions | null = null;
  /** Segments with a lower TTL are dropped (IP_MINTTL). */
  minTtl = 0;

  /** Written bytes that the peer has not acknowledged. */
  readonly sendBuffer: SendBuffer;
  /** Segments that were not sent (Linux: `sk_write_queue`). */
  readonly writeQueue: SegmentList = new SegmentList();
  /** Segments that were sent and are not acknowledged (Linux: `tcp_rtx_queue`). */
  readonly rtxQueue: SegmentList = new SegmentList();
  /** The same ones in the order of their last transmission. */
  readonly sentOrder: SentOrder = new SentOrder();
  /** The first of them behind the highest that the peer has, null: there is none (Linux: `highest_sack`). */
  highestSack: Segment | null = null;
  /** The first that may be lost and not sent again yet, null: not known (Linux: `retransmit_skb_hint`). */
  retransmitHint: Segment | null = null;
  /** Buffers that callers have lent it (MSG_ZEROCOPY), null: nobody ever did. */
  lent: LentBuffers | null = null;
  /** Pairs of start and end: the blocks that the last SACKs told of. To forget them costs time only. */
  knownSacks: Int32Array = NO_SACKS;
  readonly receiveQueue: ReceiveQueue = new ReceiveQueue();
  readonly outOfOrder: OutOfOrderQueue = new OutOfOrderQueue();
  readonly receiverSack: ReceiverSack = new ReceiverSack();

  /** RTO, loss probe, reordering timer, window probe (Linux: `icsk_retransmit_timer`): `tcb.pending` tells which. */
  readonly retransmitTimer: Timer;
  readonly delackTimer: Timer;
  /** Keepalive, and FIN-WAIT-2 of an orphan (Linux: `sk_timer`). */
  readonly keepaliveTimer: Timer;
  /** Holds back ACKs of out-of-order data (Linux: `compressed_ack_timer`). */
  readonly compressedAckTimer: Timer;
  /** Until the next paced segment may go (Linux: `pacing_timer`). */
  readonly pacingTimer: Timer;

  /** The path of the last segment sent, null: none was found. */
  path: NetworkPath | null = null;
  /** With what it was found: the routes' generation (-1: not to be relied on), TOS and interface. */
  pathGeneration = -1;
  pathTos = 0;
  pathIfindex = 0;
  /** Sum of the pseudo header but for the length, -1: not known yet. */
  pseudoSum = -1;
  /** Whether the fast path may be tried (Linux: `pred_flags` is not 0). */
  predicted = false;
  /** A writer found the send buffer full and wants to hear of room (Linux: `SOCK_NOSPACE`). */
  wantsSpace = false;
  /** The device has enough of it to send. */
  waitsForRoom = false;
  /** When the SYN-ACK went out that a handshake's last ACK answers, microseconds; 0: it was sent again. */
  synAckSentUs = 0;
  congestion: Congestion = new Reno();
  /** Whether it is gone for good: its resources were given back. */
  destroyed = false;

  /** Hears, once, that our FIN is acknowledged or the connection over: a close that lingers. */
  lingers: (() => void) | null = null;

  #accounted = 0;

  constructor(tcp: Tcp, network: TcpNetwork) {
    super();
    const { clock } = tcp;
    this.tcp = tcp;
    this.network = network;
    this.sendBuffer = new SendBuffer(tcp.pool, tcp.frag);
    this.retransmitTimer = new Timer(clock, () => tcp.onRetransmitTimer(this));
    this.delackTimer = new Timer(clock, () => tcp.onDelackTimer(this));
    this.keepaliveTimer = new Timer(clock, () => tcp.onKeepaliveTimer(this));
    this.compressedAckTimer = new Timer(clock, () => tcp.onCompressedAckTimer(this));
    this.pacingTimer = new Timer(clock, () => tcp.sendQueued(this));
  }

  /** A writer waits for the connection to stand (Linux: `sk_write_pending`). */
  get writeWaits(): boolean {
    return this.owner !== null && this.owner.waitingWriters > 0;
  }

  get state(): number {
    return this.tcb.state;
  }

  /** The first segment that waits to be sent (Linux: `tcp_send_head`). */
  get sendHead(): Segment | null {
    return this.writeQueue.head;
  }

  /** Memory that received packets tie up, in bytes (Linux: `sk_rmem_alloc`). */
  get receiveMemory(): number {
    return this.receiveQueue.memory + this.outOfOrder.memory;
  }

  /** Arms the retransmit timer as `kind` (`TIME_*`) for `delayMs` from now (Linux: `tcp_reset_xmit_timer`). */
  armRetransmit(kind: number, delayMs: number): void {
    this.tcb.pending = kind;
    this.retransmitTimer.start(Math.min(delayMs, this.tcp.settings.rtoMaxMs.value));
  }

  /** Linux: `inet_csk_clear_xmit_timer(ICSK_TIME_RETRANS)`. */
  clearRetransmit(): void {
    this.tcb.pending = 0;
    this.retransmitTimer.stop();
  }

  /** Arms the delayed-ACK timer for the moment `atMs` (Linux: `sk_reset_timer(icsk_delack_timer)`). */
  armDelack(atMs: number): void {
    this.tcb.ackTimeoutMs = atMs;
    this.delackTimer.start(Math.min(atMs - this.tcp.now(), DELACK_MAX_MS));
  }

  /** No ACK is owed any more (Linux: `inet_csk_clear_xmit_timer(ICSK_TIME_DACK)`). */
  clearDelack(): void {
    this.tcb.ackPending = 0;
    this.delackTimer.stop();
  }

  /** Stops all timers (Linux: `tcp_clear_xmit_timers`, `inet_csk_delete_keepalive_timer`). */
  stopTimers(): void {
    this.clearRetransmit();
    this.clearDelack();
    this.keepaliveTimer.stop();
    this.compressedAckTimer.stop();
    this.pacingTimer.stop();
  }

  roomAvailable(): void {
    this.tcp.sendQueued(this);
  }

  /** Takes a segment that is in no list back to the free ones. */
  freeSegment(segment: Segment): void {
    this.tcp.segments.give(segment);
  }

  /** Memory that written bytes tie up, with the records of their segments (Linux: `sk_wmem_queued`). */
  get writeMemory(): number {
    return this.sendBuffer.bytes + (this.writeQueue.length + this.rtxQueue.length) * SEGMENT_OVERHEAD;
  }

  /** Brings what all connections together use up to date with this one's queues. */
  account(): void {
    const now = this.writeMemory + this.receiveQueue.footprint + this.outOfOrder.footprint;
    this.tcp.memory.charge(now - this.#accounted);
    this.#accounted = now;
  }

  /** Changes the state, counting as Linux does (`tcp_set_state`); to CLOSE takes it out of the tables. */
  setState(state: number): void {
    this.tcp.stateChanges(this, this.tcb.state, state);
    this.tcb.state = state;
    if (state === TCP_CLOSE) this.tcp.unhash(this);
    if (this.lingers !== null && !stateIn(state, FIN_UNDER_WAY)) {
      const wake = this.lingers;
      this.lingers = null;
      wake();
    }
  }

  /** Tells the owner of `events` (`POLL*` bits). */
  notify(events: number): void {
    this.owner?.notify(events);
  }

  get established(): boolean {
    return this.tcb.state === TCP_ESTABLISHED;
  }

  get receiveShut(): boolean {
    return (this.tcb.shutdown & RCV_SHUTDOWN) !== 0;
  }
}
