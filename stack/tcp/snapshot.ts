import { ENOBUFS } from '../../device/errno.ts';
import { copyBytes } from '../../device/memory/copy.ts';
import { IpOptions } from '../ip/options.ts';
import { createCongestion } from './congestion/index.ts';
import { Connection } from './connection.ts';
import { FastOpenKeys } from './fastopen-cookie.ts';
import { truesize } from './payload.ts';
import { loadRequest, type SavedRequest, saveRequest } from './request-snapshot.ts';
import { LOST, SACKED_ACKED, SACKED_RETRANS, type Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';
import { advance, distance } from './sequence.ts';
import { loadTcb, saveTcb, type Tcb } from './tcb.ts';
import type { Tcp } from './tcp.ts';
import { LentBuffers, type LentCalls } from './zerocopy.ts';

/** Layout of {@link SavedConnection}; another one is refused. */
const VERSION = 3;
/** Bytes of a packet that restored data is put into. */
const CHUNK = 1460;

type NumberField<T> = { [K in keyof T]: T[K] extends number ? K : never }[keyof T];

/** Fields of the control block that are moments of TCP's own clock, in ms and in microseconds; 0 is never. */
const MOMENTS_MS: readonly NumberField<Tcb>[] = [
  'tsRecentStampMs',
  'sndCwndStampMs',
  'minRttAtMs',
  'minRtt2AtMs',
  'minRtt3AtMs',
  'ackTimeoutMs',
  'lrcvtimeMs',
  'lsndtimeMs',
  'lastAckMs',
  'lastOowAckMs',
  'mtupProbeStampMs',
  'probesStampMs',
  'retransStampMs',
  'rtoStampMs',
];
const MOMENTS_US: readonly NumberField<Tcb>[] = [
  'firstTxUs',
  'deliveredUs',
  'rackMstampUs',
  'rcvRttTimeUs',
  'rcvqSpaceTimeUs',
  'chronoStartUs',
  'departureUs',
];

/** Fields of a segment record that are kept. */
const SEGMENT_FIELDS = [
  'seq',
  'endSeq',
  'flags',
  'sacked',
  'pcount',
  'gsoSize',
  'sentUs',
  'transmissions',
  'eor',
  'fragments',
  'stamps',
  'stampSeq',
  'txDelivered',
  'txDeliveredUs',
  'txFirstTxUs',
  'txAppLimited',
] as const satisfies readonly (keyof Segment)[];
const SEGMENT_MOMENTS = ['sentUs', 'txDeliveredUs', 'txFirstTxUs'] as const;

type SavedSegment = Record<(typeof SEGMENT_FIELDS)[number], number>;

/** A connection as a plain object: everything that must be known to go on with it elsewhere. Bytes are base64. */
export interface SavedConnection {
  readonly version: number;
  /** Milliseconds of TCP's clock when it was saved. */
  readonly now: number;
  readonly tcb: Readonly<Record<string, number>>;
  readonly congestion: string;
  readonly congestionState: Readonly<Record<string, number>>;
  readonly minTtl: number;
  /** IP options on its segments: the bytes in base64, and what was read of them. */
  readonly ipOptions: Readonly<Record<string, number | boolean | string>> | null;
  readonly wantsSpace: boolean;
  /** It was opened by data in a SYN, and that is not answered yet. */
  readonly request: Readonly<SavedRequest> | null;
  /** `TCP_FASTOPEN_KEY` as the sysctl writes it. */
  readonly fastOpenKeys: string | null;
  /** Bytes that were written and not acknowledged, from `sendSeq` on. */
  readonly send: string;
  readonly sendSeq: number;
  /** Calls whose buffers were lent. */
  readonly lent: readonly Readonly<LentCalls>[];
  readonly sent: readonly Readonly<SavedSegment>[];
  readonly unsent: readonly Readonly<SavedSegment>[];
  /** Bytes that can be read. */
  readonly receive: string;
  readonly outOfOrder: readonly {
    readonly seq: number;
    readonly end: number;
    readonly fin: boolean;
    readonly bytes: string;
  }[];
  /** Pairs of start and end, newest first. */
  readonly sacks: readonly number[];
  /** Milliseconds left, -1: not armed. */
  readonly timers: {
    readonly retransmit: number;
    readonly delack: number;
    readonly keepalive: number;
    readonly pacing: number;
  };
}

/** Saves a connection, which goes on unchanged. */
export function saveConnection(conn: Connection): SavedConnection {
  const { tcb, tcp, outOfOrder, receiverSack } = conn;
  const packets: SavedConnection['outOfOrder'][number][] = [];
  for (let i = 0; i < outOfOrder.length; i++) {
    packets.push({
      seq: outOfOrder.seqAt(i),
      end: outOfOrder.endAt(i),
      fin: outOfOrder.finAt(i),
      bytes: outOfOrder.packetAt(i).bytes().toString('base64'),
    });
  }
  return {
    version: VERSION,
    now: tcp.now(),
    tcb: saveTcb(tcb),
    congestion: conn.congestion.name,
    congestionState: conn.congestion.save(),
    minTtl: conn.minTtl,
    ipOptions: saveOptions(conn.ipOptions),
    wantsSpace: conn.wantsSpace,
    request: saveRequest(conn),
    fastOpenKeys: conn.fastOpenKeys?.toString() ?? null,
    send: conn.sendBuffer.toBytes().toString('base64'),
    sendSeq: conn.sendBuffer.bytes > 0 ? conn.sendBuffer.firstSeq : tcb.writeSeq,
    lent: (conn.lent?.calls ?? []).map((calls) => ({ ...calls, held: false })),
    sent: saveSegments(conn.rtxQueue),
    unsent: saveSegments(conn.writeQueue),
    receive: conn.receiveQueue.toBytes().toString('base64'),
    outOfOrder: packets,
    sacks: [...receiverSack.blocks.subarray(0, receiverSack.count * 2)],
    timers: {
      retransmit: conn.retransmitTimer.remaining,
      delack: conn.delackTimer.remaining,
      keepalive: conn.keepaliveTimer.remaining,
      pacing: conn.pacingTimer.remaining,
    },
  };
}

function saveOptions(options: IpOptions | null): SavedConnection['ipOptions'] {
  if (options === null) return null;
  const fields = Object.fromEntries(Object.entries(options)) as Record<string, number | boolean>;
  return { ...fields, data: Buffer.from(options.data).toString('base64') };
}

function loadOptions(saved: SavedConnection['ipOptions']): IpOptions | null {
  if (saved === null) return null;
  const options = new IpOptions();
  const { data, ...fields } = saved;
  for (const [name, value] of Object.entries(fields)) {
    if (typeof options[name as keyof IpOptions] !== typeof value) throw new TypeError(`IP options: ${name}`);
    Object.assign(options, { [name]: value });
  }
  options.data.set(Buffer.from(String(data), 'base64').subarray(0, options.data.length));
  return options;
}

function saveSegments(list: SegmentList): SavedSegment[] {
  const out: SavedSegment[] = [];
  for (let segment = list.head; segment !== null; segment = segment.next) {
    const saved = {} as SavedSegment;
    for (const name of SEGMENT_FIELDS) saved[name] = segment[name];
    out.push(saved);
  }
  return out;
}

/**
 * The connection that {@link saveConnection} saved, in another stack or in this one, which must have its local address and no
 * connection of the same ends. It has no owner yet. `-ENOBUFS` when memory runs out; a `TypeError` when `saved` is none.
 */
export function loadConnection(tcp: Tcp, saved: SavedConnection): Connection | number {
  if (saved.version !== VERSION) throw new TypeError(`saved connection of version ${saved.version}`);
  const conn = new Connection(tcp, tcp.ipv4);
  Object.assign(conn.tcb, loadTcb(saved.tcb));
  shiftMoments(conn.tcb, tcp.now() - saved.now, tcp, saved.now);
  const congestion = createCongestion(saved.congestion);
  if (congestion === null) throw new TypeError(`no congestion control is called ${saved.congestion}`);
  congestion.load(saved.congestionState, tcp.now() - saved.now);
  conn.congestion = congestion;
  conn.minTtl = saved.minTtl;
  conn.ipOptions = loadOptions(saved.ipOptions);
  conn.wantsSpace = saved.wantsSpace;
  conn.fastOpenKeys = saved.fastOpenKeys === null ? null : FastOpenKeys.parse(saved.fastOpenKeys);
  if (saved.request !== null) loadRequest(conn, saved.request, tcp.now() - saved.now);
  if (!loadSend(conn, saved) || !loadReceive(conn, saved)) {
    conn.sendBuffer.clear();
    conn.receiveQueue.clear();
    conn.outOfOrder.clear();
    return -ENOBUFS;
  }
  const shiftUs = Math.round((tcp.now() - saved.now) * 1000);
  loadSegments(conn, conn.rtxQueue, saved.sent, shiftUs);
  loadSegments(conn, conn.writeQueue, saved.unsent, shiftUs);
  rebuildHints(conn);
  if (saved.lent.length > 0) {
    conn.lent = new LentBuffers();
    conn.lent.calls.push(...saved.lent.map((calls) => ({ ...calls })));
  }
  conn.receiverSack.restore(saved.sacks);
  tcp.stateChanges(conn, 7, conn.tcb.state);
  tcp.hash(conn);
  const { retransmit, delack, keepalive, pacing } = saved.timers;
  if (retransmit >= 0) conn.retransmitTimer.start(retransmit);
  if (delack >= 0) conn.delackTimer.start(delack);
  if (keepalive >= 0) conn.keepaliveTimer.start(keepalive);
  if (pacing >= 0) conn.pacingTimer.start(pacing);
  conn.account();
  return conn;
}

/** Moments keep their distance from now; the peer sees timestamps go on as they were. */
function shiftMoments(tcb: Tcb, deltaMs: number, tcp: Tcp, savedNow: number): void {
  for (const name of MOMENTS_MS) if (tcb[name] !== 0) tcb[name] += deltaMs;
  for (const name of MOMENTS_US) if (tcb[name] !== 0) tcb[name] += Math.round(deltaMs * 1000);
  const ticks = tcp.tsClock(savedNow * 1000) - tcp.tsClock(tcp.nowUs());
  tcb.tsOffset = advance(tcb.tsOffset, ticks);
}

function loadSend(conn: Connection, saved: SavedConnection): boolean {
  const bytes = Buffer.from(saved.send, 'base64');
  for (let done = 0; done < bytes.length; ) {
    const taken = conn.sendBuffer.append(advance(saved.sendSeq, done), bytes, done, bytes.length - done);
    if (taken === 0) return false;
    done += taken;
  }
  return true;
}

function loadSegments(
  conn: Connection,
  list: SegmentList,
  saved: readonly Readonly<SavedSegment>[],
  shiftUs: number,
): void {
  for (const record of saved) {
    const segment = conn.tcp.segments.take();
    for (const name of SEGMENT_FIELDS) segment[name] = record[name];
    for (const name of SEGMENT_MOMENTS) if (segment[name] !== 0) segment[name] += shiftUs;
    list.append(segment);
  }
}

/** Puts what is out in the order of sending, and finds the first segment behind the highest that the peer has. */
function rebuildHints(conn: Connection): void {
  const out: Segment[] = [];
  for (let segment = conn.rtxQueue.head; segment !== null; segment = segment.next) {
    if ((segment.sacked & SACKED_ACKED) !== 0) conn.highestSack = segment.next;
    else if ((segment.sacked & LOST) === 0 || (segment.sacked & SACKED_RETRANS) !== 0) out.push(segment);
  }
  out.sort((a, b) => a.sentUs - b.sentUs || distance(b.seq, a.seq));
  for (const segment of out) conn.sentOrder.sent(segment);
}

function loadReceive(conn: Connection, saved: SavedConnection): boolean {
  const { pool } = conn.tcp;
  const bytes = Buffer.from(saved.receive, 'base64');
  for (let at = 0; at < bytes.length; at += CHUNK) {
    const part = Math.min(CHUNK, bytes.length - at);
    const packet = pool.alloc(part);
    if (packet === null) return false;
    copyBytes(bytes, at, pool.u8, packet.put(part), part);
    conn.receiveQueue.push(packet, truesize(packet));
  }
  for (const { seq, end, fin, bytes: text } of saved.outOfOrder) {
    const packet = pool.from(Buffer.from(text, 'base64'));
    if (packet === null) return false;
    conn.outOfOrder.insert(packet, seq, end, fin);
  }
  return true;
}
