import type { Connection } from '../../../stack/tcp/connection.ts';

/** What `ss -i` shows of a connection, by its names and in its order; times in ms, sizes in bytes. */
export interface TcpInfoView {
  readonly congestion: string;
  readonly flags: readonly string[];
  readonly values: Readonly<Record<string, string | number>>;
}

export function tcpInfoView({ tcb, congestion }: Connection): TcpInfoView {
  const flags = [...(tcb.tstampOk !== 0 ? ['ts'] : []), ...(tcb.sackOk !== 0 ? ['sack'] : [])];
  const values: Record<string, string | number> = {};
  if (tcb.wscaleOk !== 0) values['wscale'] = `${tcb.sndWscale},${tcb.rcvWscale}`;
  values['rto'] = tcb.rtoMs;
  if (tcb.backoff !== 0) values['backoff'] = tcb.backoff;
  if (tcb.srttUs !== 0) values['rtt'] = `${(tcb.srttUs >>> 3) / 1000}/${(tcb.mdevUs >>> 2) / 1000}`;
  values['mss'] = tcb.mssCache;
  values['pmtu'] = tcb.pmtuCookie;
  values['rcvmss'] = tcb.rcvMss;
  values['advmss'] = tcb.advmss;
  values['cwnd'] = tcb.sndCwnd;
  for (const [name, value] of [
    ['bytes_sent', tcb.bytesSent],
    ['bytes_retrans', tcb.bytesRetrans],
    ['bytes_acked', tcb.bytesAcked],
    ['bytes_received', tcb.bytesReceived],
    ['segs_out', tcb.segsOut],
    ['segs_in', tcb.segsIn],
    ['data_segs_out', tcb.dataSegsOut],
    ['data_segs_in', tcb.dataSegsIn],
    ['delivered', tcb.delivered],
    ['unacked', tcb.packetsOut],
    ['lost', tcb.lostOut],
    ['sacked', tcb.sackedOut],
  ] as const) {
    if (value !== 0) values[name] = value;
  }
  return { congestion: congestion.name, flags, values };
}
