import type { Packet } from '../../device/memory/packet.ts';
import { MIB } from '../counters.ts';
import { TCP_HLEN, TH_RST } from '../wire/tcp.ts';
import { parseTcpOptions, TcpOptions } from '../wire/tcp-options.ts';
import { completeRequest } from './check-request.ts';
import type { Incoming } from './incoming.ts';
import type { Listener } from './listener.ts';
import { addressRequest, openReceiveWindow } from './receive-syn.ts';
import { Request } from './request.ts';
import { cookieEcn, cookieSack, cookieWscale } from './syncookie.ts';

const options = new TcpOptions();

/** The ACK of a handshake that was answered with a cookie (Linux: `cookie_v4_check`); false: it is none. */
export function receiveCookie(listener: Listener, packet: Packet, incoming: Incoming): boolean {
  const { tcp, network } = listener;
  if (tcp.settings.syncookies.value === 0 || (incoming.flags & TH_RST) !== 0) return false;
  const mss = tcp.cookies.check(incoming, tcp.now());
  if (mss === 0) {
    tcp.mib.add(MIB.TcpExtSyncookiesFailed);
    return false;
  }
  tcp.mib.add(MIB.TcpExtSyncookiesRecv);
  const request = new Request(tcp, network, listener);
  parseTcpOptions(packet.pool.view, incoming.at + TCP_HLEN, incoming.headerLength - TCP_HLEN, false, options);
  const stamped = options.sawTimestamp !== 0 && options.tsecr !== 0;
  addressRequest(listener, request, incoming, (incoming.seq - 1) | 0);
  request.iss = (incoming.ack - 1) | 0;
  request.mss = mss;
  request.tsOffset = stamped ? tcp.timestampOffset(incoming.local, incoming.remote) : 0;
  if (stamped) {
    const echoed = (options.tsecr - request.tsOffset) | 0;
    const wscale = cookieWscale(echoed);
    request.tstampOk = 1;
    request.tsRecent = options.tsval;
    request.sackOk = cookieSack(echoed) ? 1 : 0;
    request.ecnOk = cookieEcn(echoed) ? 1 : 0;
    request.wscaleOk = wscale >= 0 ? 1 : 0;
    request.sndWscale = Math.max(wscale, 0);
  }
  const path = network.route(incoming.local, incoming.remote, listener.boundIfindex, 0);
  if (typeof path === 'number') return false;
  openReceiveWindow(listener, request, path);
  completeRequest(listener, request, packet, incoming);
  return true;
}
