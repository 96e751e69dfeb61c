import { AF_PACKET, SOCK_RAW } from '../socket/abi.ts';
import type { File } from '../socket/file.ts';
import type { SocketLayer } from '../socket/layer.ts';
import { Socket } from '../socket/socket.ts';
import { tcpStateName } from '../tcp/state-names.ts';
import { TCP_LISTEN } from '../tcp/tcb.ts';
import type { Tcp } from '../tcp/tcp.ts';
import type { Udp } from '../udp/udp.ts';
import { type Family, type Sample, single } from './family.ts';
import { Tally } from './tally.ts';

interface SocketSource {
  readonly sockets: SocketLayer;
  readonly tcp: Tcp;
  readonly udp: Udp;
}

/** Sockets by protocol and state, as `ss` names both, and the memory of TCP. */
export function socketFamilies(source: SocketSource): Family[] {
  const { tcp } = source;
  return [
    {
      type: 'gauge',
      name: 'sockets',
      help: 'Sockets by protocol and state.',
      labels: ['protocol', 'state'],
      samples: () => countSockets(source),
    },
    single(
      'gauge',
      'sockstat_TCP_mem_bytes',
      'Bytes that connections hold in queues.',
      () => tcp.memory.used,
    ),
    single('gauge', 'sockstat_TCP_orphan', 'Connections that nobody holds any more.', () => tcp.orphans),
    single('gauge', 'tcp_memory_pressure', '1 above the second number of tcp_mem.', () =>
      Number(tcp.memory.pressure),
    ),
  ];
}

function countSockets({ sockets, tcp, udp }: SocketSource): Sample[] {
  const tally = new Tally('protocol', 'state');
  for (const entry of tcp.flows.all()) tally.add('tcp', tcpStateName(entry.state));
  for (const _ of tcp.listeners.all()) tally.add('tcp', tcpStateName(TCP_LISTEN));
  for (const socket of udp.table.ports.all()) tally.add('udp', socket.remote === 0 ? 'UNCONN' : 'ESTAB');
  const files = new Set<File | null>(sockets.files.numbers().map((fd) => sockets.files.get(fd)));
  for (const file of files) {
    if (!(file instanceof Socket)) continue;
    if (file.domain === AF_PACKET) tally.add('packet', 'UNCONN');
    else if (file.type === SOCK_RAW) tally.add('raw', 'UNCONN');
  }
  return tally.samples();
}
