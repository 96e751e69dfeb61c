import t from 'tap';
import { EADDRINUSE, EADDRNOTAVAIL, EINVAL, EMFILE } from '../../../device/errno.ts';
import { PacketPool } from '../../../device/memory/pool.ts';
import { SeededEntropy } from '../../../device/random.ts';
import { POLLIN, POLLOUT } from '../../../stack/socket/abi.ts';
import { FdTable } from '../../../stack/socket/fd-table.ts';
import type { File } from '../../../stack/socket/file.ts';
import { FlowTable } from '../../../stack/socket/flow-table.ts';
import { gather, iovLength, scatter, scatterPacket } from '../../../stack/socket/iov.ts';
import { Message, putControlInt, readInt } from '../../../stack/socket/message.ts';
import {
  datagramConflict,
  EphemeralPorts,
  PortTable,
  type PortUser,
  streamConflict,
} from '../../../stack/socket/ports.ts';
import { ReceiveBudget, truesize } from '../../../stack/socket/receive-budget.ts';
import { SipHash } from '../../../stack/socket/siphash.ts';
import { Waiter, WaitQueue } from '../../../stack/socket/wait-queue.ts';
import { SysctlTable } from '../../../stack/sysctl/table.ts';

/** The key of the paper's test: bytes 00, 01 ... 0f. */
const PAPER_KEY = [0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c];

function hex64(hash: SipHash, low: number): string {
  return hash.high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}

t.test("SipHash-2-4: the paper's vectors", (t) => {
  const hash = new SipHash(PAPER_KEY);
  const of = (length: number): string =>
    hex64(hash, hash.bytes(Uint8Array.from({ length }, (_, index) => index)));
  t.equal(of(15), 'a129ca6149be45e5', "the paper's appendix A");
  t.equal(of(0), '726fdb47dd0e0e31');
  t.equal(of(1), '74f839c593dc67fd');
  t.equal(of(8), '93f5f5799a932462');
  t.equal(of(16), '3f2acc7f57c29bdb');
  t.equal(hex64(hash, hash.words2(0x03020100, 0x07060504)), of(8), 'two words are eight bytes');
  t.equal(
    hex64(hash, hash.words4(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c)),
    of(16),
    'four words are sixteen bytes',
  );
  t.end();
});

t.test('SipHash gives the fast-open cookie that Linux gives', (t) => {
  const hash = new SipHash([0xa1a1a1a1, 0xb2b2b2b2, 0xc3c3c3c3, 0xd4d4d4d4]);
  const low = hash.bytes(Uint8Array.of(192, 0, 2, 1, 192, 168, 0, 1));
  const cookie = Buffer.alloc(8);
  cookie.writeUInt32LE(low, 0);
  cookie.writeUInt32LE(hash.high, 4);
  t.equal(cookie.toString('hex'), '3021b9d889017eeb');
  t.end();
});

interface TestFlow {
  local: number;
  localPort: number;
  remote: number;
  remotePort: number;
  boundIfindex: number;
  flowNext: TestFlow | null;
}

t.test('a flow is found by both its ends, among ten thousand; the one bound to the interface first', (t) => {
  const table = new FlowTable<TestFlow>(new SeededEntropy(1));
  const flow = (remotePort: number, boundIfindex = 0, remote = 5): TestFlow => {
    return { local: 1, localPort: 80, remote, remotePort, boundIfindex, flowNext: null };
  };
  const flows = Array.from({ length: 10_000 }, (_, port) => flow(port, 0, 0x1_0000_0005));
  for (const one of flows) table.add(one);
  t.equal(table.size, 10_000);
  t.ok(flows.every((one, port) => table.find(1, 80, 0x1_0000_0005, port, 7) === one));
  t.equal(table.find(1, 80, 5, 3, 7), null, 'an address of another family has other numbers');
  const any = flow(1);
  const bound = flow(1, 7);
  table.add(bound);
  table.add(any);
  t.equal(table.find(1, 80, 5, 1, 7), bound);
  t.equal(table.find(1, 80, 5, 1, 8), any);
  t.ok(table.remove(any));
  t.notOk(table.remove(any));
  t.equal(table.find(1, 80, 5, 1, 8), null);
  for (const one of flows) table.remove(one);
  t.equal(table.size, 1);
  t.equal(table.find(1, 80, 5, 1, 7), bound);
  t.end();
});

class TestFile implements File {
  readonly wait = new WaitQueue();
  statusFlags = 0;
  poll(): number {
    return 0;
  }
  close(): void {}
}

t.test('descriptors: the lowest free number, from 3 on, up to the limit', (t) => {
  const limit = new SysctlTable().add('fs.nr_open', 6);
  const table = new FdTable(limit);
  t.strictSame([table.add(new TestFile()), table.add(new TestFile()), table.add(new TestFile())], [3, 4, 5]);
  t.notOk(table.hasRoom);
  t.equal(table.add(new TestFile()), -EMFILE);
  t.not(table.remove(4), null);
  t.equal(table.remove(4), null);
  t.not(table.remove(3), null);
  t.strictSame([table.add(new TestFile()), table.add(new TestFile())], [3, 4]);
  t.equal(table.get(-1), null);
  t.equal(table.get(99), null);
  t.strictSame(table.numbers(), [3, 4, 5]);
  t.end();
});

class TestWaiter extends Waiter {
  readonly log: string[];
  readonly name: string;
  readonly also: () => void;
  wants = POLLIN;

  constructor(log: string[], name: string, also: () => void = () => {}) {
    super();
    this.log = log;
    this.name = name;
    this.also = also;
  }

  override wake(events: number): boolean {
    if ((events & this.wants) === 0) return false;
    this.log.push(this.name);
    this.also();
    return true;
  }

  override released(): void {
    this.log.push(`${this.name} released`);
  }
}

t.test('waking: everybody, and one of the exclusive; removal during the walk', (t) => {
  const log: string[] = [];
  const queue = new WaitQueue();
  const take = (): string => log.splice(0).join(' ');
  const first = new TestWaiter(log, 'first');
  const second = new TestWaiter(log, 'second', () => queue.remove(first));
  queue.add(first);
  queue.add(second);
  queue.wake(POLLIN);
  t.equal(take(), 'second', 'the newest first; the next one was removed');
  t.equal(first.queue, null);
  const picky = new TestWaiter(log, 'picky');
  picky.wants = POLLOUT;
  const one = new TestWaiter(log, 'one');
  const two = new TestWaiter(log, 'two');
  for (const waiter of [picky, one, two]) {
    waiter.exclusive = true;
    queue.add(waiter);
  }
  queue.wake(POLLIN);
  t.equal(take(), 'second one', 'the exclusive one that had no use for it does not count');
  queue.wake(POLLIN | POLLOUT);
  t.equal(take(), 'second picky');
  queue.release();
  t.equal(take(), 'second released picky released one released two released');
  t.ok(queue.empty);
  t.end();
});

function user(fields: Partial<PortUser> = {}): PortUser {
  return {
    local: 0,
    localPort: 80,
    boundIfindex: 0,
    reuseAddress: 0,
    reusePort: 0,
    listening: false,
    ...fields,
  };
}

t.test("who may share a port: Linux's rules for datagrams and streams", (t) => {
  const cases: [string, Partial<PortUser>, Partial<PortUser>, boolean, boolean][] = [
    ['any and any', {}, {}, true, true],
    ['any and one address', {}, { local: 1 }, true, true],
    ['two addresses', { local: 1 }, { local: 2 }, false, false],
    ['two interfaces', { boundIfindex: 1 }, { boundIfindex: 2 }, false, false],
    ['an interface and any', { boundIfindex: 1 }, {}, true, true],
    ['REUSEADDR on one', { reuseAddress: 1 }, {}, true, true],
    ['REUSEADDR on both', { reuseAddress: 1 }, { reuseAddress: 1 }, false, false],
    [
      'REUSEADDR, both listen',
      { reuseAddress: 1, listening: true },
      { reuseAddress: 1, listening: true },
      false,
      true,
    ],
    ['REUSEPORT on one', { reusePort: 1 }, {}, true, true],
    ['REUSEPORT on both', { reusePort: 1, listening: true }, { reusePort: 1, listening: true }, false, false],
    ['REUSEADDR and REUSEPORT', { reuseAddress: 1 }, { reusePort: 1 }, true, true],
  ];
  for (const [name, one, other, datagram, stream] of cases) {
    t.equal(datagramConflict(user(one), user(other)), datagram, `datagrams: ${name}`);
    t.equal(datagramConflict(user(other), user(one)), datagram, `datagrams: ${name}, turned`);
    t.equal(streamConflict(user(one), user(other)), stream, `streams: ${name}`);
    t.equal(streamConflict(user(other), user(one)), stream, `streams: ${name}, turned`);
  }
  const binds = user({ reuseAddress: 1 });
  const listens = user({ reuseAddress: 1, listening: true });
  t.equal(streamConflict(binds, listens), true, 'streams: REUSEADDR does not let share with one who listens');
  t.equal(streamConflict(listens, binds), false, 'streams: REUSEADDR lets one listen among those who do not');
  t.end();
});

t.test('ephemeral ports: within the range, none reserved, all of them before giving up', (t) => {
  const sysctl = new SysctlTable();
  const ports = new EphemeralPorts(new SeededEntropy(7), sysctl);
  t.equal(sysctl.get('net.ipv4.ip_local_port_range'), '32768\t60999');
  t.equal(sysctl.set('net.ipv4.ip_local_port_range', '1000 1009'), 0);
  for (const wrong of ['0 5', '5', '9 8', '1 65536', 'a b'])
    t.equal(sysctl.set('net.ipv4.ip_local_port_range', wrong), -EINVAL, wrong);
  t.equal(sysctl.set('net.ipv4.ip_local_reserved_ports', '1003,1005-1006'), 0);
  t.equal(sysctl.get('net.ipv4.ip_local_reserved_ports'), '1003,1005-1006');
  t.equal(sysctl.set('net.ipv4.ip_local_reserved_ports', '70000'), -EINVAL);
  const table = new PortTable<PortUser>(ports, datagramConflict);
  const taken: number[] = [];
  for (let i = 0; i < 7; i++) {
    const port = table.choose(user(), 0);
    taken.push(port);
    table.add(user({ localPort: port }));
  }
  t.strictSame(
    taken.toSorted((a, b) => a - b),
    [1000, 1001, 1002, 1004, 1007, 1008, 1009],
  );
  t.ok(
    taken.slice(0, 3).every((port) => port % 2 === 1),
    'a bind takes odd ones first, which connections avoid',
  );
  t.equal(table.choose(user(), 0), -EADDRINUSE);
  t.equal(table.choose(user(), 1003), 1003, 'a reserved port can be asked for');
  t.equal(table.choose(user(), 1000), -EADDRINUSE);
  t.end();
});

t.test('ports of connections: two hashes, even ones first, each next one further on (RFC 6056)', (t) => {
  const sysctl = new SysctlTable();
  const ports = new EphemeralPorts(new SeededEntropy(7), sysctl);
  const used = new Set<number>();
  const next = (low: number, high: number): number => {
    const port = ports.forConnect(low, high, (one) => !used.has(one));
    if (port > 0) used.add(port);
    return port;
  };
  const first = next(1, 1000);
  const second = next(1, 1000);
  t.equal(first % 2, 0);
  t.ok(second > first && second - first <= 16, 'a step of at most sixteen');
  t.not(next(2, 99_999) - second, next(1, 1000) - second, 'another destination has another counter');
  sysctl.set('net.ipv4.ip_local_port_range', '2000 2003');
  const all = [next(1, 5), next(1, 5), next(1, 5), next(1, 5)];
  t.strictSame(
    all.toSorted((a, b) => a - b),
    [2000, 2001, 2002, 2003],
  );
  t.equal(next(1, 5), -EADDRNOTAVAIL);
  t.end();
});

t.test('buffers: gathered and scattered over their borders', (t) => {
  const iov = [Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3, 4, 5), null];
  t.equal(iovLength(iov.slice(0, 3)), 5);
  t.equal(iovLength(iov), -14, 'EFAULT');
  const to = new Uint8Array(4);
  gather(iov, 1, 3, to, 1);
  t.strictSame([...to], [0, 2, 3, 4]);
  const out = [new Uint8Array(2), new Uint8Array(1), new Uint8Array(5)];
  t.equal(scatter(Uint8Array.of(9, 8, 7, 6), 0, 4, out, 1), 4);
  t.strictSame(
    out.map((part) => [...part]),
    [[0, 9], [8], [7, 6, 0, 0, 0]],
  );
  t.equal(scatter(new Uint8Array(9), 0, 9, out), 8, 'no more than there is room');
  const pool = new PacketPool({ small: 2, large: 1, pages: 1 });
  const packet = pool.from(Uint8Array.of(1, 2, 3))!;
  pool.u8.set([4, 5, 6], packet.limit - 3);
  packet.payload = packet.limit - 3;
  packet.payloadLength = 3;
  const whole = new Uint8Array(4);
  t.equal(scatterPacket(packet, 1, 5, [whole]), 4);
  t.strictSame([...whole], [2, 3, 4, 5], 'gathered payload follows the linear part');
  packet.release();
  t.end();
});

t.test('control messages are cut to the room there is, and say so', (t) => {
  const message = new Message();
  message.controlRoom = 24 + 18;
  putControlInt(message, 1, 2, -5);
  t.equal(message.flags, 0);
  t.equal(readInt(message.control[0]!.data), -5);
  putControlInt(message, 1, 3, 7);
  t.equal(message.flags, 0x8, 'MSG_CTRUNC');
  t.equal(message.control[1]!.data.length, 2);
  putControlInt(message, 1, 4, 7);
  t.equal(message.control.length, 2);
  t.end();
});

t.test("a packet's memory as Linux counts it; all sockets together hold half the pool", (t) => {
  const pool = new PacketPool({ small: 4, large: 2, pages: 1 });
  const sizes = [1, 28, 1500, 9000].map((bytes) => {
    const packet = pool.from(new Uint8Array(bytes))!;
    const size = truesize(packet);
    packet.release();
    return size;
  });
  t.strictSame(sizes, [768, 768, 2304, 12544]);
  const budget = new ReceiveBudget(pool);
  const small = [pool.alloc(1)!, pool.alloc(1)!, pool.alloc(1)!];
  t.strictSame(
    small.map((packet) => budget.take(packet)),
    [true, true, false],
  );
  budget.give(small[0]!);
  t.ok(budget.take(small[2]!));
  const large = [pool.alloc(9000)!, pool.alloc(9000)!];
  t.strictSame(
    large.map((packet) => budget.take(packet)),
    [true, false],
  );
  for (const packet of [...small, ...large]) packet.release();
  t.equal(pool.inUse, 0);
  t.end();
});
