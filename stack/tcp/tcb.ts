import { holdDoubles } from '../../device/memory/doubles.ts';
import { PACING_UNLIMITED } from './constants.ts';

/** States with Linux's numbers (`net/tcp_states.h`). */
export const TCP_ESTABLISHED = 1;
export const TCP_SYN_SENT = 2;
export const TCP_SYN_RECV = 3;
export const TCP_FIN_WAIT1 = 4;
export const TCP_FIN_WAIT2 = 5;
export const TCP_TIME_WAIT = 6;
export const TCP_CLOSE = 7;
export const TCP_CLOSE_WAIT = 8;
export const TCP_LAST_ACK = 9;
export const TCP_LISTEN = 10;
export const TCP_CLOSING = 11;

/** Congestion states (Linux: `enum tcp_ca_state`). */
export const TCP_CA_OPEN = 0;
export const TCP_CA_DISORDER = 1;
export const TCP_CA_CWR = 2;
export const TCP_CA_RECOVERY = 3;
export const TCP_CA_LOSS = 4;

/** Slow start without a threshold yet (Linux: `TCP_INFINITE_SSTHRESH`). */
export const TCP_INFINITE_SSTHRESH = 0x7fffffff;
/** RFC 6928 (Linux: `TCP_INIT_CWND`). */
export const TCP_INIT_CWND = 10;

/**
 * The transmission control block: a connection's whole state but for its queues, as one record of numbers (0 and 1 for
 * flags), so that it can be saved and loaded field by field.
 *
 * Names are those of RFC 9293 and of Linux's `tcp_sock` in camelCase. Sequence numbers are signed (`sequence.ts`), windows and buffers in
 * bytes, times in microseconds of the clock unless the name says ms, congestion windows and counts in segments as in Linux.
 */
export class Tcb {
  state: number = TCP_CLOSE;

  /** Addresses and ports; see `stack/socket/family.ts` for what an address number is. */
  local = 0;
  localPort = 0;
  remote = 0;
  remotePort = 0;
  /** Interface it is bound to, 0: any. */
  boundIfindex = 0;

  // --- the socket
  /** Error to report once (Linux: `sk_err`), and one that is only reported when time runs out (`sk_err_soft`); positive. */
  error = 0;
  softError = 0;
  /** `RCV_SHUTDOWN`, `SEND_SHUTDOWN`. */
  shutdown = 0;
  /** Nobody holds it any more: it ends by itself (Linux: `SOCK_DEAD`). */
  orphaned = 0;
  /** Came out of a listener and was not accepted yet. */
  unaccepted = 0;
  sndbuf = 16_384;
  rcvbuf = 131_072;
  /** `SOCK_SNDBUF_LOCK`, `SOCK_RCVBUF_LOCK`: sizes that a user has set are not tuned. */
  bufferLocks = 0;
  rcvlowat = 1;
  keepOpen = 0;
  /** `SO_LINGER`: milliseconds, -1: off. */
  lingerMs = -1;
  tos = 0;
  /** 0: the default. */
  ttl = 0;
  /** It answers for an address that is not this host's (IP_TRANSPARENT). */
  transparent = 0;
  /** `IP_PMTUDISC_*`. */
  pmtuDiscover = 1;
  /** What part of a receive buffer is window, in 1/256 (Linux: `scaling_ratio`). */
  scalingRatio = 128;

  // --- send sequence space
  iss = 0;
  sndUna = 0;
  sndNxt = 0;
  /** End of what the application has written (Linux: `write_seq`). */
  writeSeq = 0;
  /** End of what may go out at once however small (Linux: `pushed_seq`). */
  pushedSeq = 0;
  sndWnd = 0;
  sndWl1 = 0;
  maxWindow = 0;
  sndWscale = 0;
  /** End of the last small segment that Nagle's rule with Minshall's change looks at (Linux: `snd_sml`). */
  sndSml = 0;
  sndUp = 0;
  /** The most segments of the current size that go into one super-segment (Linux: `gso_segs`). */
  gsoSegs = 0;

  // --- receive sequence space
  irs = 0;
  rcvNxt = 0;
  /** First byte that the application has not read (Linux: `copied_seq`). */
  copiedSeq = 0;
  rcvWnd = 0;
  /** `rcvNxt` when the window was last announced (Linux: `rcv_wup`). */
  rcvWup = 0;
  rcvWscale = 0;
  /** Limit of the announced window while it grows (Linux: `rcv_ssthresh`). */
  rcvSsthresh = 0;
  windowClamp = 0;
  /** Sequence number of the urgent byte and what is known of it (Linux: `urg_seq`, `urg_data`). */
  urgSeq = 0;
  urgData = 0;

  // --- options
  /** What the peer may send us at most in one segment, and what we may send (without options). */
  advmss = 0;
  mssClamp = 0;
  mssCache = 0;
  userMss = 0;
  /** Path MTU that `mssCache` was computed from (Linux: `icsk_pmtu_cookie`). */
  pmtuCookie = 0;
  /** Path MTU probing (RFC 4821; Linux: `icsk_mtup`): whether it is on, what is known to pass and not to, the probe that is out. */
  mtupEnabled = 0;
  mtupSearchLow = 0;
  mtupSearchHigh = 0;
  mtupProbeSize = 0;
  mtupProbeStampMs = 0;
  mtupProbeStart = 0;
  mtupProbeEnd = 0;
  tstampOk = 0;
  sackOk = 0;
  wscaleOk = 0;
  ecnOk = 0;
  /** Most recent timestamp to echo, and when it came (ms of the clock). */
  tsRecent = 0;
  tsRecentStampMs = 0;
  tsOffset = 0;
  rcvTsval = 0;
  rcvTsecr = 0;
  sawTstamp = 0;
  /** Bytes of options on every data segment. */
  tcpHeaderLen = 20;

  // --- round-trip time (RFC 6298), as Linux keeps it: srtt is 8 times, mdev and rttvar 4 times the value, microseconds
  srttUs = 0;
  mdevUs = 0;
  mdevMaxUs = 0;
  rttvarUs = 0;
  rttSeq = 0;
  rtoMs = 1000;
  rtoMinMs = 200;
  backoff = 0;
  /** The least of the last minutes, and the two runners-up with their times (Linux: `struct minmax`), microseconds and ms. */
  minRttUs = 0xffffffff;
  minRttAtMs = 0;
  minRtt2Us = 0xffffffff;
  minRtt2AtMs = 0;
  minRtt3Us = 0xffffffff;
  minRtt3AtMs = 0;
  rackRttUs = 0;

  // --- congestion control, in segments
  sndCwnd: number = TCP_INIT_CWND;
  sndSsthresh: number = TCP_INFINITE_SSTHRESH;
  sndCwndCnt = 0;
  sndCwndClamp = 0xffffffff;
  sndCwndStampMs = 0;
  sndCwndUsed = 0;
  priorCwnd = 0;
  priorSsthresh = 0;
  caState: number = TCP_CA_OPEN;
  /** `sndNxt` when the current congestion event began. */
  highSeq = 0;
  isCwndLimited = 0;
  cwndUsageSeq = 0;
  maxPacketsOut = 0;
  /** Bytes a second that segments go out at when they are paced, and the most; `PACING_UNLIMITED`: as they like. */
  pacingRate: number = PACING_UNLIMITED;
  maxPacingRate: number = PACING_UNLIMITED;
  /** It was given a rate, so that it is paced whatever the device does (Linux: `SK_PACING_NEEDED`). */
  paced = 0;
  /** When the next segment may go (Linux: `tcp_wstamp_ns`), microseconds and fractions. */
  departureUs = 0;

  // --- what is out, in segments
  packetsOut = 0;
  retransOut = 0;
  sackedOut = 0;
  lostOut = 0;
  totalRetrans = 0;
  retransmits = 0;
  delivered = 0;
  deliveredCe = 0;
  lost = 0;
  appLimited = 0;
  /** The last good delivery rate: segments in microseconds, and whether the application had no more to send. */
  rateDelivered = 0;
  rateIntervalUs = 0;
  rateAppLimited = 1;
  firstTxUs = 0;
  deliveredUs = 0;

  // --- recovery
  reordering = 3;
  reordSeen = 0;
  undoMarker = 0;
  undoRetrans = -1;
  retransStampMs = 0;
  retransmitHigh = 0;
  frto = 0;
  /** The peer took back what it had said it has (Linux: `is_sack_reneg`). */
  sackReneged = 0;
  prrDelivered = 0;
  prrOut = 0;
  /** RACK (RFC 8985): newest delivered segment. */
  rackMstampUs = 0;
  rackEndSeq = 0;
  rackAdvanced = 0;
  rackReoWndSteps = 1;
  rackReoWndPersist = 0;
  rackDsackSeen = 0;
  rackLastDelivered = 0;
  /** End of the tail loss probe that is out, 0: none. */
  tlpHighSeq = 0;
  tlpRetrans = 0;

  // --- acknowledging
  /** `ICSK_ACK_*` bits. */
  ackPending = 0;
  ackQuick = 0;
  ackPingpong = 0;
  ackAtoMs = 0;
  ackTimeoutMs = 0;
  lastSegSize = 0;
  rcvMss = 536;
  lrcvtimeMs = 0;
  lsndtimeMs = 0;
  /** When the peer last acknowledged anything, ms (Linux: `rcv_tstamp`). */
  lastAckMs = 0;
  lastOowAckMs = 0;
  /** What the last timestamp echo was that gave the receiver a round-trip time. */
  rcvRttLastTsecr = 0;
  /** ACKs that were held back (Linux: `compressed_ack`). */
  compressedAck = 0;
  compressedAckRcvNxt = 0;
  /** Duplicates that are acknowledged at once before compression begins (Linux: `dup_ack_counter`). */
  dupAckCounter = 0;
  rcvRttUs = 0;
  rcvRttSeq = 0;
  rcvRttTimeUs = 0;
  rcvqSpace = 0;
  rcvqSpaceSeq = 0;
  rcvqSpaceTimeUs = 0;
  duplicateSack = 0;
  dsackStart = 0;
  dsackEnd = 0;

  // --- timers and options of the socket
  /** `ICSK_TIME_*`: what the retransmit timer stands for, 0: it is not armed. */
  pending = 0;
  /** When the first unanswered probe of a closed window went out, ms; 0: none did. */
  probesStampMs = 0;
  /** Seconds-long wait for data on a connection that was set to it, in retransmissions (`TCP_DEFER_ACCEPT`). */
  deferAccept = 0;
  /** `TCP_INQ`: tell with each read how much is left. */
  recvmsgInq = 0;
  /** Number of the next call with MSG_ZEROCOPY (Linux: `sk_zckey`). */
  zerocopyNext = 0;
  probesOut = 0;
  keepaliveProbes = 0;
  keepaliveTimeMs = 7_200_000;
  keepaliveIntvlMs = 75_000;
  keepaliveCount = 9;
  userTimeoutMs = 0;
  synRetries = 0;
  linger2Ms = 0;
  notsentLowat = 0;
  nonagle = 0;

  // --- Fast Open (RFC 7413)
  /** Our SYN had the option (Linux: `syn_fastopen`), the experimental one; it had data; the data of a SYN was accepted. */
  synFastopen = 0;
  synFastopenExp = 0;
  synData = 0;
  synDataAcked = 0;
  /** It was opened by a SYN with the option or with data, before the handshake's end (Linux: `syn_fastopen_child`). */
  tfoChild = 0;
  /** It tries Fast Open for the first time after it was given up for a while (Linux: `syn_fastopen_ch`). */
  synFastopenCh = 0;
  /** `TCP_FASTOPEN`: the most handshakes of a listener that data in a SYN may open. */
  fastopenMax = 0;
  /** `TCP_FASTOPEN_CONNECT`, `TCP_FASTOPEN_NO_COOKIE`. */
  fastopenConnect = 0;
  fastopenNoCookie = 0;
  /** Its connect waits for the first data (Linux: `INET_FLAGS_DEFER_CONNECT`). */
  deferConnect = 0;
  /** `TFO_*`: why Fast Open was not had. */
  fastopenClientFail = 0;

  // --- ECN (RFC 3168)
  ecnFlags = 0;

  // --- totals that TCP_INFO shows
  /** Timeouts, recoveries that began with one, the milliseconds in those, and when the current one began (0: there is none). */
  totalRto = 0;
  totalRtoRecoveries = 0;
  totalRtoTimeMs = 0;
  rtoStampMs = 0;
  bytesAcked = 0;
  bytesReceived = 0;
  bytesSent = 0;
  bytesRetrans = 0;
  dsackDups = 0;
  segsIn = 0;
  segsOut = 0;
  dataSegsIn = 0;
  dataSegsOut = 0;
  rcvOooPackets = 0;
  chronoType = 0;
  chronoStartUs = 0;
  busyUs = 0;
  rwndLimitedUs = 0;
  sndbufLimitedUs = 0;
}

/** Times, rates and totals of bytes. */
const DOUBLES = (Object.keys(new Tcb()) as (keyof Tcb)[]).filter((name) =>
  /(?:Us|Ms|Rate)$|^bytes/.test(name),
);
holdDoubles(() => new Tcb(), DOUBLES);

/** Segments that are out and neither known to be received nor given up (Linux: `tcp_packets_in_flight`). */
export function packetsInFlight(tcb: Tcb): number {
  return tcb.packetsOut - (tcb.sackedOut + tcb.lostOut) + tcb.retransOut;
}

/** A plain copy of every field, for a snapshot. */
export function saveTcb(tcb: Tcb): Record<string, number> {
  return Object.fromEntries(Object.entries(tcb) as [string, number][]);
}

/** Puts back what {@link saveTcb} gave. Unknown names and values that are no numbers are refused with a `TypeError`. */
export function loadTcb(saved: Readonly<Record<string, unknown>>): Tcb {
  const tcb = new Tcb();
  const fields = tcb as unknown as Record<string, number>;
  for (const [name, value] of Object.entries(saved)) {
    if (!Object.hasOwn(tcb, name)) throw new TypeError(`tcb has no field ${name}`);
    if (typeof value !== 'number' || Number.isNaN(value)) throw new TypeError(`tcb.${name} must be a number`);
    fields[name] = value;
  }
  return tcb;
}
