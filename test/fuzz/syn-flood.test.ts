import t from 'tap';
import { VirtualClock } from '../../device/clock/virtual.ts';
import { createVeth } from '../../device/link/veth.ts';
import { Machine } from '../../device/machine.ts';
import { PacketPool } from '../../device/memory/pool.ts';
import { ARPHRD_NONE } from '../../device/netdevice/flags.ts';
import { SeededEntropy } from '../../device/random.ts';
import { AF_INET, SHUT_WR, SOCK_NONBLOCK, SOCK_STREAM } from '../../stack/socket/abi.ts';
import { SocketAddress } from '../../stack/socket/address.ts';
import { createStack } from '../../stack/stack.ts';
import { parseIpv4 } from '../../stack/wire/address.ts';
import { TestLink } from '../testing/test-link.ts';
import { mendSegment } from './tcp-mutate.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? 20261125);
const SYNS = 100_000;
const CLIENTS = 100;
const BACKLOG = 128;
const PORT = 80;
const PAGES = 64;
const SERVER = parseIpv4('10.0.0.2');
/** What the flood may leave on the heap, bytes: it would be hundreds a SYN if each were remembered. */
const MOST_HEAP = 16_000_000;

/** A SYN from any address. */
function spoofed(entropy: SeededEntropy): Buffer {
  const frame = Buffer.alloc(44);
  frame[0] = 0x45;
  frame[8] = 64;
  frame[9] = 6;
  frame.writeUInt32BE((0xc6120000 + entropy.below(1 << 17)) >>> 0, 12);
  frame.writeUInt32BE(SERVER, 16);
  frame.writeUInt16BE(1024 + entropy.below(60_000), 20);
  frame.writeUInt16BE(PORT, 22);
  frame.writeUInt32BE(entropy.u32(), 24);
  frame[32] = 0x60;
  frame[33] = 2;
  frame.writeUInt16BE(65535, 34);
  frame.writeUInt32BE(0x020405b4, 40);
  mendSegment(frame);
  return frame;
}

// @rfc 4987 3.6
t.test(`${SYNS} spoofed SYNs, and ${CLIENTS} clients meanwhile, FUZZ_SEED=${SEED}`, (t) => {
  const entropy = new SeededEntropy(SEED);
  const clock = new VirtualClock();
  const pool = new PacketPool({ small: 1024, large: 8, pages: PAGES, debug: true });
  const machine = new Machine({ clock, pool, entropy: new SeededEntropy(SEED) });
  const server = createStack({ machine });
  const client = createStack({ machine });
  const [left, right] = createVeth(machine);
  client.addDevice(left, { name: 'eth0', addresses: ['10.0.0.1/24'] });
  server.addDevice(right, { name: 'eth0', addresses: ['10.0.0.2/24'] });
  const outside = new TestLink({ type: ARPHRD_NONE });
  server.addDevice(outside, { name: 'tun0', addresses: ['192.0.2.1/24'] });
  server.addRoute({ to: 'default', dev: 'tun0' });
  clock.advance(1500);
  const listener = server.sockets.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  server.sockets.bind(listener, new SocketAddress(AF_INET, 0, PORT));
  server.sockets.listen(listener, BACKLOG);

  const buffer = Buffer.alloc(4000);
  let served = 0;
  /** One client connects, sends, hears it back, and is done: both ends see the end. */
  const visit = (number: number): void => {
    const fd = client.sockets.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    client.sockets.connect(fd, new SocketAddress(AF_INET, SERVER, PORT));
    clock.drain();
    const accepted = server.sockets.accept(listener, null, SOCK_NONBLOCK);
    const question = Buffer.alloc(3000, number);
    client.sockets.send(fd, question);
    client.sockets.shutdown(fd, SHUT_WR);
    clock.advance(50);
    const heard = server.sockets.recv(accepted, buffer);
    server.sockets.send(accepted, buffer.subarray(0, Math.max(0, heard)));
    server.sockets.close(accepted);
    clock.advance(50);
    const answer = client.sockets.recv(fd, buffer);
    if (answer === question.length && question.equals(buffer.subarray(0, answer))) served++;
    client.sockets.close(fd);
  };

  let mostFlows = 0;
  let mostPackets = 0;
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < SYNS; i++) {
    const packet = pool.from(spoofed(entropy));
    if (packet === null) throw new Error('the pool is empty');
    outside.port.receive(packet);
    clock.settle();
    outside.sent.length = 0;
    mostFlows = Math.max(mostFlows, server.tcp.flows.size);
    mostPackets = Math.max(mostPackets, pool.inUse);
    if (i % (SYNS / CLIENTS) === SYNS / CLIENTS - 1) visit(i & 255);
  }
  const grown = process.memoryUsage().heapUsed - before;
  t.equal(served, CLIENTS, 'all clients were served in the middle of it');
  t.ok(mostFlows <= BACKLOG + CLIENTS, `${mostFlows} requests and connections at most`);
  t.ok(mostPackets <= 64, `${mostPackets} packets at most`);
  t.ok(grown < MOST_HEAP, `the heap grew by ${grown} bytes, garbage included`);
  const count = (name: Parameters<typeof server.mib.get>[0]) => server.mib.get(name);
  t.ok(count('TcpExtSyncookiesSent') > SYNS * 0.9, `${count('TcpExtSyncookiesSent')} cookies sent`);
  t.ok(count('TcpExtSyncookiesRecv') > 0, `${count('TcpExtSyncookiesRecv')} came back`);
  t.equal(count('TcpExtSyncookiesFailed'), 0);
  t.equal(count('TcpPassiveOpens'), CLIENTS);
  server.sockets.close(listener);
  clock.advance(600_000);
  t.equal(server.tcp.flows.size, 0);
  t.equal(server.tcp.memory.used, 0);
  server.close();
  client.close();
  clock.drain();
  t.strictSame([pool.inUse, PAGES - pool.pages.free, clock.pendingTimers()], [0, 0, 0], 'nothing is left');
  t.end();
});
