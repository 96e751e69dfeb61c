import type { SocketView } from '../control/view/socket.ts';
import type { TcpInfoView } from '../control/view/tcp-info.ts';

const HEADER = ['Netid', 'State', 'Recv-Q', 'Send-Q', 'Local Address:Port', 'Peer Address:Port'];

/** Sockets in columns, and under each the line of `ss -i` where there is one. */
export function formatSockets(sockets: readonly SocketView[]): string {
  const rows = [HEADER, ...sockets.map(cells)];
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row, at) => {
      const line = row.map((cell, column) => cell.padEnd(widths[column]!)).join(' ');
      const info = at === 0 ? undefined : sockets[at - 1]!.info;
      return info === undefined ? line.trimEnd() : `${line.trimEnd()}\n\t ${formatInfo(info)}`;
    })
    .join('\n');
}

function cells(socket: SocketView): string[] {
  const { netid, state, recvq, sendq } = socket;
  return [
    netid,
    state,
    String(recvq),
    String(sendq),
    `${socket.local}:${socket.localPort}`,
    `${socket.peer}:${socket.peerPort === 0 ? '*' : socket.peerPort}`,
  ];
}

function formatInfo({ flags, congestion, values }: TcpInfoView): string {
  return [...flags, congestion, ...Object.entries(values).map(([name, value]) => `${name}:${value}`)].join(
    ' ',
  );
}
