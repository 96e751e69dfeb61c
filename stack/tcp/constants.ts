/** `ICSK_TIME_*`: what the retransmit timer of a connection stands for. */
export const TIME_RETRANS = 1;
export const TIME_PROBE0 = 3;
export const TIME_LOSS_PROBE = 5;
export const TIME_REO_TIMEOUT = 6;

/** `ICSK_ACK_*`: why an ACK is owed. */
export const ACK_SCHED = 1;
export const ACK_TIMER = 2;
export const ACK_PUSHED = 4;
export const ACK_PUSHED2 = 8;
export const ACK_NOW = 16;
export const ACK_NOMEM = 32;

/** `TCP_NAGLE_*`. */
export const NAGLE_OFF = 1;
export const NAGLE_CORK = 2;
export const NAGLE_PUSH = 4;

/** Halves of a connection that are shut. */
export const RCV_SHUTDOWN = 1;
export const SEND_SHUTDOWN = 2;

/** Buffer sizes that were set by hand. */
export const SNDBUF_LOCK = 1;
export const RCVBUF_LOCK = 2;

/** `TCP_ECN_*` bits of `ecnFlags`. */
export const ECN_OK = 1;
export const ECN_QUEUE_CWR = 2;
export const ECN_DEMAND_CWR = 4;
export const ECN_SEEN = 8;

/** Milliseconds, all of them Linux's for HZ=1000. */
export const TIMEOUT_INIT_MS = 1000;
export const TIMEOUT_FALLBACK_MS = 3000;
export const RTO_MIN_MS = 200;
export const DELACK_MIN_MS = 40;
export const DELACK_MAX_MS = 200;
export const ATO_MIN_MS = 40;
export const RESOURCE_PROBE_MS = 500;
export const TIMEWAIT_MS = 60_000;
/** A timestamp that is older is not compared any more (Linux: `TCP_PAWS_24DAYS`), ms. */
export const PAWS_24DAYS_MS = 24 * 86_400_000;

/** The MSS of a peer that does not say one (RFC 9293, section 3.7.1). */
export const MSS_DEFAULT = 536;
/** The greatest window without scaling. */
export const MAX_WINDOW = 32_767;
/** Acknowledgments that go out at once at the start (Linux: `TCP_MAX_QUICKACKS`). */
export const MAX_QUICKACKS = 16;
/** No pacing rate: what Linux keeps as `~0UL`, bytes a second. */
export const PACING_UNLIMITED: number = Number.MAX_SAFE_INTEGER;
/** The most bytes of a super-segment with its headers. */
export const GSO_MAX_SIZE = 65_536;
export const GSO_MAX_SEGS = 65_535;
/** Bytes of headers that no super-segment's payload takes (Linux: `MAX_TCP_HEADER`). */
export const MAX_TCP_HEADER = 320;
/** Bytes that a segment's record and headers count in the send buffer (Linux: an empty skb's `truesize`). */
export const SEGMENT_OVERHEAD = 832;
