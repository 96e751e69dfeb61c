import { MIB } from '../counters.ts';
import { FastOpenOption } from '../wire/fastopen-option.ts';
import { openChild } from './child.ts';
import type { Connection } from './connection.ts';
import { TIME_RETRANS, TIMEOUT_INIT_MS } from './constants.ts';
import { initTransfer } from './establish.ts';
import { TFO_SERVER_COOKIE_NOT_REQD, TFO_SERVER_ENABLE } from './fastopen.ts';
import { COOKIE_BAD, COOKIE_OF_BACKUP } from './fastopen-cookie.ts';
import type { Incoming } from './incoming.ts';
import type { Listener } from './listener.ts';
import type { Request } from './request.ts';

const fresh = new FastOpenOption();

/**
 * Opens a connection by the data of a SYN, if the listener does so and the client has shown before that its address is its own (RFC
 * 7413, section 4.2.2; Linux: `tcp_try_fastopen`). `option`: what the SYN had, and afterwards what the SYN-ACK is to have. The
 * connection has none of the data yet; null: the handshake is an ordinary one.
 */
export function tryFastOpen(request: Request, incoming: Incoming, option: FastOpenOption): Connection | null {
  const listener = request.listener!;
  const { tcp } = listener;
  const { mib, fastOpen } = tcp;
  if (option.length === 0) mib.add(MIB.TcpExtTCPFastOpenCookieReqd);
  const asked = incoming.bytes > 0 || option.length >= 0;
  if (!fastOpen.allows(TFO_SERVER_ENABLE) || !asked || !hasRoom(listener)) {
    option.length = -1;
    return null;
  }
  if (fastOpen.allows(TFO_SERVER_COOKIE_NOT_REQD) || listener.template.tcb.fastopenNoCookie !== 0) {
    const conn = open(request, incoming);
    if (conn !== null) {
      option.length = -1;
      return conn;
    }
    mib.add(MIB.TcpExtTCPFastOpenPassiveFail);
    fresh.length = -1;
  } else {
    const keys = listener.template.fastOpenKeys ?? fastOpen.keys;
    fresh.length = -1;
    if (option.length === 0) {
      keys?.make(request.remote, request.local, fresh);
    } else if (option.length > 0) {
      const verdict = keys?.check(request.remote, request.local, option, fresh) ?? COOKIE_BAD;
      const conn = verdict === COOKIE_BAD ? null : open(request, incoming);
      if (conn !== null && verdict === COOKIE_OF_BACKUP) mib.add(MIB.TcpExtTCPFastOpenPassiveAltKey);
      else if (conn !== null) fresh.length = -1;
      else mib.add(MIB.TcpExtTCPFastOpenPassiveFail);
      answer(option);
      return conn;
    }
  }
  answer(option);
  return null;
}

/** The SYN-ACK has the {@link fresh} cookie, in an option like the SYN's. */
function answer(option: FastOpenOption): void {
  fresh.experimental = option.experimental;
  option.copy(fresh);
}

function hasRoom(listener: Listener): boolean {
  const { tcp, template, fastOpen } = listener;
  const most = template.tcb.fastopenMax;
  if (most === 0) return false;
  const room = fastOpen.hasRoom(most, tcp.now());
  if (!room) tcp.mib.add(MIB.TcpExtTCPFastOpenListenOverflow);
  return room;
}

/** Linux: `tcp_fastopen_create_child`. */
function open(request: Request, incoming: Incoming): Connection | null {
  const listener = request.listener!;
  const { tcp } = listener;
  const conn = openChild(listener, request, incoming);
  if (conn === null) return null;
  const { tcb } = conn;
  listener.fastOpen.length++;
  conn.request = request;
  tcb.tfoChild = 1;
  // The window of a SYN is never scaled (RFC 7323, section 2.2).
  tcb.sndWnd = incoming.window;
  tcb.maxWindow = incoming.window;
  conn.armRetransmit(TIME_RETRANS, TIMEOUT_INIT_MS);
  initTransfer(conn);
  tcp.mib.add(MIB.TcpExtTCPFastOpenPassive);
  return conn;
}
