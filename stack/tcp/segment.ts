import { holdDoubles } from '../../device/memory/doubles.ts';

/** What is known of a sent segment (Linux: `TCPCB_*` of `tcp_skb_cb.sacked`). */
export const SACKED_ACKED = 0x01;
export const SACKED_RETRANS = 0x02;
export const LOST = 0x04;
export const EVER_RETRANS = 0x80;

/**
 * One (super-)segment that was written or sent and is not acknowledged yet (Linux: an skb of the write or the retransmit
 * queue). Records form a doubly linked list in sequence order, come from a free list, and are never made on the fast path.
 *
 * Its bytes lie in the send queue's pages, from `seq` to `endSeq` less what SYN and FIN take.
 */
export class Segment {
  previous: Segment | null = null;
  next: Segment | null = null;
  /** Neighbours in the order of sending (see `sent-order.ts`), and whether it stands there. */
  sentBefore: Segment | null = null;
  sentAfter: Segment | null = null;
  inSentOrder = false;
  seq = 0;
  endSeq = 0;
  /** TCP flags: FIN, SYN, PSH, ECE ... */
  flags = 0;
  /** `SACKED_ACKED`, `SACKED_RETRANS`, `LOST`, `EVER_RETRANS` ... */
  sacked = 0;
  /** Segments of `gsoSize` bytes that it makes on the wire (Linux: `tcp_skb_pcount`). */
  pcount = 1;
  gsoSize = 0;
  /** Microseconds of the clock when it was last sent, 0: never. */
  sentUs = 0;
  /** Times it was retransmitted. */
  transmissions = 0;
  /** End of record: nothing may be appended (`MSG_EOR`). */
  eor = 0;
  /** Pieces that its bytes are in, when their buffers were lent (`MSG_ZEROCOPY`), 0: they were copied. */
  fragments = 0;
  /** `SOF_TIMESTAMPING_TX_*` bits that its sender wants to be told of, and the byte that they are about. */
  stamps = 0;
  stampSeq = 0;
  /** Delivery-rate sample taken when it was sent (draft-cheng-iccrg-delivery-rate-estimation). */
  txDelivered = 0;
  txDeliveredUs = 0;
  txFirstTxUs = 0;
  txAppLimited = 0;
}

holdDoubles(() => new Segment(), ['sentUs', 'txDeliveredUs', 'txFirstTxUs']);
