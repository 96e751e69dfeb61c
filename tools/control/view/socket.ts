import type { Stack } from '../../../stack/stack.ts';
import { Connection } from '../../../stack/tcp/connection.ts';
import { tcpStateName } from '../../../stack/tcp/state-names.ts';
import { TCP_LISTEN, TCP_SYN_SENT } from '../../../stack/tcp/tcb.ts';
import { formatIpv4 } from '../../../stack/wire/address.ts';
import { type TcpInfoView, tcpInfoView } from './tcp-info.ts';

/** A socket as `ss` shows it. */
export interface SocketView {
  readonly netid: 'tcp' | 'udp';
  readonly state: string;
  /** Bytes that wait to be read; of a listener, connections that wait to be accepted. */
  readonly recvq: number;
  /** Bytes that are not acknowledged, or not sent; of a listener, how many connections may wait. */
  readonly sendq: number;
  readonly local: string;
  readonly localPort: number;
  readonly peer: string;
  readonly peerPort: number;
  readonly info?: TcpInfoView;
}

/** All TCP and UDP sockets. `info`: with what `struct tcp_info` says of connections. */
export function socketViews(stack: Stack, info: boolean): SocketView[] {
  const views: SocketView[] = [];
  for (const socket of stack.udp.table.ports.all()) {
    views.push({
      netid: 'udp',
      state: socket.remote === 0 ? 'UNCONN' : 'ESTAB',
      recvq: socket.receiveMemory,
      sendq: socket.writeMemory,
      ...ends(socket),
    });
  }
  for (const listener of stack.tcp.listeners.all()) {
    views.push({
      netid: 'tcp',
      state: tcpStateName(TCP_LISTEN),
      recvq: listener.accepting.length,
      sendq: listener.backlog,
      ...ends({ local: listener.local, localPort: listener.localPort, remote: 0, remotePort: 0 }),
    });
  }
  for (const entry of stack.tcp.flows.all()) {
    const connection = entry instanceof Connection ? entry : null;
    views.push({
      netid: 'tcp',
      state: tcpStateName(entry.state),
      ...(connection === null ? { recvq: 0, sendq: 0 } : queues(connection)),
      ...ends(entry),
      ...(info && connection !== null && { info: tcpInfoView(connection) }),
    });
  }
  return views;
}

function queues({ tcb }: Connection): { recvq: number; sendq: number } {
  if (tcb.state === TCP_SYN_SENT) return { recvq: 0, sendq: (tcb.writeSeq - tcb.sndUna) >>> 0 };
  return { recvq: Math.max(0, (tcb.rcvNxt - tcb.copiedSeq) | 0), sendq: (tcb.writeSeq - tcb.sndUna) >>> 0 };
}

interface Ends {
  readonly local: number;
  readonly localPort: number;
  readonly remote: number;
  readonly remotePort: number;
}

function ends({ local, localPort, remote, remotePort }: Ends) {
  return { local: formatIpv4(local >>> 0), localPort, peer: formatIpv4(remote >>> 0), peerPort: remotePort };
}
