import type { Clock } from '../../device/clock/clock.ts';
import { Timer } from '../../device/clock/timer.ts';
import { DROP_POOL_EXHAUSTED, dropReason } from '../../device/drop.ts';
import { ENOENT } from '../../device/errno.ts';
import { fold, sumBytes } from '../../device/memory/checksum.ts';
import {
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  PACKET_HOST,
  type Packet,
} from '../../device/memory/packet.ts';
import type { PacketPool } from '../../device/memory/pool.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { MIB, type Mib } from '../counters.ts';
import type { IpContext } from '../ip/context.ts';
import type { Path } from '../ip/path.ts';
import type { IpProtocol } from '../ip/protocols.ts';
import { FlowTable } from '../socket/flow-table.ts';
import type { Forwarder } from '../socket/forward.ts';
import { type EphemeralPorts, PortTable, streamConflict } from '../socket/ports.ts';
import type { Knob } from '../sysctl/table.ts';
import { RTN_LOCAL } from '../wire/address.ts';
import { IP_DESTINATION, IP_SOURCE, IP_TOS, IP_TTL, IPPROTO_TCP } from '../wire/ipv4.ts';
import { TCP_HLEN, TH_ACK, TH_RST, TH_SYN } from '../wire/tcp.ts';
import { hasSignature } from '../wire/tcp-options.ts';
import { onCompressedAckTimer, onDelackTimer, retryAckLater } from './ack-policy.ts';
import { receiveForRequest } from './check-request.ts';
import { shutdownSend } from './close.ts';
import { CONGESTION_NAMES, createCongestion } from './congestion/index.ts';
import type { Connection } from './connection.ts';
import { MSS_DEFAULT, TIMEWAIT_MS } from './constants.ts';
import { destroy, done } from './done.ts';
import { ENTRY_CONNECTION, ENTRY_REQUEST, type TcpEntry } from './entry.ts';
import { FastOpen } from './fastopen.ts';
import { icmpError } from './icmp.ts';
import { Incoming, readIncoming } from './incoming.ts';
import { receiveSegment } from './input.ts';
import { Ipv4Network } from './ipv4.ts';
import type { Listener } from './listener.ts';
import { ListenerTable } from './listeners.ts';
import { TcpMemory } from './memory.ts';
import { MetricsCache } from './metrics-cache.ts';
import type { TcpNetwork } from './network.ts';
import type { PortLease } from './ports.ts';
import { replyReset } from './reply.ts';
import type { Request } from './request.ts';
import { sendQueued } from './retransmit.ts';
import { TcpSecrets } from './secrets.ts';
import { SegmentPool } from './segment-list.ts';
import { PageFrag } from './send-buffer.ts';
import { checkSpace } from './send-space.ts';
import { addTcpSettings, type TcpSettings } from './settings.ts';
import { SynCookies } from './syncookie.ts';
import { TCP_CLOSE, TCP_CLOSE_WAIT, TCP_ESTABLISHED, TCP_TIME_WAIT } from './tcb.ts';
import { onKeepaliveTimer, onRetransmitTimer } from './timers.ts';
import { TimeWait, TW_ACK, TW_RST, TW_SYN } from './timewait.ts';

/** Shorter than its header, or than the header says. */
export const DROP_TCP_HEADER: number = dropReason('tcp_header');
/** The checksum is wrong. */
export const DROP_TCP_CHECKSUM: number = dropReason('tcp_checksum');
/** Not sent to this host alone. */
export const DROP_TCP_NOT_HOST: number = dropReason('tcp_not_host');
/** Nobody has the port. */
export const DROP_TCP_NO_SOCKET: number = dropReason('tcp_no_socket');
/** For a connection that is over. */
export const DROP_TCP_TIMEWAIT: number = dropReason('tcp_timewait');
/** Its TTL is below what the socket takes (IP_MINTTL). */
export const DROP_TCP_MIN_TTL: number = dropReason('tcp_min_ttl');

/** Signed (RFC 2385), which nobody here asked for. */
export const DROP_TCP_SIGNATURE: number = dropReason('tcp_signature');

const PAGE = 4096;
/** Bytes of a signature option. */
const SIGNATURE_BYTES = 18;
/** TCP's own time begins here, so that 0 can mean never (Linux: `INITIAL_JIFFIES`). */
export const EPOCH_MS = 1000;
/** How often writers that found no send page try again, ms. */
const PAGE_RETRY_MS = 2;

/** TCP (RFC 9293; Linux: `net/ipv4/tcp*.c`), put together: what its connections share, and where segments find them. */
export class Tcp implements IpProtocol {
  readonly context: IpContext;
  readonly clock: Clock;
  readonly pool: PacketPool;
  readonly mib: Mib;
  readonly settings: TcpSettings;
  /** Longest accept queue. */
  readonly somaxconn: Knob;
  readonly memory: TcpMemory;
  readonly segments: SegmentPool = new SegmentPool();
  readonly frag: PageFrag;
  readonly secrets: TcpSecrets;
  readonly cookies: SynCookies;
  readonly fastOpen: FastOpen;
  readonly flows: FlowTable<TcpEntry>;
  readonly listeners: ListenerTable;
  readonly ports: PortTable<PortLease>;
  readonly ipv4: TcpNetwork;
  /** Segment size of a peer that says nothing. */
  readonly mssDefault: number = MSS_DEFAULT;
  /** Connections that nobody holds any more. */
  orphans = 0;
  timeWaits = 0;
  /** Connections that hold anything, for {@link close}. */
  readonly #connections = new Set<Connection>();
  /** What connections leave to those that come after them. */
  readonly metrics: MetricsCache = new MetricsCache();
  readonly #timeWaits = new Set<TimeWait>();
  readonly #incoming = new Incoming();
  #forwarder: Forwarder | null = null;
  /** Writers that wait for a send page, and when they try again. */
  readonly #starved = new Set<Connection>();
  readonly #pageTimer: Timer;
  #challengeStamp = -1;
  #challengesLeft = 0;

  constructor(context: IpContext, ephemeral: EphemeralPorts, somaxconn: Knob) {
    const { machine, sysctl, mib } = context;
    const entropy = context.ns.entropy.fork();
    this.context = context;
    this.clock = machine.clock;
    this.somaxconn = somaxconn;
    this.pool = machine.pool;
    this.mib = mib;
    sysctl.addText('net.ipv4.tcp_available_congestion_control', { get: () => CONGESTION_NAMES.join(' ') });
    sysctl.addText('net.ipv4.tcp_congestion_control', {
      get: () => this.congestion,
      set: (name) => this.#chooseDefault(name.trim()),
    });
    this.settings = addTcpSettings(sysctl, Math.floor(machine.pool.u8.length / PAGE));
    this.memory = new TcpMemory(this.settings.mem);
    this.frag = new PageFrag(machine.pool);
    this.secrets = new TcpSecrets(entropy, () => this.nowUs());
    this.cookies = new SynCookies(entropy);
    this.fastOpen = new FastOpen(this.settings, sysctl, entropy.fork(), mib, () => this.now());
    this.flows = new FlowTable<TcpEntry>(entropy);
    this.listeners = new ListenerTable(entropy.u32());
    this.ports = new PortTable<PortLease>(ephemeral, streamConflict);
    this.ipv4 = new Ipv4Network(context);
    this.#pageTimer = new Timer(this.clock, () => this.#feed());
    context.ip.protocols.add(IPPROTO_TCP, this);
  }

  /** The least MSS that is announced (Linux: `route.min_adv_mss`). */
  get minAdvmss(): number {
    return this.context.settings.minAdvmss.value;
  }

  /** Lets the transparent forwarder offer flows that no socket wants. */
  offerFlows(forwarder: Forwarder): void {
    this.#forwarder = forwarder;
  }

  /** Milliseconds of the clock, the same for a whole batch (Linux: `tcp_jiffies32`). */
  now(): number {
    return this.clock.recent() + EPOCH_MS;
  }

  /** The same in microseconds (Linux: `tcp_mstamp`). */
  nowUs(): number {
    return Math.round((this.clock.recent() + EPOCH_MS) * 1000);
  }

  /** The timestamp clock, which ticks in milliseconds, at a moment in microseconds (Linux: `tcp_time_stamp_ts`). */
  tsClock(us: number): number {
    return Math.floor(us / 1000) | 0;
  }

  /** What a connection writes into its timestamps. */
  timestampFor(conn: Connection, us: number): number {
    return (Math.floor(us / 1000) + conn.tcb.tsOffset) | 0;
  }

  /** The offset of timestamps between two hosts; 0 with `tcp_timestamps` = 2. */
  timestampOffset(local: number, remote: number): number {
    return this.settings.timestamps.value === 1 ? this.secrets.timestampOffset(local, remote) : 0;
  }

  drop(packet: Packet, reason: number): void {
    this.context.ns.drop(packet, reason, null);
  }

  /** The pool had no packet for something that was to be sent. */
  noPacket(): void {
    this.context.ns.dropUnmade(DROP_POOL_EXHAUSTED);
  }

  /** Takes a datagram of IPv4 (Linux: `tcp_v4_rcv`). */
  receive(packet: Packet, dev: NetDevice, path: Path): void {
    const { mib } = this;
    const incoming = this.#incoming;
    if (packet.packetType !== PACKET_HOST || path.type !== RTN_LOCAL) {
      dev.drop(packet, DROP_TCP_NOT_HOST);
      return;
    }
    mib.add(MIB.TcpInSegs);
    if (!readIncoming(packet, incoming)) {
      mib.add(MIB.TcpInErrs);
      dev.drop(packet, DROP_TCP_HEADER);
      return;
    }
    const { view } = packet.pool;
    incoming.local = view.getUint32(packet.network + IP_DESTINATION);
    incoming.remote = view.getUint32(packet.network + IP_SOURCE);
    incoming.tos = view.getUint8(packet.network + IP_TOS);
    incoming.ifindex = dev.ifindex;
    if (!this.#sumIsRight(packet, incoming)) {
      mib.add(MIB.TcpInCsumErrors);
      mib.add(MIB.TcpInErrs);
      dev.drop(packet, DROP_TCP_CHECKSUM);
      return;
    }
    const optionBytes = incoming.headerLength - TCP_HLEN;
    if (optionBytes > SIGNATURE_BYTES - 1 && hasSignature(view, incoming.at + TCP_HLEN, optionBytes)) {
      mib.add(MIB.TcpExtTCPMD5Unexpected);
      dev.drop(packet, DROP_TCP_SIGNATURE);
      return;
    }
    this.#deliver(packet, incoming, this.ipv4, dev, path);
  }

  #deliver(packet: Packet, incoming: Incoming, network: TcpNetwork, dev: NetDevice, path: Path): void {
    const entry = this.flows.lookup(incoming);
    if (entry !== null && entry.kind === ENTRY_CONNECTION)
      this.#toConnection(entry as Connection, packet, incoming);
    else this.#deliverElsewhere(entry, packet, incoming, network, dev, path);
  }

  /** To what is no connection yet, or any more. */
  #deliverElsewhere(
    entry: TcpEntry | null,
    packet: Packet,
    incoming: Incoming,
    network: TcpNetwork,
    dev: NetDevice,
    path: Path,
  ): void {
    const { local, localPort, remote, remotePort, ifindex } = incoming;
    let isn = 0;
    if (entry !== null) {
      if (entry.kind === ENTRY_REQUEST) {
        receiveForRequest(entry as Request, packet, incoming);
        return;
      }
      const timeWait = entry as TimeWait;
      const verdict = timeWait.receive(packet, incoming);
      if (verdict !== TW_SYN || this.listeners.find(local, localPort, remote, remotePort, ifindex) === null) {
        if (verdict === TW_ACK || verdict === TW_SYN) timeWait.acknowledge(incoming);
        else if (verdict === TW_RST) {
          replyReset(this, network, packet, incoming);
          timeWait.kill();
        }
        this.drop(packet, DROP_TCP_TIMEWAIT);
        return;
      }
      isn = timeWait.nextIsn();
      timeWait.kill();
    }
    const opens = (incoming.flags & (TH_SYN | TH_ACK | TH_RST)) === TH_SYN;
    if (!opens && entry === null && this.#isAstray(packet)) return;
    const listener = this.listeners.find(local, localPort, remote, remotePort, ifindex);
    if (listener !== null) {
      listener.receive(packet, incoming, isn);
      return;
    }
    if (this.#offer(packet, incoming, dev, path)) return;
    if (opens && this.#isAstray(packet)) return;
    replyReset(this, network, packet, incoming);
    dev.drop(packet, DROP_TCP_NO_SOCKET);
  }

  /** Whether a segment of no connection here is another stack's matter: it is released then. */
  #isAstray(packet: Packet): boolean {
    if (this.context.ip.input.astray?.(packet) !== true) return false;
    packet.release();
    return true;
  }

  #offer(packet: Packet, incoming: Incoming, dev: NetDevice, path: Path): boolean {
    const forwarder = this.#forwarder;
    if (forwarder === null || !forwarder.active) return false;
    if ((incoming.flags & (TH_SYN | TH_ACK | TH_RST)) !== TH_SYN) return false;
    const { local, localPort, remote, remotePort } = incoming;
    return forwarder.offer(IPPROTO_TCP, packet, dev, path, local, localPort, remote, remotePort);
  }

  #toConnection(conn: Connection, packet: Packet, incoming: Incoming): void {
    if (conn.minTtl > 0 && conn.minTtl > packet.pool.view.getUint8(packet.network + IP_TTL)) {
      this.mib.add(MIB.TcpExtTCPMinTTLDrop);
      this.drop(packet, DROP_TCP_MIN_TTL);
      return;
    }
    if (receiveSegment(conn, packet, incoming)) return;
    replyReset(this, conn.network, packet, incoming);
    this.drop(packet, DROP_TCP_NO_SOCKET);
  }

  #sumIsRight(packet: Packet, incoming: Incoming): boolean {
    if (packet.checksum === CHECKSUM_UNNECESSARY || packet.checksum === CHECKSUM_PARTIAL) return true;
    const { family } = this.ipv4;
    const linear = packet.end - packet.start;
    let sum = family.pseudoHeaderSum(incoming.remote, incoming.local, IPPROTO_TCP, packet.length);
    sum += sumBytes(packet.pool, packet.start, linear);
    if (packet.payloadLength > 0) {
      const rest = sumBytes(packet.pool, packet.payload, packet.payloadLength);
      sum += (linear & 1) === 0 ? rest : ((rest & 0xff) << 8) | (rest >>> 8);
    }
    return fold(sum) === 0xffff;
  }

  error(packet: Packet, type: number, code: number, info: number): void {
    icmpError(this, packet, type, code, info);
  }

  /** Answers a segment with a reset. */
  replyReset(packet: Packet, incoming: Incoming): void {
    replyReset(this, this.ipv4, packet, incoming);
  }

  shutdownSend(conn: Connection): void {
    shutdownSend(conn);
  }

  scheduleAckRetry(conn: Connection): void {
    retryAckLater(conn);
  }

  onRetransmitTimer(conn: Connection): void {
    onRetransmitTimer(conn);
  }

  onDelackTimer(conn: Connection): void {
    onDelackTimer(conn);
  }

  onKeepaliveTimer(conn: Connection): void {
    onKeepaliveTimer(conn);
  }

  onCompressedAckTimer(conn: Connection): void {
    onCompressedAckTimer(conn);
  }

  sendQueued(conn: Connection): void {
    sendQueued(conn);
  }

  /** Counts a change of state (Linux: `tcp_set_state`). */
  stateChanges(conn: Connection, from: number, to: number): void {
    if (to === TCP_ESTABLISHED && from !== TCP_ESTABLISHED) this.mib.add(MIB.TcpCurrEstab);
    else if (from === TCP_ESTABLISHED && to !== TCP_ESTABLISHED && to !== TCP_CLOSE_WAIT)
      this.mib.add(MIB.TcpCurrEstab, -1);
    else if (from === TCP_CLOSE_WAIT && to !== TCP_CLOSE_WAIT) this.mib.add(MIB.TcpCurrEstab, -1);
    if (to === TCP_CLOSE && (from === TCP_ESTABLISHED || from === TCP_CLOSE_WAIT))
      this.mib.add(MIB.TcpEstabResets);
    if (to !== TCP_CLOSE) this.#connections.add(conn);
  }

  /** Enters a connection, whose ends are in its control block, into the table. */
  hash(conn: Connection): void {
    if (conn.hashed) return;
    const { tcb } = conn;
    conn.local = tcb.local;
    conn.localPort = tcb.localPort;
    conn.remote = tcb.remote;
    conn.remotePort = tcb.remotePort;
    conn.boundIfindex = tcb.boundIfindex;
    conn.pathGeneration = -1;
    conn.pseudoSum = -1;
    conn.hashed = true;
    this.flows.add(conn);
  }

  /** Takes a connection out of the table; its port is free unless its user chose it (Linux: `inet_unhash`, `inet_put_port`). */
  unhash(conn: Connection): void {
    if (conn.hashed) {
      conn.hashed = false;
      this.flows.remove(conn);
    }
    if (conn.keepsPort) return;
    conn.lease?.release();
    conn.lease = null;
  }

  /** Used by `destroy`: the connection is gone. */
  forget(conn: Connection): void {
    conn.lease?.release();
    conn.lease = null;
    this.#connections.delete(conn);
    this.#starved.delete(conn);
    if (conn.tcb.orphaned !== 0 && conn.countedOrphan) this.orphans--;
    conn.countedOrphan = false;
  }

  /** Nobody holds the connection any more. */
  orphan(conn: Connection): void {
    conn.tcb.orphaned = 1;
    conn.owner = null;
    conn.countedOrphan = true;
    this.orphans++;
  }

  /** Whether there are so many orphans, or so much memory used, that one has to go (Linux: `tcp_check_oom`). */
  tooManyOrphans(shift: number): boolean {
    return this.orphans * 2 ** shift > this.settings.maxOrphans.value || this.memory.exhausted;
  }

  /** Whether one more challenge ACK may go out this second (RFC 5961, section 7). */
  mayChallenge(): boolean {
    const limit = this.settings.challengeAckLimit.value;
    if (limit === 0x7fffffff) return true;
    const second = Math.floor(this.now() / 1000);
    if (second !== this.#challengeStamp) {
      this.#challengeStamp = second;
      const half = (limit + 1) >> 1;
      this.#challengesLeft = half + this.context.ns.entropy.below(Math.max(limit, 1));
    }
    if (this.#challengesLeft <= 0) return false;
    this.#challengesLeft--;
    return true;
  }

  /** Congestion control of new connections (`tcp_congestion_control`). */
  congestion = 'cubic';

  #chooseDefault(name: string): number {
    if (!CONGESTION_NAMES.includes(name)) return -ENOENT;
    this.congestion = name;
    return 0;
  }

  /** Chooses a connection's congestion control by name; `-ENOENT`: there is none of that name. */
  setCongestion(conn: Connection, name: string): number {
    const congestion = createCongestion(name);
    if (congestion === null) return -ENOENT;
    if (conn.congestion.name === name) return 0;
    conn.congestion = congestion;
    if (conn.tcb.state !== TCP_CLOSE) congestion.begin(conn);
    return 0;
  }

  /** A writer found no send page free: it is woken when packets come free. */
  whenPages(conn: Connection): void {
    if (this.pool.pages.free > 0 || this.#starved.has(conn)) return;
    this.#starved.add(conn);
    if (this.#starved.size === 1) this.#pageTimer.start(PAGE_RETRY_MS);
  }

  #feed(): void {
    const starved = [...this.#starved];
    this.#starved.clear();
    for (const conn of starved) {
      if (this.pool.pages.free > 0) checkSpace(conn);
      else this.whenPages(conn);
    }
  }

  /** Ends a connection and leaves a mini record in its place for `waitMs` (Linux: `tcp_time_wait`). */
  timeWait(conn: Connection, substate: number, waitMs: number): void {
    this.metrics.keep(conn);
    if (this.timeWaits < this.settings.maxTwBuckets.value) {
      const timeWait = new TimeWait(this, conn, substate);
      if (conn.hashed) {
        conn.hashed = false;
        this.flows.remove(conn);
      }
      this.#timeWaits.add(timeWait);
      this.timeWaits++;
      timeWait.hashed = true;
      this.flows.add(timeWait);
      const least = conn.tcb.rtoMs * 4 - conn.tcb.rtoMs / 2;
      timeWait.timer.start(substate === TCP_TIME_WAIT ? TIMEWAIT_MS : Math.max(waitMs, least));
    } else {
      this.mib.add(MIB.TcpExtTCPTimeWaitOverflow);
    }
    done(conn);
  }

  /** Takes what is left of a connection out of the tables. */
  removeTimeWait(timeWait: TimeWait): void {
    if (!this.#timeWaits.delete(timeWait)) return;
    this.timeWaits--;
    timeWait.hashed = false;
    this.flows.remove(timeWait);
    timeWait.lease?.release();
  }

  removeListener(listener: Listener): void {
    this.listeners.remove(listener);
  }

  /** Forgets a connection in silence, as when it goes on elsewhere: the peer hears nothing. */
  discard(conn: Connection): void {
    this.orphan(conn);
    destroy(conn);
  }

  /** Ends everything in silence: no packet, timer or page is held afterwards. */
  close(): void {
    for (const listener of this.listeners.all()) listener.close();
    for (const conn of this.#connections) {
      conn.tcb.orphaned = 1;
      conn.owner = null;
      destroy(conn);
    }
    for (const timeWait of this.#timeWaits) timeWait.kill();
    this.#pageTimer.stop();
    this.frag.close();
  }
}
