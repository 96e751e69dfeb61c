import { MIB } from '../counters.ts';
import type { FastOpenOption } from '../wire/fastopen-option.ts';
import { TH_ACK, TH_ECE, TH_SYN } from '../wire/tcp.ts';
import {
  addFastOpenOption,
  OPTION_MSS,
  OPTION_SACK_ADVERTISE,
  OPTION_TS,
  OPTION_WSCALE,
} from '../wire/tcp-options.ts';
import type { NetworkPath } from './network.ts';
import { Reply, sendReply } from './reply.ts';
import type { Request } from './request.ts';

const reply = new Reply();

/**
 * Answers a SYN; 0 or a negated errno (Linux: `tcp_v4_send_synack`). `path`: null to look for one; `cookie`: nothing is remembered of
 * it; `fastOpen`: a cookie for Fast Open, null for none.
 */
export function sendSynAck(
  request: Request,
  path: NetworkPath | null,
  cookie: boolean,
  fastOpen: Readonly<FastOpenOption> | null,
): number {
  const { tcp, network } = request;
  address(request);
  reply.seq = request.iss;
  reply.flags = TH_SYN | TH_ACK | (request.ecnOk !== 0 ? TH_ECE : 0);
  reply.window = Math.min(request.rcvWnd, 0xffff);
  const out = reply.options;
  out.flags = OPTION_MSS;
  out.mss = request.advmss;
  out.sackBlocks = 0;
  if (request.wscaleOk !== 0) {
    out.flags |= OPTION_WSCALE;
    out.windowScale = request.rcvWscale;
  }
  if (request.sackOk !== 0) out.flags |= OPTION_SACK_ADVERTISE;
  if (request.tstampOk !== 0) {
    out.flags |= OPTION_TS;
    const now = tcp.tsClock(tcp.nowUs());
    const stamp = cookie
      ? tcp.cookies.timestamp(
          now,
          request.wscaleOk !== 0 ? request.sndWscale : -1,
          request.sackOk !== 0,
          request.ecnOk !== 0,
        )
      : now;
    out.tsval = (stamp + request.tsOffset) | 0;
    out.tsecr = request.tsRecent;
  }
  if (fastOpen !== null) addFastOpenOption(out, fastOpen);
  request.sentUs = tcp.nowUs();
  return sendReply(tcp, network, reply, path);
}

function address(request: Request): void {
  reply.local = request.local;
  reply.localPort = request.localPort;
  reply.remote = request.remote;
  reply.remotePort = request.remotePort;
  reply.ack = request.rcvNxt;
  reply.tos = request.tos;
  reply.ttl = request.ttl;
  reply.ifindex = request.boundIfindex;
  reply.dontFragment = request.dontFragment !== 0;
}

/** Answers a SYN again; false: it could not be sent (Linux: `inet_rtx_syn_ack`). */
export function resendSynAck(request: Request): boolean {
  const { tcp } = request;
  const sent = sendSynAck(request, null, false, null) >= 0;
  if (sent) {
    request.retransmits++;
    tcp.mib.add(MIB.TcpRetransSegs);
    tcp.mib.add(MIB.TcpExtTCPSynRetrans);
  }
  return sent;
}

/** Acknowledges for a connection that is not made yet (Linux: `tcp_v4_reqsk_send_ack`). */
export function acknowledgeRequest(request: Request): void {
  const { tcp, network } = request;
  address(request);
  reply.seq = (request.iss + 1) | 0;
  reply.flags = TH_ACK;
  reply.window = Math.floor(request.rcvWnd / 2 ** request.rcvWscale);
  reply.options.flags = request.tstampOk !== 0 ? OPTION_TS : 0;
  reply.options.sackBlocks = 0;
  reply.options.tsval = (tcp.tsClock(tcp.nowUs()) + request.tsOffset) | 0;
  reply.options.tsecr = request.tsRecent;
  sendReply(tcp, network, reply);
}
