import { once } from 'node:events';
import { type AddressInfo, createServer, connect as netConnect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { VirtualClock } from '../../device/clock/virtual.ts';
import { createVeth } from '../../device/link/veth.ts';
import { Machine } from '../../device/machine.ts';
import { PacketPool } from '../../device/memory/pool.ts';
import { AF_INET, SOCK_NONBLOCK, SOCK_STREAM } from '../../stack/socket/abi.ts';
import { SocketAddress } from '../../stack/socket/address.ts';
import { createStack } from '../../stack/stack.ts';
import { parseIpv4 } from '../../stack/wire/address.ts';
import { collectGarbage } from './allocation.ts';
import type { Bench } from './result.ts';
import { type Round, summarise } from './result.ts';

const CONNECTIONS = 10_000;
/** Sockets of Node's own are compared in a smaller number: each takes a descriptor of the process. */
const NODE_CONNECTIONS = 1000;
const PORT = 80;
/** Long enough for delayed acknowledgements and all that follows a handshake. */
const SETTLE_MS = 5000;

/** Bytes on the heap and outside that are still reachable. */
function memory(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Bytes that one end of an idle connection holds: both ends' are there and counted. */
function measureOurs(): number {
  const clock = new VirtualClock();
  const machine = new Machine({ clock, pool: new PacketPool({ small: 512, large: 8, pages: 64 }) });
  const [client, server] = [createStack({ machine }), createStack({ machine })];
  const [left, right] = createVeth(machine);
  client.addDevice(left, { name: 'eth0', addresses: ['10.0.0.1/24'] });
  server.addDevice(right, { name: 'eth0', addresses: ['10.0.0.2/24'] });
  const listener = server.sockets.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  server.sockets.bind(listener, new SocketAddress(AF_INET, 0, PORT));
  server.sockets.listen(listener, 16);
  const target = new SocketAddress(AF_INET, parseIpv4('10.0.0.2'), PORT);
  clock.advance(SETTLE_MS); // Carrier, addresses.
  const open = (count: number): void => {
    for (let i = 0; i < count; i++) {
      client.sockets.connect(client.sockets.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), target);
      clock.drain();
      if (server.sockets.accept(listener) < 0) throw new Error(`connection ${i} was not opened`);
    }
    clock.advance(SETTLE_MS);
  };
  open(100); // What exists once, and compiled code.
  const before = memory();
  open(CONNECTIONS);
  const bytes = (memory() - before) / (2 * CONNECTIONS);
  if (client.tcp.flows.size !== CONNECTIONS + 100) throw new Error(`${client.tcp.flows.size} connections`);
  client.close();
  server.close();
  return bytes;
}

/** The same of `node:net` over the kernel's loopback: what the process holds, not what the kernel does. */
async function measureNode(): Promise<number> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const open = async (count: number): Promise<void> => {
    const goal = sockets.length + 2 * count;
    for (let i = 0; i < count; i++) {
      const socket = netConnect(port, '127.0.0.1');
      await once(socket, 'connect');
      sockets.push(socket);
    }
    while (sockets.length < goal) await turn();
  };
  await open(20);
  const before = memory();
  await open(NODE_CONNECTIONS);
  const bytes = (memory() - before) / (2 * NODE_CONNECTIONS);
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, 'close');
  return bytes;
}

/** What an idle connection holds, beside an idle socket of Node's own. */
export async function benchMemoryPerConnection({ rounds, report }: Bench): Promise<void> {
  const measured: Round[] = [];
  for (let i = 0; i < rounds; i++) measured.push({ ours: measureOurs(), reference: await measureNode() });
  report(
    summarise('memory-per-connection', 'B', 'an idle node:net socket', measured, {
      connections: CONNECTIONS,
    }),
  );
}
