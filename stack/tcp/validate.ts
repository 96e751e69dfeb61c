import { dropReason } from '../../device/drop.ts';
import type { Packet } from '../../device/memory/packet.ts';
import { MIB } from '../counters.ts';
import { TH_ACK, TH_FIN, TH_RST, TH_SYN } from '../wire/tcp.ts';
import type { TcpOptions } from '../wire/tcp-options.ts';
import { challengeAck, duplicateAck, outOfWindowLimited } from './challenge.ts';
import type { Connection } from './connection.ts';
import { resetReceived } from './done.ts';
import { suspectReset } from './fastopen-blackhole.ts';
import type { Incoming } from './incoming.ts';
import { checkPaws, PAWS_OK, PAWS_OLD_ACK } from './paws.ts';
import { after, before } from './sequence.ts';
import { PEER_CLOSED, stateIn } from './states.ts';
import { TCP_SYN_RECV } from './tcb.ts';
import { receiveWindow } from './window.ts';

/** An older timestamp than was seen (RFC 7323). */
export const DROP_TCP_PAWS: number = dropReason('tcp_paws');
/** Outside the window, or before it. */
export const DROP_TCP_SEQUENCE: number = dropReason('tcp_sequence');
/** A reset: taken or not, it carries nothing. */
export const DROP_TCP_RESET: number = dropReason('tcp_reset');
/** A SYN in the middle of a connection (RFC 5961). */
export const DROP_TCP_SYN: number = dropReason('tcp_syn');

const IN_SEQUENCE = 0;
const OLD = 1;
const BEYOND = 2;

/** Linux: `tcp_sequence`. */
function checkSequence(conn: Connection, incoming: Incoming): number {
  const { tcb } = conn;
  const { seq, endSeq } = incoming;
  if (before(endSeq, tcb.rcvWup)) return OLD;
  const limit = (tcb.rcvNxt + receiveWindow(tcb)) | 0;
  if (!after(endSeq, limit) || !after((endSeq - (incoming.flags & TH_FIN)) | 0, limit)) return IN_SEQUENCE;
  if (after(seq, limit)) return BEYOND;
  return conn.receiveQueue.length > 0 ? BEYOND : IN_SEQUENCE;
}

/** A reset whose number is that of the FIN we have had: some peers send it (Linux: `tcp_reset_check`). */
function resetsAfterFin(conn: Connection, seq: number): boolean {
  const { tcb } = conn;
  return seq === ((tcb.rcvNxt - 1) | 0) && stateIn(tcb.state, PEER_CLOSED);
}

/** Whether a reset hits exactly what it must (RFC 5961, section 3.2). */
function resetMatches(conn: Connection, seq: number): boolean {
  const { tcb, receiverSack } = conn;
  if (seq === tcb.rcvNxt || resetsAfterFin(conn, seq)) return true;
  if (receiverSack.count === 0) return false;
  let highest = receiverSack.blocks[1]!;
  for (let i = 1; i < receiverSack.count; i++) {
    const end = receiverSack.blocks[i * 2 + 1]!;
    if (after(end, highest)) highest = end;
  }
  return seq === highest;
}

/**
 * Whether a segment of a synchronized connection is to be looked at further (RFC 9293, section 3.10.7.4; Linux:
 * `tcp_validate_incoming`). If not, it was answered as it must be, counted, and released.
 */
export function validate(conn: Connection, packet: Packet, incoming: Incoming, options: TcpOptions): boolean {
  const { tcb, tcp } = conn;
  const { flags, seq } = incoming;
  if (options.sawTimestamp !== 0 && tcb.tstampOk !== 0) {
    const paws = checkPaws(conn, incoming, options);
    if (paws !== PAWS_OK && (flags & TH_RST) === 0) {
      if ((flags & TH_SYN) !== 0) return challengeSyn(conn, packet);
      if (paws === PAWS_OLD_ACK) {
        tcp.mib.add(MIB.TcpExtPAWSOldAck);
      } else {
        tcp.mib.add(MIB.TcpExtPAWSEstab);
        if (!outOfWindowLimited(conn, incoming, MIB.TcpExtTCPACKSkippedPAWS)) duplicateAck(conn, incoming);
      }
      tcp.drop(packet, DROP_TCP_PAWS);
      return false;
    }
  }
  const place = checkSequence(conn, incoming);
  if (place !== IN_SEQUENCE) {
    if ((flags & TH_RST) === 0) {
      if ((flags & TH_SYN) !== 0) return challengeSyn(conn, packet);
      if (place === BEYOND) tcp.mib.add(MIB.TcpExtBeyondWindow);
      if (!outOfWindowLimited(conn, incoming, MIB.TcpExtTCPACKSkippedSeq)) duplicateAck(conn, incoming);
      tcp.drop(packet, DROP_TCP_SEQUENCE);
    } else {
      if (resetsAfterFin(conn, seq)) resetReceived(conn);
      tcp.drop(packet, DROP_TCP_RESET);
    }
    return false;
  }
  if ((flags & TH_RST) !== 0) {
    if (resetMatches(conn, seq)) {
      resetReceived(conn);
    } else {
      suspectReset(conn);
      challengeAck(conn);
    }
    tcp.drop(packet, DROP_TCP_RESET);
    return false;
  }
  if ((flags & TH_SYN) !== 0 && !crossesSyn(conn, incoming)) return challengeSyn(conn, packet);
  return true;
}

/** The SYN-ACK of a peer that opens at the same time (Linux: `TCP_SYN_RECV` with `sk_socket`). */
function crossesSyn(conn: Connection, incoming: Incoming): boolean {
  const { tcb } = conn;
  const next = (incoming.seq + 1) | 0;
  return (
    tcb.state === TCP_SYN_RECV &&
    (incoming.flags & TH_ACK) !== 0 &&
    next === incoming.endSeq &&
    next === tcb.rcvNxt &&
    incoming.ack === tcb.sndNxt
  );
}

function challengeSyn(conn: Connection, packet: Packet): boolean {
  const { tcp } = conn;
  tcp.mib.add(MIB.TcpInErrs);
  tcp.mib.add(MIB.TcpExtTCPSYNChallenge);
  challengeAck(conn);
  tcp.drop(packet, DROP_TCP_SYN);
  return false;
}
