import t from 'tap';
import {
  EAGAIN,
  ECONNREFUSED,
  EHOSTUNREACH,
  EINVAL,
  EMSGSIZE,
  ENETUNREACH,
  ENOBUFS,
} from '../../../device/errno.ts';
import { GSO_UDP_L4 } from '../../../device/memory/packet.ts';
import { MSG_ERRQUEUE, MSG_PEEK, SIOCINQ, SOL_IP, SOL_SOCKET, SOL_UDP } from '../../../stack/socket/abi.ts';
import * as ip from '../../../stack/socket/inet-options.ts';
import { intBytes, Message } from '../../../stack/socket/message.ts';
import { SO_BROADCAST, SO_ERROR, SO_REUSEADDR } from '../../../stack/socket/socket-options.ts';
import { UDP_GRO, UDP_SEGMENT } from '../../../stack/udp/udp-socket.ts';
import { formatIpv4 } from '../../../stack/wire/address.ts';
import { bench, datagram, describe, drops, icmp, inject, leftovers, rawDevice, sent } from '../ip/harness.ts';
import {
  address,
  events,
  host,
  line,
  message,
  option,
  receive,
  show,
  text,
  udp,
  udpSocket,
} from '../socket/harness.ts';

/** `struct ip_mreqn`. */
function mreq(group: string, ifindex: number): Uint8Array {
  return Buffer.concat([Buffer.from(group.split('.').map(Number)), new Uint8Array(4), intBytes(ifindex)]);
}

t.test(
  'IP_RECVERR: each error with who reports it, what it was about, and the payload that came back',
  (t) => {
    const { sockets, stack, dev, on } = host();
    const fd = udpSocket(sockets, '192.0.2.1:7');
    sockets.setsockopt(fd, SOL_IP, ip.IP_RECVERR, 1);
    const quoted = udp({
      source: '192.0.2.1',
      destination: '198.51.100.9',
      from: 7,
      to: 99,
      data: 'payload',
    });
    inject(stack, dev, datagram({ source: '192.0.2.254', payload: icmp(3, 3, 0, quoted) }));
    inject(stack, dev, datagram({ source: '192.0.2.253', payload: icmp(11, 0, 0, quoted) }));
    const entry = { fd, events: 0, revents: 0 };
    sockets.poll([entry]);
    t.equal(events(entry.revents), 'ERR');
    const read = (): string => {
      const { message: m, buffer } = message(4);
      const result = sockets.recvmsg(fd, m, MSG_ERRQUEUE);
      if (result < 0) return `${result}`;
      const [control] = m.control;
      const bytes = Buffer.from(control!.data);
      const offender = bytes.readUInt16LE(16) === 0 ? 'nobody' : formatIpv4(bytes.readUInt32BE(20));
      const error = `errno ${bytes.readUInt32LE(0)} origin ${bytes[4]} ${bytes[5]}/${bytes[6]} info ${bytes.readUInt32LE(8)}`;
      const data = Buffer.from(buffer.subarray(0, result)).toString();
      return `${control!.level}/${control!.type} ${show(m.address!)} ${error} by ${offender} ${data} flags ${m.flags.toString(16)}`;
    };
    t.equal(
      read(),
      '0/11 198.51.100.9:99 errno 111 origin 2 3/3 info 0 by 192.0.2.254 payl flags 2020',
      'MSG_ERRQUEUE and MSG_TRUNC',
    );
    t.equal(option(sockets, fd, SOL_SOCKET, SO_ERROR), EHOSTUNREACH, 'the next one is pending');
    t.equal(read(), '0/11 198.51.100.9:99 errno 113 origin 2 11/0 info 0 by 192.0.2.253 payl flags 2020');
    t.equal(read(), `${-EAGAIN}`);
    sockets.setsockopt(fd, SOL_IP, ip.IP_MTU_DISCOVER, ip.IP_PMTUDISC_DO);
    t.equal(sockets.sendto(fd, new Uint8Array(1473), 0, address('192.0.2.2:9')), -EMSGSIZE);
    t.equal(read(), '0/11 192.0.2.2:9 errno 90 origin 1 0/0 info 1500 by nobody  flags 2000', 'a local one');
    for (let i = 0; i < 300; i++)
      inject(stack, dev, datagram({ source: '192.0.2.254', payload: icmp(3, 3, 0, quoted) }));
    t.equal(receive(sockets, fd), -ECONNREFUSED);
    let kept = 0;
    while (read() !== `${-EAGAIN}`) kept++;
    t.equal(kept, 256, 'the queue is capped');
    inject(stack, dev, datagram({ payload: icmp(3, 3, 0, quoted.subarray(0, 28)) }));
    t.match(read(), 'by 192.0.2.2  flags', 'eight bytes of the transport header are enough');
    inject(stack, dev, datagram({ payload: icmp(3, 3, 0, quoted.subarray(0, 27)) }));
    t.equal(read(), `${-EAGAIN}`, 'seven are not');
    stack.close();
    t.equal(leftovers(on), '0 packets, 0 timers');
    t.end();
  },
);

t.test('a broadcast reaches everybody who has the port', (t) => {
  const { sockets, stack, dev, on } = host();
  const open = (local: string, remote?: string): number => {
    const fd = udpSocket(sockets);
    sockets.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    t.equal(sockets.bind(fd, address(local)), 0);
    if (remote !== undefined) sockets.connect(fd, address(remote));
    return fd;
  };
  const all = [
    open('0.0.0.0:7'),
    open('192.0.2.255:7'),
    open('0.0.0.0:7'),
    open('192.0.2.1:7'),
    open('0.0.0.0:7', '192.0.2.99:9'),
  ];
  inject(stack, dev, udp({ destination: '192.0.2.255', data: 'all' }));
  t.strictSame(
    all.map((fd) => receive(sockets, fd)),
    ['192.0.2.2:9 all', '192.0.2.2:9 all', '192.0.2.2:9 all', -EAGAIN, -EAGAIN],
  );
  t.equal(on.pool.inUse, 0, 'one packet, shared');
  const sender = udpSocket(sockets, '192.0.2.1:8');
  sockets.setsockopt(sender, SOL_SOCKET, SO_BROADCAST, 1);
  t.equal(sockets.sendto(sender, text('own'), 0, address('255.255.255.255:7')), 3);
  on.clock.drain();
  t.equal(receive(sockets, all[0]!), '192.0.2.1:8 own', 'also what is sent here');
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('groups: joining, hearing, sending, leaving', (t) => {
  const { sockets, stack, dev, link, on } = host();
  const other = rawDevice(stack, { name: 'tun1', addresses: ['198.51.100.1/24'] });
  const fd = udpSocket(sockets, '0.0.0.0:7');
  const changes: string[] = [];
  sockets.groups.onChange((on, group, joined) => changes.push(`${on.name} ${formatIpv4(group)} ${joined}`));
  const heard = (via = dev): string | number => {
    inject(stack, via, udp({ destination: '239.1.1.1', data: 'g' }));
    return receive(sockets, fd);
  };
  t.equal(heard(), -EAGAIN);
  t.strictSame(drops(stack), { ip_martian: 1 });
  t.equal(sockets.setsockopt(fd, SOL_IP, ip.IP_ADD_MEMBERSHIP, mreq('239.1.1.1', dev.ifindex)), 0);
  t.equal(heard(), '192.0.2.2:9 g');
  const second = udpSocket(sockets, '0.0.0.0:8');
  t.equal(sockets.setsockopt(second, SOL_IP, ip.IP_ADD_MEMBERSHIP, mreq('239.1.1.1', dev.ifindex)), 0);
  t.equal(sockets.setsockopt(second, SOL_IP, ip.IP_ADD_MEMBERSHIP, mreq('239.1.1.1', other.dev.ifindex)), 0);
  inject(stack, other.dev, udp({ source: '198.51.100.2', destination: '239.1.1.1', data: 'o' }));
  t.equal(receive(sockets, fd), '198.51.100.2:9 o', 'IP_MULTICAST_ALL: joined by somebody is enough');
  sockets.setsockopt(fd, SOL_IP, ip.IP_MULTICAST_ALL, 0);
  inject(stack, other.dev, udp({ source: '198.51.100.2', destination: '239.1.1.1', data: 'o' }));
  t.equal(receive(sockets, fd), -EAGAIN);
  sockets.close(second);
  t.equal(heard(), '192.0.2.2:9 g', 'the first is still in');
  t.strictSame(changes, ['tun0 239.1.1.1 true', 'tun1 239.1.1.1 true', 'tun1 239.1.1.1 false']);
  const send = (): string[] => {
    t.equal(sockets.sendto(fd, text('m'), 0, address('239.1.1.1:7')), 1);
    on.clock.drain();
    return sent(link).map((frame) => `ttl ${frame[8]} ${line(frame)}`);
  };
  sockets.setsockopt(fd, SOL_IP, ip.IP_MULTICAST_IF, mreq('0.0.0.0', dev.ifindex));
  t.strictSame(send(), ['ttl 1 192.0.2.1:7 > 239.1.1.1:7 m']);
  t.equal(receive(sockets, fd), '192.0.2.1:7 m', 'it comes back to this host');
  sockets.setsockopt(fd, SOL_IP, ip.IP_MULTICAST_LOOP, 0);
  sockets.setsockopt(fd, SOL_IP, ip.IP_MULTICAST_TTL, 5);
  t.strictSame(send(), ['ttl 5 192.0.2.1:7 > 239.1.1.1:7 m']);
  t.equal(receive(sockets, fd), -EAGAIN);
  sockets.setsockopt(fd, SOL_IP, ip.IP_MULTICAST_LOOP, 1);
  sockets.setsockopt(fd, SOL_IP, ip.IP_MULTICAST_TTL, 0);
  t.strictSame(send(), [], 'a TTL of 0 stays here');
  t.equal(receive(sockets, fd), '192.0.2.1:7 m');
  sockets.setsockopt(fd, SOL_IP, ip.IP_MULTICAST_IF, mreq('0.0.0.0', other.dev.ifindex));
  sockets.setsockopt(fd, SOL_IP, ip.IP_MULTICAST_TTL, 1);
  t.strictSame(send(), []);
  t.strictSame(sent(other.link).map(line), ['198.51.100.1:7 > 239.1.1.1:7 m']);
  sockets.close(fd);
  t.equal(changes.at(-1), 'tun0 239.1.1.1 false');
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('the group that the host is in by itself stays when a socket leaves it', (t) => {
  const { sockets, stack, dev } = host();
  const fd = udpSocket(sockets, '0.0.0.0:7');
  t.equal(sockets.setsockopt(fd, SOL_IP, ip.IP_ADD_MEMBERSHIP, mreq('224.0.0.1', dev.ifindex)), 0);
  t.equal(sockets.setsockopt(fd, SOL_IP, ip.IP_DROP_MEMBERSHIP, mreq('224.0.0.1', dev.ifindex)), 0);
  inject(stack, dev, udp({ destination: '224.0.0.1', data: 'all hosts' }));
  t.equal(receive(sockets, fd), '192.0.2.2:9 all hosts');
  stack.close();
  t.end();
});

t.test('control messages on sending: source, interface, TTL, TOS; what is wrong is refused', (t) => {
  const { sockets, stack, link } = host({ addresses: ['192.0.2.1/24', '192.0.2.3/24'] });
  const fd = udpSocket(sockets, '0.0.0.0:7');
  const send = (level: number, type: number, data: Uint8Array): string => {
    const m = new Message([text('x')], address('192.0.2.2:9'));
    m.control = [{ level, type, data }];
    const result = sockets.sendmsg(fd, m);
    if (result < 0) return `${result}`;
    const [frame] = sent(link);
    return `ttl ${frame![8]} tos ${frame![1]} ${line(frame!)}`;
  };
  const info = (source: string, ifindex = 0): Uint8Array =>
    Buffer.concat([intBytes(ifindex), Buffer.from(source.split('.').map(Number)), new Uint8Array(4)]);
  t.equal(send(SOL_IP, ip.IP_PKTINFO, info('192.0.2.3')), 'ttl 64 tos 0 192.0.2.3:7 > 192.0.2.2:9 x');
  t.equal(send(SOL_IP, ip.IP_PKTINFO, info('192.0.2.9')), `${-ENETUNREACH}`, 'not an own address');
  t.equal(send(SOL_IP, ip.IP_PKTINFO, intBytes(1)), `${-EINVAL}`);
  t.equal(send(SOL_IP, ip.IP_TTL, intBytes(9)), 'ttl 9 tos 0 192.0.2.1:7 > 192.0.2.2:9 x');
  t.equal(send(SOL_IP, ip.IP_TTL, intBytes(0)), `${-EINVAL}`);
  t.equal(send(SOL_IP, ip.IP_TOS, Uint8Array.of(8)), 'ttl 64 tos 8 192.0.2.1:7 > 192.0.2.2:9 x');
  t.equal(send(SOL_IP, 99, intBytes(0)), `${-EINVAL}`);
  t.equal(send(SOL_SOCKET, 99, intBytes(0)), `${-EINVAL}`);
  t.equal(send(SOL_UDP, 99, intBytes(0)), `${-EINVAL}`);
  stack.close();
  t.end();
});

t.test('UDP_SEGMENT: one write, many datagrams', (t) => {
  const { sockets, stack, link, on } = host();
  const fd = udpSocket(sockets, '192.0.2.1:7', '192.0.2.2:9');
  const m = new Message([text('aaaabbb'), text('bcc')]);
  m.control = [{ level: SOL_UDP, type: UDP_SEGMENT, data: Uint8Array.of(4, 0) }];
  t.equal(sockets.sendmsg(fd, m), 10);
  const out = sent(link);
  t.strictSame(
    out.map(line),
    ['aaaa', 'bbbb', 'cc'].map((data) => `192.0.2.1:7 > 192.0.2.2:9 ${data}`),
  );
  t.equal(stack.counters().mib.UdpOutDatagrams, 3);
  sockets.setsockopt(fd, SOL_UDP, UDP_SEGMENT, 4);
  t.equal(option(sockets, fd, SOL_UDP, UDP_SEGMENT), 4);
  t.equal(sockets.send(fd, text('abc')), 3);
  t.strictSame(sent(link).map(line), ['192.0.2.1:7 > 192.0.2.2:9 abc'], 'less than a segment is a datagram');
  t.equal(sockets.send(fd, new Uint8Array(4 * 128)), 512);
  t.equal(sent(link).length, 128);
  t.equal(sockets.send(fd, new Uint8Array(4 * 128 + 1)), -EINVAL, 'too many');
  sockets.setsockopt(fd, SOL_UDP, UDP_SEGMENT, 1473);
  t.equal(sockets.send(fd, new Uint8Array(3000)), -EMSGSIZE, 'they are not fragmented');
  t.equal(sockets.setsockopt(fd, SOL_UDP, UDP_SEGMENT, 65536), -EINVAL);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('UDP_GRO: a super-segment is read whole with its size, else datagram by datagram', (t) => {
  const { sockets, stack, on } = host();
  const server = udpSocket(sockets, '127.0.0.1:7');
  const client = udpSocket(sockets, '127.0.0.1:8', '127.0.0.1:7');
  sockets.setsockopt(client, SOL_UDP, UDP_SEGMENT, 4);
  const send = (): void => {
    const before = on.pool.allocated;
    t.equal(sockets.send(client, text('aaaabbbbcc')), 10);
    on.clock.drain();
    t.equal(on.pool.allocated - before, 1, 'loopback carries it as it is');
  };
  send();
  t.equal(sockets.ioctl(server, SIOCINQ), 4);
  t.equal(receive(sockets, server, MSG_PEEK), '127.0.0.1:8 aaaa');
  t.strictSame(
    [1, 2, 3, 4].map(() => receive(sockets, server)),
    ['127.0.0.1:8 aaaa', '127.0.0.1:8 bbbb', '127.0.0.1:8 cc', -EAGAIN],
  );
  sockets.setsockopt(server, SOL_UDP, UDP_GRO, 1);
  send();
  t.equal(sockets.ioctl(server, SIOCINQ), 10);
  const { message: m, buffer } = message();
  t.equal(sockets.recvmsg(server, m), 10);
  t.equal(Buffer.from(buffer.subarray(0, 10)).toString(), 'aaaabbbbcc');
  t.same(m.control, [{ level: SOL_UDP, type: UDP_GRO, data: intBytes(4) }]);
  send();
  sockets.setsockopt(server, SOL_UDP, UDP_GRO, 0);
  receive(sockets, server);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers', 'one that was read in part is given back');
  t.end();
});

t.test('a super-segment from a device; its segment size is hostile', (t) => {
  const { sockets, stack, dev, on } = host();
  const fd = udpSocket(sockets, '0.0.0.0:7');
  for (const size of [1, 3, 65535]) {
    const packet = on.pool.from(udp({ data: 'abc' }))!;
    packet.gsoSize = size;
    packet.gsoType = GSO_UDP_L4;
    dev.receive(packet);
  }
  const seen = Array.from({ length: 6 }, () => receive(sockets, fd));
  t.strictSame(seen, [...['a', 'b', 'c', 'abc', 'abc'].map((data) => `192.0.2.2:9 ${data}`), -EAGAIN]);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('large datagrams: fragmented, put together, and PROBE leaves a learned MTU aside', (t) => {
  const { sockets, stack, dev, link, on } = host();
  const fd = udpSocket(sockets, '192.0.2.1:7', '192.0.2.2:9');
  t.equal(sockets.send(fd, Buffer.alloc(4000, 'x')), 4000);
  const fragments = sent(link);
  t.strictSame(
    fragments.map((frame) => describe(frame)),
    [
      '192.0.2.1 > 192.0.2.2: proto 17 len 1500 ttl 64 frag 0+',
      '192.0.2.1 > 192.0.2.2: proto 17 len 1500 ttl 64 frag 1480+',
      '192.0.2.1 > 192.0.2.2: proto 17 len 1068 ttl 64 frag 2960',
    ],
  );
  const whole = Buffer.concat(fragments.map((frame) => frame.subarray(20)));
  t.equal(
    line(Buffer.concat([fragments[0]!.subarray(0, 20), whole])),
    `192.0.2.1:7 > 192.0.2.2:9 ${'x'.repeat(4000)}`,
    'the checksum is over all of it',
  );
  const incoming = udp({ data: Buffer.alloc(4000, 'y') }).subarray(20);
  for (let at = 0; at < incoming.length; at += 1480) {
    const last = at + 1480 >= incoming.length;
    inject(
      stack,
      dev,
      datagram({
        protocol: 17,
        fragment: (at >> 3) | (last ? 0 : 0x2000),
        payload: incoming.subarray(at, at + 1480),
      }),
    );
  }
  t.equal(receive(sockets, fd, 0, 5000), `192.0.2.2:9 ${'y'.repeat(4000)}`);
  const quoted = udp({ source: '192.0.2.1', destination: '192.0.2.2', from: 7, to: 9 });
  inject(stack, dev, datagram({ payload: icmp(3, 4, 1000, quoted) }));
  t.equal(option(sockets, fd, SOL_IP, ip.IP_MTU), 1000);
  t.equal(receive(sockets, fd), -EMSGSIZE);
  sockets.setsockopt(fd, SOL_IP, ip.IP_MTU_DISCOVER, ip.IP_PMTUDISC_PROBE);
  t.equal(sockets.send(fd, new Uint8Array(1400)), 1400);
  t.strictSame(sent(link).map(describe), ['192.0.2.1 > 192.0.2.2: proto 17 len 1428 ttl 64 DF']);
  t.equal(sockets.send(fd, new Uint8Array(1500)), -EMSGSIZE);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('no memory for a datagram: ENOBUFS to who asked for errors, else it is lost like any other', (t) => {
  const { sockets, stack, on } = host(undefined, bench(1, 8));
  const fd = udpSocket(sockets, '192.0.2.1:7', '192.0.2.2:9');
  const held = [];
  for (let packet = on.pool.alloc(1); packet !== null; packet = on.pool.alloc(1)) held.push(packet);
  t.equal(sockets.send(fd, text('x')), 1);
  sockets.setsockopt(fd, SOL_IP, ip.IP_RECVERR, 1);
  t.equal(sockets.send(fd, text('x')), -ENOBUFS);
  t.equal(stack.counters().mib.UdpSndbufErrors, 2);
  for (const packet of held) packet.release();
  t.equal(sockets.send(fd, text('x')), 1);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});
