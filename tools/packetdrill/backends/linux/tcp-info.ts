import { viewOf } from './structs.ts';

/** The fields of `struct tcp_info` (`<linux/tcp.h>`) behind the eight bytes that it begins with, in order, by width. */
const FIELDS: readonly (readonly [bytes: 2 | 4 | 8, names: string])[] = [
  [4, 'rto ato snd_mss rcv_mss unacked sacked lost retrans fackets'],
  [4, 'last_data_sent last_ack_sent last_data_recv last_ack_recv'],
  [4, 'pmtu rcv_ssthresh rtt rttvar snd_ssthresh snd_cwnd advmss reordering rcv_rtt rcv_space total_retrans'],
  [8, 'pacing_rate max_pacing_rate bytes_acked bytes_received'],
  [4, 'segs_out segs_in notsent_bytes min_rtt data_segs_in data_segs_out'],
  [8, 'delivery_rate busy_time rwnd_limited sndbuf_limited'],
  [4, 'delivered delivered_ce'],
  [8, 'bytes_sent bytes_retrans'],
  [4, 'dsack_dups reord_seen rcv_ooopack snd_wnd rcv_wnd rehash'],
  [2, 'total_rto total_rto_recoveries'],
  [4, 'total_rto_time received_ce delivered_e1_bytes delivered_e0_bytes delivered_ce_bytes'],
  [4, 'received_e1_bytes received_e0_bytes received_ce_bytes'],
];

/** Bytes of room for the structure, whichever kernel. */
export const TCP_INFO_ROOM = 512;

/** Reads as many fields as the kernel gave, by their names: `tcpi_snd_cwnd`. */
export function decodeTcpInfo(bytes: Uint8Array): Map<string, number> {
  const view = viewOf(bytes);
  const info = new Map<string, number>();
  const first = ['state', 'ca_state', 'retransmits', 'probes', 'backoff', 'options'];
  for (const [index, name] of first.entries()) info.set(`tcpi_${name}`, view.getUint8(index));
  info.set('tcpi_snd_wscale', view.getUint8(6) & 15);
  info.set('tcpi_rcv_wscale', view.getUint8(6) >>> 4);
  info.set('tcpi_delivery_rate_app_limited', view.getUint8(7) & 1);
  info.set('tcpi_fastopen_client_fail', (view.getUint8(7) >>> 1) & 3);
  let at = 8;
  for (const [width, names] of FIELDS) {
    for (const name of names.split(' ')) {
      if (at + width > bytes.length) return info;
      info.set(`tcpi_${name}`, readNumber(view, at, width));
      at += width;
    }
  }
  return info;
}

/** What `SO_MEMINFO` gives, in order (`<linux/sock_diag.h>`). */
const MEMORY = 'RMEM_ALLOC RCVBUF WMEM_ALLOC SNDBUF FWD_ALLOC WMEM_QUEUED OPTMEM BACKLOG DROPS'.split(' ');

/** Bytes of room for `SO_MEMINFO`. */
export const MEMORY_INFO_ROOM = MEMORY.length * 4;

/** Reads `SO_MEMINFO` by its names: `SK_MEMINFO_RCVBUF`. */
export function decodeMemoryInfo(bytes: Uint8Array): Map<string, number> {
  const view = viewOf(bytes);
  const info = new Map<string, number>();
  for (const [index, name] of MEMORY.entries())
    if (index * 4 + 4 <= bytes.length) info.set(`SK_MEMINFO_${name}`, view.getUint32(index * 4, true));
  return info;
}

function readNumber(view: DataView, at: number, width: 2 | 4 | 8): number {
  if (width === 2) return view.getUint16(at, true);
  return width === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
}
