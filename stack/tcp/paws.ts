import { TH_ACK } from '../wire/tcp.ts';
import type { TcpOptions } from '../wire/tcp-options.ts';
import type { Connection } from './connection.ts';
import { PAWS_24DAYS_MS } from './constants.ts';
import type { Incoming } from './incoming.ts';
import { after, before } from './sequence.ts';
import type { Tcb } from './tcb.ts';

/** What {@link checkPaws} says. */
export const PAWS_OK = 0;
/** Older than what was seen: a duplicate from long ago. */
export const PAWS_OLD = 1;
/** The same, of an ACK that was merely overtaken. */
export const PAWS_OLD_ACK = 2;

/** Protection against wrapped sequence numbers (RFC 7323, section 5; Linux: `tcp_paws_discard`). */
export function checkPaws(conn: Connection, incoming: Incoming, options: TcpOptions): number {
  const { tcb } = conn;
  if (timestampPasses(conn, options.tsval, 0)) return PAWS_OK;
  if (isDisorderedAck(tcb, incoming, options.tsval)) return PAWS_OK;
  const pure = (incoming.flags & TH_ACK) !== 0 && incoming.seq === incoming.endSeq;
  return pure && before(incoming.seq, tcb.rcvNxt) ? PAWS_OLD_ACK : PAWS_OLD;
}

/** Linux: `tcp_paws_check`. */
function timestampPasses(conn: Connection, tsval: number, slack: number): boolean {
  const { tcb, tcp } = conn;
  if (((tcb.tsRecent - tsval) | 0) <= slack) return true;
  if (tcp.now() - tcb.tsRecentStampMs > PAWS_24DAYS_MS) return true;
  return tcb.tsRecent === 0;
}

/** A pure ACK that changes nothing and was overtaken by data (Linux: `tcp_disordered_ack`). */
function isDisorderedAck(tcb: Tcb, incoming: Incoming, tsval: number): boolean {
  const window = incoming.window << tcb.sndWscale;
  return (
    (incoming.flags & TH_ACK) !== 0 &&
    incoming.seq === incoming.endSeq &&
    incoming.seq === tcb.rcvNxt &&
    incoming.ack === tcb.sndUna &&
    !(after(incoming.seq, tcb.sndWl1) || (incoming.seq === tcb.sndWl1 && window > tcb.sndWnd)) &&
    ((tcb.tsRecent - tsval) | 0) <= tcb.rtoMs * 1.2
  );
}

/** Notes the timestamp to echo, of a segment that begins where the last ACK ended (Linux: `tcp_replace_ts_recent`). */
export function replaceTsRecent(conn: Connection, seq: number): void {
  const { tcb, tcp } = conn;
  if (tcb.sawTstamp === 0 || after(seq, tcb.rcvWup)) return;
  if (!timestampPasses(conn, tcb.rcvTsval, 0)) return;
  tcb.tsRecent = tcb.rcvTsval;
  tcb.tsRecentStampMs = tcp.now();
}
