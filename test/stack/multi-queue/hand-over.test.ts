import t from 'tap';
import { EAGAIN, ECONNREFUSED } from '../../../device/errno.ts';
import { AF_INET, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM } from '../../../stack/socket/abi.ts';
import { SocketAddress } from '../../../stack/socket/address.ts';
import type { Stack } from '../../../stack/stack.ts';
import { parseIpv4 } from '../../../stack/wire/address.ts';
import { Group, OURS, PEER } from './group.ts';

const PORT = 7;
const STREAM = SOCK_STREAM | SOCK_NONBLOCK;
const DATAGRAM = SOCK_DGRAM | SOCK_NONBLOCK;

const at = (address: string, port: number): SocketAddress =>
  new SocketAddress(AF_INET, parseIpv4(address), port);

function listener({ sockets }: Stack): number {
  const fd = sockets.socket(AF_INET, STREAM, 0);
  sockets.bind(fd, at('0.0.0.0', PORT));
  sockets.listen(fd, 8);
  return fd;
}

function connected({ sockets }: Stack, to: SocketAddress): number {
  const fd = sockets.socket(AF_INET, STREAM, 0);
  sockets.connect(fd, to);
  return fd;
}

function received({ sockets }: Stack, fd: number): string | number {
  const buffer = new Uint8Array(8192);
  const got = sockets.recv(fd, buffer);
  return got < 0 ? got : Buffer.from(buffer.subarray(0, got)).toString();
}

/** A group of which everybody knows the peer, and the peer us. */
function acquainted(count: number): Group {
  const group = new Group(count);
  for (const stack of group.stacks) stack.ping(PEER, { count: 1 });
  group.clock.advance(0);
  group.passed();
  return group;
}

t.test('a connection of one member, whose segments come to all of them in turn', (t) => {
  const group = acquainted(3);
  const server = listener(group.peer);
  let turn = 0;
  group.steer = () => turn++ % 3;
  const client = connected(group.stacks[1]!, at(PEER, PORT));
  group.clock.advance(0);
  const accepted = group.peer.sockets.accept(server, null, SOCK_NONBLOCK);
  t.strictSame(group.passed(), [
    'q1> tcp S 0',
    '>q0 tcp S. 0',
    '0-1 stray of 0: tcp S. 0',
    'q1> tcp . 0',
    '1-0 taken stray',
  ]);
  const { sockets } = group.stacks[1]!;
  for (const [to, text] of [
    [1, 'here'],
    [2, 'there'],
    [0, 'everywhere'],
  ] as const) {
    turn = to;
    group.peer.sockets.send(accepted, Buffer.from(text));
    group.clock.advance(1000);
    t.equal(received(group.stacks[1]!, client), text);
  }
  t.equal(group.members[2]!.handOver.handed, 1, 'past member 0, which has no use for it');
  t.equal(group.members[1]!.handOver.received, 4, 'the echo reply before, too');
  t.equal(group.stacks[0]!.counters().mib.TcpOutRsts, 0);
  sockets.close(client);
  group.peer.sockets.close(accepted);
  t.equal(group.close(), '0 packets, 0 timers');
  t.end();
});

t.test('a member that listens too does not take the segments of another one', (t) => {
  const group = acquainted(2);
  const listeners = group.stacks.map(listener);
  group.steer = () => 1;
  const client = connected(group.peer, at(OURS, PORT));
  group.clock.advance(0);
  const accepted = group.stacks[1]!.sockets.accept(listeners[1]!, null, SOCK_NONBLOCK);
  t.ok(accepted >= 0);
  group.steer = () => 0;
  group.passed();
  group.peer.sockets.send(client, Buffer.from('to the other'));
  group.clock.advance(0);
  t.strictSame(group.passed(), [
    '>q0 tcp P. 12',
    '0-1 stray of 0: tcp P. 12',
    'q1> tcp . 0',
    '1-0 taken stray',
  ]);
  t.equal(received(group.stacks[1]!, accepted), 'to the other');
  t.equal(group.close(), '0 packets, 0 timers');
  t.end();
});

t.test('the one that listens is found; where nobody does, one reset comes, after all were asked', (t) => {
  const group = acquainted(3);
  const open = listener(group.stacks[2]!);
  connected(group.peer, at(OURS, PORT));
  group.clock.advance(0);
  t.strictSame(group.passed(), [
    '>q0 tcp S 0',
    '0-1 stray of 0: tcp S 0',
    '1-2 stray of 0: tcp S 0',
    'q2> tcp S. 0',
    '2-0 taken stray',
    '>q0 tcp . 0',
    '0-1 stray of 0: tcp . 0',
    '1-2 stray of 0: tcp . 0',
    '2-0 taken stray',
  ]);
  t.ok(group.stacks[2]!.sockets.accept(open, null, SOCK_NONBLOCK) >= 0);
  const refused = connected(group.peer, at(OURS, 9));
  group.clock.advance(0);
  t.strictSame(group.passed(), [
    '>q0 tcp S 0',
    '0-1 stray of 0: tcp S 0',
    '1-2 stray of 0: tcp S 0',
    '2-0 stray of 0: tcp S 0',
    'q0> tcp R. 0',
  ]);
  t.equal(received(group.peer, refused), -ECONNREFUSED);
  t.equal(group.members[0]!.handOver.returned, 1);
  t.equal(group.members[0]!.handOver.outstanding, 0);
  t.equal(group.close(), '0 packets, 0 timers');
  t.end();
});

t.test('datagrams, echo replies and ICMP errors find their socket', (t) => {
  const group = acquainted(2);
  const other = group.stacks[1]!;
  const bound = other.sockets.socket(AF_INET, DATAGRAM, 0);
  other.sockets.bind(bound, at('0.0.0.0', PORT));
  const sender = group.peer.sockets.socket(AF_INET, DATAGRAM, 0);
  group.peer.sockets.sendto(sender, Buffer.from('datagram'), 0, at(OURS, PORT));
  group.peer.sockets.sendto(sender, Buffer.alloc(4000, 'x'), 0, at(OURS, PORT));
  group.clock.advance(0);
  t.equal(received(other, bound), 'datagram');
  t.equal(received(other, bound), 'x'.repeat(4000), 'put together on queue 0, handed over whole');
  t.equal(group.members[0]!.handOver.handed, 3, 'one each, and the echo reply before');
  const ping = other.ping(PEER, { count: 1 });
  group.clock.advance(0);
  t.equal(ping.summary().received, 1);
  const client = other.sockets.socket(AF_INET, DATAGRAM, 0);
  other.sockets.connect(client, at(PEER, 9));
  group.passed();
  other.sockets.send(client, Buffer.from('?'));
  group.clock.advance(0);
  t.strictSame(group.passed(), ['q1> udp 1', '>q0 icmp 3/3', '0-1 stray of 0: icmp 3/3', '1-0 taken stray']);
  t.equal(received(other, client), -ECONNREFUSED);
  t.equal(group.close(), '0 packets, 0 timers');
  t.end();
});

t.test('nobody has the port: one ICMP error', (t) => {
  const group = acquainted(3);
  const sender = group.peer.sockets.socket(AF_INET, DATAGRAM, 0);
  group.peer.sockets.connect(sender, at(OURS, 9));
  group.peer.sockets.send(sender, Buffer.from('!'));
  group.clock.advance(0);
  t.equal(group.passed().filter((line) => line.includes('icmp 3/3')).length, 1);
  t.equal(received(group.peer, sender), -ECONNREFUSED);
  t.strictSame(
    group.stacks.map((stack) => stack.counters().mib.UdpNoPorts),
    [1, 0, 0],
  );
  t.equal(group.close(), '0 packets, 0 timers');
  t.end();
});

t.test('no more than 256 are on their way: the rest is dealt with at once', (t) => {
  const group = acquainted(2);
  const [dev] = group.devices;
  const header = '450000200000400040110000c0000202c0000201';
  const frame = Buffer.from(`0200000000010200000000990800${header}1000000900090000213f3f3f`, 'hex');
  frame.writeUInt16BE(29, 16);
  let sum = 0;
  for (let i = 14; i < 34; i += 2) sum += frame.readUInt16BE(i);
  frame.writeUInt16BE(0xffff - ((sum & 0xffff) + (sum >>> 16)), 24);
  for (let i = 0; i < 300; i++) dev!.receive(group.machine.pool.from(frame)!);
  const { handOver } = group.members[0]!;
  t.equal(handOver.outstanding, 256);
  t.equal(handOver.overflows, 44);
  group.clock.advance(0);
  t.equal(handOver.outstanding, 0);
  t.equal(handOver.returned, 256);
  t.equal(group.stacks[0]!.counters().mib.UdpNoPorts, 300);
  t.equal(group.close(), '0 packets, 0 timers');
  t.end();
});

t.test('a stray whose origin is gone goes no further', (t) => {
  const group = acquainted(3);
  const sender = group.peer.sockets.socket(AF_INET, DATAGRAM, 0);
  group.steer = () => 2;
  group.peer.sockets.sendto(sender, Buffer.from('!'), 0, at(OURS, 9));
  group.machine.clock.settle();
  group.clock.advance(0);
  group.members[2]!.close();
  group.peer.sockets.sendto(sender, Buffer.from('!'), 0, at(OURS, 9));
  group.clock.advance(0);
  t.equal(received(group.peer, sender), -EAGAIN);
  t.equal(group.members[0]!.next(), 1);
  t.equal(group.members[1]!.next(), 0);
  t.equal(group.close(), '0 packets, 0 timers');
  t.end();
});

t.test('local ports of connections are shared out', (t) => {
  const group = new Group(3);
  t.strictSame(
    group.stacks.map((stack) => stack.sysctl.get('net.ipv4.ip_local_port_range')),
    ['32768\t42177', '42178\t51587', '51588\t60997'],
  );
  t.equal(group.close(), '0 packets, 0 timers');
  t.end();
});
