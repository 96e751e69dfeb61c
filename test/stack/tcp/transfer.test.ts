import { createHash } from 'node:crypto';
import t from 'tap';
import { VirtualClock } from '../../../device/clock/virtual.ts';
import { EAGAIN } from '../../../device/errno.ts';
import { createVeth } from '../../../device/link/veth.ts';
import type { Impairment } from '../../../device/link/wire/impairment.ts';
import { createWire } from '../../../device/link/wire/wire.ts';
import { Machine } from '../../../device/machine.ts';
import { PacketPool } from '../../../device/memory/pool.ts';
import type { Link } from '../../../device/netdevice/link.ts';
import { SeededEntropy } from '../../../device/random.ts';
import { AF_INET, POLLOUT, SHUT_WR, SOCK_NONBLOCK, SOCK_STREAM } from '../../../stack/socket/abi.ts';
import { SocketAddress } from '../../../stack/socket/address.ts';
import { createStack, type Stack } from '../../../stack/stack.ts';
import { loadConnection, saveConnection } from '../../../stack/tcp/snapshot.ts';
import { TcpSocket } from '../../../stack/tcp/tcp-socket.ts';
import { parseIpv4 } from '../../../stack/wire/address.ts';

const PAGES = 128;
const PORT = 80;

/** One end of a connection that sends and receives as fast as it may. */
class End {
  readonly stack: Stack;
  fd: number;
  readonly total: number;
  readonly out = createHash('sha256');
  readonly in = createHash('sha256');
  sent = 0;
  got = 0;
  ended = false;
  #shut = false;
  readonly #chunk = new Uint8Array(20_000);
  readonly #buffer = new Uint8Array(50_000);

  constructor(stack: Stack, fd: number, total: number, salt: number) {
    this.stack = stack;
    this.fd = fd;
    this.total = total;
    for (let i = 0; i < this.#chunk.length; i++) this.#chunk[i] = (i * salt + (i >> 8)) & 255;
  }

  get connection(): TcpSocket['connection'] {
    const socket = this.stack.sockets.lookup(this.fd);
    if (!(socket instanceof TcpSocket)) throw new Error('no TCP socket');
    return socket.connection;
  }

  get ready(): boolean {
    const socket = this.stack.sockets.lookup(this.fd);
    if (!(socket instanceof TcpSocket)) return false;
    if (
      !this.ended &&
      (socket.connection.receiveQueue.bytes > 0 || (socket.connection.tcb.shutdown & 1) !== 0)
    )
      return true;
    return !this.#shut && (socket.poll() & POLLOUT) !== 0;
  }

  step(): void {
    const { sockets } = this.stack;
    while (this.sent < this.total) {
      const bytes = this.#chunk.subarray(0, Math.min(this.#chunk.length, this.total - this.sent));
      const taken = sockets.send(this.fd, bytes);
      if (taken < 0 && taken !== -EAGAIN) throw new Error(`send: ${taken}`);
      if (taken <= 0) break;
      this.out.update(bytes.subarray(0, taken));
      this.sent += taken;
    }
    if (this.sent === this.total && !this.#shut) {
      this.#shut = true;
      sockets.shutdown(this.fd, SHUT_WR);
    }
    for (;;) {
      const got = sockets.recv(this.fd, this.#buffer);
      if (got <= 0) {
        if (got === 0) this.ended = true;
        return;
      }
      this.in.update(this.#buffer.subarray(0, got));
      this.got += got;
    }
  }
}

interface Pair {
  readonly clock: VirtualClock;
  readonly pool: PacketPool;
  readonly a: Stack;
  readonly b: Stack;
  readonly client: End;
  readonly server: End;
}

function pair(
  seed: number,
  link: (machine: Machine) => [Link, Link],
  bytes: readonly [number, number],
): Pair {
  const clock = new VirtualClock();
  const pool = new PacketPool({ small: 2048, large: 32, pages: PAGES });
  const machine = new Machine({ clock, pool, entropy: new SeededEntropy(seed) });
  const a = createStack({ machine, name: 'a' });
  const b = createStack({ machine, name: 'b' });
  const [first, second] = link(machine);
  a.addDevice(first, { name: 'eth0', addresses: ['10.0.0.1/24'] });
  b.addDevice(second, { name: 'eth0', addresses: ['10.0.0.2/24'] });
  clock.advance(1500);
  const listener = b.sockets.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  b.sockets.bind(listener, new SocketAddress(AF_INET, 0, PORT));
  b.sockets.listen(listener, 5);
  const fd = a.sockets.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  a.sockets.connect(fd, new SocketAddress(AF_INET, parseIpv4('10.0.0.2'), PORT));
  let accepted = -1;
  clock.advanceUntil(() => {
    accepted = b.sockets.accept(listener);
    return accepted >= 0;
  }, 600_000);
  b.sockets.close(listener);
  return {
    clock,
    pool,
    a,
    b,
    client: new End(a, fd, bytes[0], 7),
    server: new End(b, accepted, bytes[1], 13),
  };
}

/** Runs until both have said and heard everything; whether they have. */
function run({ clock, client, server }: Pair, hours = 10): boolean {
  const end = clock.now() + hours * 3_600_000;
  while (!(client.ended && server.ended) && clock.now() < end) {
    client.step();
    server.step();
    if (client.ended && server.ended) break;
    clock.drain();
    if (!clock.advanceUntil(() => client.ready || server.ready, end - clock.now())) return false;
  }
  return client.ended && server.ended;
}

function judge(t: Tap, on: Pair): void {
  const { client, server } = on;
  t.equal(server.got, client.total);
  t.equal(client.got, server.total);
  t.equal(server.in.digest('hex'), client.out.digest('hex'), 'there');
  t.equal(client.in.digest('hex'), server.out.digest('hex'), 'and back');
}

function finish(t: Tap, { a, b, clock, pool, client, server }: Pair): void {
  a.sockets.close(client.fd);
  b.sockets.close(server.fd);
  clock.advance(1_200_000);
  for (const stack of [a, b]) {
    t.equal(stack.tcp.flows.size, 0);
    t.equal(stack.tcp.orphans, 0);
    t.equal(stack.tcp.memory.used, 0);
    t.equal(stack.mib.get('TcpCurrEstab'), 0);
  }
  a.close();
  b.close();
  clock.drain();
  t.strictSame(
    [pool.inUse, PAGES - pool.pages.free, clock.pendingTimers(), a.tcp.segments.inUse, b.tcp.segments.inUse],
    [0, 0, 0, 0, 0],
    'nothing is left',
  );
}

type Tap = Pick<typeof t, 'equal' | 'strictSame' | 'ok'>;

function wire(impairment: Partial<Impairment>): (machine: Machine) => [Link, Link] {
  return (machine) => {
    const { a, b } = createWire(machine, { impairment });
    return [a, b];
  };
}

t.test('over a veth pair as super-segments, without a copy that is lost', (t) => {
  const on = pair(1, (machine) => createVeth(machine), [20_000_000, 3_000_000]);
  t.equal(run(on), true);
  judge(t, on);
  t.equal(on.a.mib.get('TcpRetransSegs') + on.b.mib.get('TcpRetransSegs'), 0);
  finish(t, on);
  t.end();
});

t.test('over a wire, cut into frames on the way out', (t) => {
  const on = pair(2, wire({ delay: 5 }), [5_000_000, 0]);
  t.equal(run(on), true);
  judge(t, on);
  t.equal(on.a.mib.get('TcpRetransSegs'), 0);
  t.equal(on.b.mib.get('TcpInErrs'), 0);
  finish(t, on);
  t.end();
});

for (const [name, impairment] of [
  ['loss of a hundredth', { delay: 10, loss: 0.01 }],
  ['loss of a twentieth', { delay: 10, loss: 0.05 }],
  ['reordering', { delay: 10, reorder: 0.05, jitter: 3, jitterReorders: true }],
  ['duplicates', { delay: 10, duplicate: 0.1 }],
  ['corruption', { delay: 10, corrupt: 0.02 }],
  ['all of it', { delay: 10, loss: 0.02, reorder: 0.02, duplicate: 0.02, corrupt: 0.01 }],
] as const) {
  t.test(`both ways through ${name}`, (t) => {
    for (const seed of [1, 2, 3]) {
      const on = pair(seed, wire(impairment), [300_000, 200_000]);
      t.equal(run(on), true, `seed ${seed}`);
      judge(t, on);
      finish(t, on);
    }
    t.end();
  });
}

t.test('a connection is saved in the middle, and goes on elsewhere', (t) => {
  const on = pair(5, wire({ delay: 20, loss: 0.01 }), [400_000, 400_000]);
  const { clock, client, a } = on;
  for (let i = 0; i < 40; i++) {
    client.step();
    on.server.step();
    clock.advance(10);
  }
  t.ok(client.sent > 50_000 && client.got < 400_000, 'the transfer is under way');
  const saved = JSON.parse(JSON.stringify(saveConnection(client.connection)));
  const socket = a.sockets.lookup(client.fd);
  if (!(socket instanceof TcpSocket)) throw new Error('no TCP socket');
  const old = socket.connection;
  old.owner = null;
  a.tcp.discard(old);
  const restored = loadConnection(a.tcp, saved);
  if (typeof restored === 'number') throw new Error(`loadConnection: ${restored}`);
  const fresh = new TcpSocket(a.sockets, a.tcp, restored);
  client.fd = a.sockets.install(fresh);
  t.equal(run(on), true);
  judge(t, on);
  finish(t, on);
  t.throws(() => loadConnection(a.tcp, { ...saved, version: 99 }), TypeError);
  t.throws(() => loadConnection(a.tcp, { ...saved, tcb: { nonsense: 1 } }), TypeError);
  t.end();
});
