import type { Packet } from '../../device/memory/packet.ts';
import { POLLPRI } from '../socket/abi.ts';
import { TH_URG } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import type { Incoming } from './incoming.ts';
import { copyPayload } from './payload.ts';
import { after, before } from './sequence.ts';

/** What is known of the urgent byte (Linux: `TCP_URG_*`); the byte itself is in the low eight bits. */
export const URG_VALID = 0x0100;
export const URG_NOTYET = 0x0200;
export const URG_READ = 0x0400;

const byte = new Uint8Array(1);

/** Notes the urgent pointer and takes the byte that it points at (Linux: `tcp_urg`). `packet.start` is at the TCP header. */
export function receiveUrgent(conn: Connection, packet: Packet, incoming: Incoming): void {
  const { tcb } = conn;
  if ((incoming.flags & TH_URG) !== 0) checkUrgent(conn, incoming);
  if (tcb.urgData !== URG_NOTYET) return;
  const at = (tcb.urgSeq - incoming.seq) >>> 0;
  if (at >= incoming.bytes) return;
  copyPayload(packet, incoming.headerLength + at, byte, 0, 1);
  tcb.urgData = URG_VALID | byte[0]!;
  if (tcb.orphaned === 0) conn.notify(POLLPRI);
}

/** Linux: `tcp_check_urg`. The pointer is to the byte behind the urgent one, unless `tcp_stdurg` says otherwise. */
function checkUrgent(conn: Connection, incoming: Incoming): void {
  const { tcb, tcp } = conn;
  const offset = incoming.urgent > 0 && tcp.settings.stdurg.value === 0 ? 1 : 0;
  const pointer = (incoming.seq + incoming.urgent - offset) | 0;
  if (after(tcb.copiedSeq, pointer) || before(pointer, tcb.rcvNxt)) return;
  if (tcb.urgData !== 0 && !after(pointer, tcb.urgSeq)) return;
  tcb.urgData = URG_NOTYET;
  tcb.urgSeq = pointer;
  conn.predicted = false;
}
