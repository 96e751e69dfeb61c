import t from 'tap';
import {
  EADDRNOTAVAIL,
  EAGAIN,
  EALREADY,
  ECONNREFUSED,
  EDESTADDRREQ,
  EINVAL,
  EMSGSIZE,
  ENETDOWN,
  ENODEV,
  ENOPROTOOPT,
  ENXIO,
  EOPNOTSUPP,
} from '../../../device/errno.ts';
import { createVeth } from '../../../device/link/veth.ts';
import {
  AF_INET,
  AF_PACKET,
  MSG_TRUNC,
  POLLERR,
  SOCK_DGRAM,
  SOCK_RAW,
  SOL_IP,
  SOL_PACKET,
  SOL_RAW,
  SOL_SOCKET,
} from '../../../stack/socket/abi.ts';
import { SocketAddress } from '../../../stack/socket/address.ts';
import type { OfferedFlow } from '../../../stack/socket/forward.ts';
import { IP_RECVERR } from '../../../stack/socket/inet-options.ts';
import { intBytes } from '../../../stack/socket/message.ts';
import { PACKET_ADD_MEMBERSHIP, PACKET_DROP_MEMBERSHIP } from '../../../stack/socket/packet-memberships.ts';
import { PACKET_IGNORE_OUTGOING, PACKET_STATISTICS } from '../../../stack/socket/packet-socket.ts';
import { ICMP_FILTER, IP_HDRINCL } from '../../../stack/socket/raw-socket.ts';
import { SO_BINDTODEVICE, SO_RCVBUF } from '../../../stack/socket/socket-options.ts';
import { createStack } from '../../../stack/stack.ts';
import { formatIpv4 } from '../../../stack/wire/address.ts';
import { bench, datagram, describe, drops, icmp, inject, leftovers, sent } from '../ip/harness.ts';
import { address, host, line, message, option, receive, show, text, udp, udpSocket } from './harness.ts';

t.test('a raw socket reads whole datagrams of its protocol, beside the protocol itself', (t) => {
  const { sockets, stack, dev, link, on } = host();
  const fd = sockets.socket(AF_INET, SOCK_RAW, 1);
  const request = datagram({ payload: icmp(8, 0, 5, text('data')) });
  inject(stack, dev, request);
  t.strictSame(
    sent(link).map(describe),
    ['192.0.2.1 > 192.0.2.2: ICMP 0/0 len 32 ttl 64'],
    'it is answered too',
  );
  const { message: m, buffer } = message();
  t.equal(sockets.recvmsg(fd, m), request.length);
  t.same(Buffer.from(buffer.subarray(0, request.length)), request, 'not as the answer changed it');
  t.equal(show(m.address!), '192.0.2.2:0');
  inject(stack, dev, udp());
  t.equal(receive(sockets, fd), -EAGAIN);
  t.equal(sockets.setsockopt(fd, SOL_RAW, ICMP_FILTER, 1 << 8), 0);
  t.equal(option(sockets, fd, SOL_RAW, ICMP_FILTER), 1 << 8);
  inject(stack, dev, request);
  t.equal(receive(sockets, fd), -EAGAIN, 'filtered out');
  const other = sockets.socket(AF_INET, SOCK_RAW, 99);
  t.equal(sockets.setsockopt(other, SOL_RAW, ICMP_FILTER, 1), -EOPNOTSUPP);
  inject(stack, dev, datagram({ protocol: 99, payload: text('ninety-nine') }));
  t.match(receive(sockets, other), /ninety-nine$/);
  sent(link);
  sockets.close(other);
  inject(stack, dev, datagram({ protocol: 99 }));
  t.strictSame(
    sent(link).map(describe),
    ['192.0.2.1 > 192.0.2.2: ICMP 3/2 len 48 ttl 64'],
    'nobody speaks it now',
  );
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('a raw socket hears what it is bound and connected to', (t) => {
  const { sockets, stack, dev, on } = host({ addresses: ['192.0.2.1/24', '192.0.2.3/24'] });
  const fd = sockets.socket(AF_INET, SOCK_RAW, 99);
  const hears = (source: string, destination: string): boolean => {
    inject(stack, dev, datagram({ source, destination, protocol: 99 }));
    return typeof receive(sockets, fd) === 'string';
  };
  t.ok(hears('192.0.2.2', '192.0.2.1'));
  t.equal(sockets.bind(fd, address('198.51.100.1')), -EADDRNOTAVAIL);
  t.equal(sockets.bind(fd, address('192.0.2.3')), 0);
  const name = new SocketAddress();
  sockets.getsockname(fd, name);
  t.equal(show(name), '192.0.2.3:99', 'the protocol where others have their port');
  t.strictSame([hears('192.0.2.2', '192.0.2.1'), hears('192.0.2.2', '192.0.2.3')], [false, true]);
  t.equal(sockets.connect(fd, address('192.0.2.9')), 0);
  t.strictSame([hears('192.0.2.2', '192.0.2.3'), hears('192.0.2.9', '192.0.2.3')], [false, true]);
  t.equal(sockets.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, text('lo')), 0);
  t.notOk(hears('192.0.2.9', '192.0.2.3'));
  sockets.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, text('tun0'));
  sockets.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, 0);
  for (let i = 0; i < 8; i++)
    inject(stack, dev, datagram({ source: '192.0.2.9', destination: '192.0.2.3', protocol: 99 }));
  t.equal(on.pool.inUse, 4, 'its buffer is limited');
  t.equal(drops(stack)['raw_rcvbuf'], 4);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('a raw socket writes payloads, and with IP_HDRINCL whole datagrams', (t) => {
  const { sockets, stack, link, on } = host();
  const fd = sockets.socket(AF_INET, SOCK_RAW, 99);
  t.equal(sockets.send(fd, text('x')), -EDESTADDRREQ);
  t.equal(sockets.sendto(fd, text('abc'), 0, address('192.0.2.2')), 3);
  const [first] = sent(link);
  t.equal(describe(first!), '192.0.2.1 > 192.0.2.2: proto 99 len 23 ttl 64 DF');
  t.equal(first!.subarray(20).toString(), 'abc');
  t.equal(sockets.sendto(fd, new Uint8Array(2000), 0, address('192.0.2.2')), 2000);
  t.equal(sent(link).length, 2, 'fragments');
  t.equal(option(sockets, fd, SOL_IP, IP_HDRINCL), 0);
  t.equal(option(sockets, sockets.socket(AF_INET, SOCK_RAW, 255), SOL_IP, IP_HDRINCL), 1, 'IPPROTO_RAW');
  t.equal(option(sockets, udpSocket(sockets), SOL_IP, IP_HDRINCL), -ENOPROTOOPT);
  sockets.setsockopt(fd, SOL_IP, IP_HDRINCL, 1);
  const own = datagram({
    source: '203.0.113.7',
    destination: '192.0.2.2',
    protocol: 17,
    ttl: 3,
    id: 7,
    payload: text('raw'),
  });
  own.writeUInt16BE(1, 2);
  own.writeUInt16BE(1, 10);
  t.equal(sockets.sendto(fd, own, 0, address('192.0.2.2')), 23);
  const [second] = sent(link);
  t.equal(
    describe(second!),
    '203.0.113.7 > 192.0.2.2: proto 17 len 23 ttl 3',
    'length and checksum are filled in',
  );
  t.equal(second!.readUInt16BE(4), 7);
  own.writeUInt32BE(0, 12);
  sockets.sendto(fd, own, 0, address('192.0.2.2'));
  t.equal(describe(sent(link)[0]!), '192.0.2.1 > 192.0.2.2: proto 17 len 23 ttl 3', 'and a source of zero');
  t.equal(sockets.sendto(fd, own.subarray(0, 19), 0, address('192.0.2.2')), -EINVAL);
  own[0] = 0x4f;
  t.equal(sockets.sendto(fd, own, 0, address('192.0.2.2')), -EINVAL, 'a header longer than all');
  own[0] = 0x41;
  t.equal(sockets.sendto(fd, own, 0, address('192.0.2.2')), -EINVAL);
  t.equal(sockets.sendto(fd, new Uint8Array(1501), 0, address('192.0.2.2')), -EMSGSIZE);
  t.strictSame(sent(link), []);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('ICMP errors reach raw sockets that are connected or asked for them', (t) => {
  const { sockets, stack, dev, on } = host();
  const fd = sockets.socket(AF_INET, SOCK_RAW, 99);
  const fail = (): string | number => {
    const quoted = datagram({
      source: '192.0.2.1',
      destination: '192.0.2.2',
      protocol: 99,
      payload: text('12345678'),
    });
    inject(stack, dev, datagram({ payload: icmp(3, 3, 0, quoted) }));
    return receive(sockets, fd);
  };
  t.equal(fail(), -EAGAIN);
  sockets.setsockopt(fd, SOL_IP, IP_RECVERR, 1);
  t.equal(fail(), -ECONNREFUSED);
  sockets.setsockopt(fd, SOL_IP, IP_RECVERR, 0);
  sockets.connect(fd, address('192.0.2.2'));
  t.equal(fail(), -ECONNREFUSED);
  sockets.connect(fd, address('192.0.2.3'));
  t.equal(fail(), -EAGAIN, 'about another');
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('packet sockets see frames with and without link header, both ways', (t) => {
  const on = bench();
  const [left, right] = createVeth(on.machine);
  const a = createStack({ machine: on.machine, name: 'a' });
  const b = createStack({ machine: on.machine, name: 'b' });
  const deva = a.addDevice(left, { name: 'eth0', addresses: ['192.0.2.1/24'], address: '02:00:00:00:00:0a' });
  b.addDevice(right, { name: 'eth0', addresses: ['192.0.2.2/24'], address: '02:00:00:00:00:0b' });
  on.clock.advance(0);
  const { sockets } = b;
  const all = sockets.socket(AF_PACKET, SOCK_RAW, 3);
  const cooked = sockets.socket(AF_PACKET, SOCK_DGRAM, 0x0800);
  const none = sockets.socket(AF_PACKET, SOCK_RAW, 0);
  udpSocket(b.sockets, '0.0.0.0:7');
  const sender = udpSocket(a.sockets, '192.0.2.1:9');
  a.sockets.sendto(sender, text('hi'), 0, address('192.0.2.2:7'));
  on.clock.advance(1);
  const read = (fd: number): string | number => {
    const { message: m, buffer } = message();
    const result = sockets.recvmsg(fd, m);
    if (result < 0) return result;
    const { address: from } = m;
    const kinds = ['host', 'broadcast', 'multicast', 'otherhost', 'outgoing'];
    const head = Buffer.from(buffer.subarray(0, Math.min(14, result))).toString('hex');
    return `${kinds[from!.packetType]} ${from!.port.toString(16)} if ${from!.ifindex} ${from!.address.toString(16)} ${result} ${head}`;
  };
  const log: (string | number)[] = [];
  while (log.at(-1) !== -EAGAIN) log.push(read(all));
  t.strictSame(log, [
    'broadcast 806 if 2 2000000000a 42 ffffffffffff02000000000a0806',
    'outgoing 806 if 2 2000000000b 42 02000000000a02000000000b0806',
    'host 800 if 2 2000000000a 44 02000000000b02000000000a0800',
    -EAGAIN,
  ]);
  t.equal(read(cooked), 'host 800 if 2 2000000000a 30 4500001e00004000401' + '1b6cbc000');
  t.equal(read(cooked), -EAGAIN);
  t.equal(read(none), -EAGAIN);
  const out = new Uint8Array(8);
  sockets.getsockopt(all, SOL_PACKET, PACKET_STATISTICS, out);
  t.same(Buffer.from(out), Buffer.concat([intBytes(3), intBytes(0)]));
  sockets.getsockopt(all, SOL_PACKET, PACKET_STATISTICS, out);
  t.same(Buffer.from(out), Buffer.alloc(8), 'reading begins anew');
  t.equal(sockets.setsockopt(all, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1), 0);
  t.equal(sockets.bind(all, new SocketAddress(AF_PACKET, 0, 0, 99)), -ENODEV);
  t.equal(sockets.bind(all, new SocketAddress(AF_PACKET, 0, 0, 1)), 0);
  const frame = Buffer.from('02000000000a02000000000b88b5' + '0102', 'hex');
  t.equal(sockets.sendto(all, frame, 0, new SocketAddress(AF_PACKET, 0, 0, 2)), frame.length);
  t.equal(sockets.sendto(all, frame.subarray(0, 13), 0, new SocketAddress(AF_PACKET, 0, 0, 2)), -EINVAL);
  const tagged = Buffer.alloc(1519);
  tagged.writeUInt16BE(0x8100, 12);
  const to = new SocketAddress(AF_PACKET, 0, 0, 2);
  t.equal(sockets.sendto(all, tagged, 0, to), -EMSGSIZE);
  t.equal(sockets.sendto(all, new Uint8Array(1515), 0, to), -EMSGSIZE);
  t.equal(sockets.sendto(all, tagged.subarray(0, 1518), 0, to), 1518, 'a tag makes a frame longer');
  t.equal(sockets.sendto(all, frame, 0, new SocketAddress(AF_PACKET, 0, 0, 99)), -ENXIO);
  const watcher = a.sockets.socket(AF_PACKET, SOCK_RAW, 0x88b5);
  t.equal(sockets.sendto(cooked, text('ok'), 0, new SocketAddress(AF_PACKET, 0x02000000000a, 0x88b5, 2)), 2);
  on.clock.advance(1);
  const heard = new Uint8Array(64);
  t.equal(a.sockets.recv(watcher, heard), 16);
  t.same(Buffer.from(heard.subarray(0, 16)), frame);
  t.equal(a.sockets.recv(watcher, heard.subarray(0, 4), MSG_TRUNC), 16);
  t.same(Buffer.from(heard.subarray(0, 14)).toString('hex'), '02000000000a02000000000b88b5');
  const mreq = Buffer.concat([intBytes(2), Uint8Array.of(1, 0), new Uint8Array(10)]);
  t.equal(a.sockets.setsockopt(watcher, SOL_PACKET, PACKET_ADD_MEMBERSHIP, mreq), 0);
  t.equal(deva.promiscuity, 1);
  t.equal(a.sockets.setsockopt(watcher, SOL_PACKET, PACKET_ADD_MEMBERSHIP, mreq), 0);
  t.equal(a.sockets.setsockopt(watcher, SOL_PACKET, PACKET_DROP_MEMBERSHIP, mreq), 0);
  t.equal(deva.promiscuity, 1, 'counted');
  a.sockets.close(watcher);
  t.equal(deva.promiscuity, 0);
  a.close();
  b.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('a packet socket: its buffer is limited; its device goes', (t) => {
  const { sockets, stack, dev, on } = host();
  const fd = sockets.socket(AF_PACKET, SOCK_DGRAM, 3);
  sockets.bind(fd, new SocketAddress(AF_PACKET, 0, 0, dev.ifindex));
  sockets.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, 0);
  for (let i = 0; i < 10; i++) inject(stack, dev, datagram({ destination: '192.0.2.99' }));
  const out = new Uint8Array(8);
  sockets.getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, out);
  t.same(Buffer.from(out), Buffer.concat([intBytes(10), intBytes(6)]), 'ten came, six were dropped');
  t.equal(drops(stack)['packet_rcvbuf'], 6);
  t.equal(sockets.listen(fd, 1), -EOPNOTSUPP);
  t.equal(sockets.shutdown(fd, 1), -EOPNOTSUPP);
  stack.setDown('tun0');
  const entry = { fd, events: 0, revents: 0 };
  sockets.poll([entry]);
  t.equal(entry.revents, POLLERR);
  t.equal(sockets.recv(fd, out), -ENETDOWN);
  t.ok(sockets.recv(fd, out) > 0, 'what came before can be read');
  t.equal(sockets.send(fd, text('x')), -ENETDOWN);
  stack.removeDevice('tun0');
  t.equal(sockets.recv(fd, out), -ENETDOWN);
  t.equal(sockets.send(fd, text('x')), -ENXIO);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

/** A flow in one line. */
function flowLine(flow: OfferedFlow): string {
  return `${formatIpv4(flow.remote)}:${flow.remotePort} > ${formatIpv4(flow.local)}:${flow.localPort}`;
}

t.test('the forwarder: flows to any address are offered once; accepted, rejected, dropped', (t) => {
  const { sockets, stack, dev, link, on } = host();
  const flows: OfferedFlow[] = [];
  const own = udpSocket(sockets, '192.0.2.1:7');
  const away = (from: number, data = 'x', destination = '203.0.113.9'): void =>
    inject(stack, dev, udp({ destination, from, to: 53, data }));
  away(1);
  t.strictSame(drops(stack), { ip_unreachable: 1 }, 'before');
  stack.forward((flow) => flows.push(flow));
  away(1, 'one');
  away(1, 'again');
  away(2);
  away(3);
  away(4, 'here', '192.0.2.1');
  inject(stack, dev, udp({ data: 'mine' }));
  t.equal(receive(sockets, own), '192.0.2.2:9 mine', 'what a socket wants is not offered');
  t.strictSame(flows.map(flowLine), [
    '192.0.2.2:1 > 203.0.113.9:53',
    '192.0.2.2:2 > 203.0.113.9:53',
    '192.0.2.2:3 > 203.0.113.9:53',
    '192.0.2.2:4 > 192.0.2.1:53',
  ]);
  t.equal(drops(stack)['flow_pending'], 1);
  t.equal(sockets.forwarder.pending, 4);
  const fd = flows[0]!.accept();
  t.ok(fd > own);
  t.equal(flows[0]!.drop(), -EALREADY);
  t.equal(receive(sockets, fd), '192.0.2.2:1 one');
  const name = new SocketAddress();
  sockets.getsockname(fd, name);
  t.equal(show(name), '203.0.113.9:53');
  t.equal(sockets.send(fd, text('answer')), 6);
  t.strictSame(sent(link).map(line), ['203.0.113.9:53 > 192.0.2.2:1 answer'], 'from where it was sent to');
  away(1, 'more');
  t.equal(receive(sockets, fd), '192.0.2.2:1 more');
  t.equal(flows[1]!.reject(), 0);
  t.strictSame(sent(link).map(describe), ['192.0.2.1 > 192.0.2.2: ICMP 3/3 len 57 ttl 64']);
  t.equal(flows[2]!.drop(), 0);
  t.strictSame(sent(link), []);
  away(3);
  t.equal(flowLine(flows[4]!), '192.0.2.2:3 > 203.0.113.9:53', 'its next packet is a new flow');
  inject(stack, dev, datagram({ destination: '203.0.113.9' }));
  t.equal(drops(stack)['ip_unreachable'], 2, 'protocols without flows are not taken');
  stack.forward(null);
  t.equal(sockets.forwarder.pending, 0);
  t.equal(drops(stack)['flow_dropped'], 3);
  away(1, 'gone');
  t.equal(receive(sockets, fd), -EAGAIN);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('the forwarder: flows that wait are limited', (t) => {
  const { sockets, stack, dev, on } = host(undefined, bench(1, 2048));
  stack.forward(() => {});
  for (let from = 1; from <= 1100; from++) inject(stack, dev, udp({ destination: '203.0.113.9', from }));
  t.equal(sockets.forwarder.pending, 1024);
  t.equal(drops(stack)['flow_limit'], 76);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});
