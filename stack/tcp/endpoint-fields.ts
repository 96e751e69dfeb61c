import { Connection } from './connection.ts';
import { RCVBUF_LOCK, SNDBUF_LOCK } from './constants.ts';
import type { TcpEndpoint } from './tcp-endpoint.ts';

/** What a socket and its connection both know, and who tells whom. */

/** A connection for a socket, never opened, with the settings that are in force. */
export function blankConnection(socket: TcpEndpoint): Connection {
  const { tcp } = socket;
  const { settings } = tcp;
  const connection = new Connection(tcp, tcp.ipv4);
  const { tcb } = connection;
  tcb.sndbuf = socket.sndbuf;
  tcb.rcvbuf = socket.rcvbuf;
  tcb.keepaliveTimeMs = settings.keepaliveTime.value * 1000;
  tcb.keepaliveIntvlMs = settings.keepaliveIntvl.value * 1000;
  tcb.keepaliveCount = settings.keepaliveProbes.value;
  tcb.reordering = settings.reordering.value;
  tcp.setCongestion(connection, tcp.congestion);
  connection.owner = socket;
  return connection;
}

/** Brings a socket's fields to what its connection says. */
export function connectionToSocket(socket: TcpEndpoint): void {
  const { tcb } = socket.connection;
  socket.local = tcb.local;
  socket.source = tcb.local;
  socket.localPort = tcb.localPort;
  socket.remote = tcb.remote;
  socket.remotePort = tcb.remotePort;
  socket.sndbuf = tcb.sndbuf;
  socket.rcvbuf = tcb.rcvbuf;
  socket.boundIfindex = tcb.boundIfindex;
  socket.tos = tcb.tos;
}

/** Gives the connection what was set on its socket. */
export function socketToConnection(socket: TcpEndpoint): void {
  const { connection } = socket;
  const { tcb } = connection;
  tcb.tos = socket.tos;
  tcb.ttl = Math.max(socket.ttl, 0);
  tcb.pmtuDiscover = socket.mtuDiscover;
  tcb.boundIfindex = socket.boundIfindex;
  tcb.rcvlowat = socket.rcvlowat;
  tcb.keepOpen = socket.keepalive;
  tcb.lingerMs = socket.lingerOn !== 0 ? socket.lingerSeconds * 1000 : -1;
  tcb.sndbuf = socket.sndbuf;
  tcb.rcvbuf = socket.rcvbuf;
  tcb.bufferLocks = (socket.sndbufLocked ? SNDBUF_LOCK : 0) | (socket.rcvbufLocked ? RCVBUF_LOCK : 0);
  connection.ipOptions = socket.options;
  connection.minTtl = socket.minTtl;
  connection.ipOptions = socket.options;
}

/** What outlives a connection on its socket (Linux: `tcp_disconnect`). */
export function keepOptions(fresh: Connection, old: Connection): void {
  fresh.tcb.nonagle = old.tcb.nonagle;
  fresh.tcb.userMss = old.tcb.userMss;
  fresh.tcb.zerocopyNext = old.tcb.zerocopyNext;
  fresh.tcb.fastopenMax = old.tcb.fastopenMax;
  fresh.tcb.fastopenConnect = old.tcb.fastopenConnect;
  fresh.tcb.fastopenNoCookie = old.tcb.fastopenNoCookie;
  fresh.fastOpenKeys = old.fastOpenKeys;
}
