import t from 'tap';
import {
  EACCES,
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  EAGAIN,
  ECONNREFUSED,
  EDESTADDRREQ,
  EFAULT,
  EHOSTUNREACH,
  EINVAL,
  EMSGSIZE,
  ENETUNREACH,
  ENOTCONN,
  EOPNOTSUPP,
  EPIPE,
} from '../../../device/errno.ts';
import { CHECKSUM_UNNECESSARY } from '../../../device/memory/packet.ts';
import {
  AF_INET,
  AF_UNSPEC,
  MSG_DONTWAIT,
  MSG_MORE,
  MSG_NOSIGNAL,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SIOCINQ,
  SOCK_DGRAM,
  SOL_IP,
  SOL_SOCKET,
  SOL_UDP,
} from '../../../stack/socket/abi.ts';
import { SocketAddress } from '../../../stack/socket/address.ts';
import { IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_TOS, IP_TTL } from '../../../stack/socket/inet-options.ts';
import {
  SO_BINDTODEVICE,
  SO_BROADCAST,
  SO_ERROR,
  SO_NO_CHECK,
  SO_RCVBUF,
  SO_REUSEADDR,
  SO_REUSEPORT,
} from '../../../stack/socket/socket-options.ts';
import { UDP_CORK } from '../../../stack/udp/udp-socket.ts';
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

t.test('a datagram on the wire, byte for byte', (t) => {
  const { sockets, stack, link, on } = host();
  const fd = udpSocket(sockets, '192.0.2.1:7');
  t.equal(sockets.sendto(fd, text('abc'), 0, address('192.0.2.2:9')), 3);
  const [frame] = sent(link);
  t.equal(
    frame!.toString('hex'),
    '4500001f0000400040' + // DF, as the path's MTU is to be discovered
      '11b6ca' +
      'c0000201' +
      'c0000202' +
      '00070009000b' +
      'b761' +
      '616263',
  );
  t.equal(line(frame!), '192.0.2.1:7 > 192.0.2.2:9 abc');
  t.equal(stack.counters().mib.UdpOutDatagrams, 1);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('receiving: address, PEEK, TRUNC, DONTWAIT, and the counters at the read', (t) => {
  const { sockets, stack, dev, on } = host();
  const fd = udpSocket(sockets, '0.0.0.0:7');
  t.equal(receive(sockets, fd, MSG_DONTWAIT | MSG_NOSIGNAL), -EAGAIN);
  inject(stack, dev, udp({ data: 'hello' }));
  inject(stack, dev, udp({ data: '', from: 10 }));
  inject(stack, dev, udp({ data: 'last' }));
  t.equal(sockets.ioctl(fd, SIOCINQ), 5, 'the next datagram only');
  t.equal(receive(sockets, fd, MSG_PEEK), '192.0.2.2:9 hello');
  t.equal(stack.counters().mib.UdpInDatagrams, 0);
  t.equal(receive(sockets, fd, MSG_PEEK, 3), '192.0.2.2:9 hel');
  const { message: m, buffer } = message(3);
  t.equal(sockets.recvmsg(fd, m, MSG_TRUNC), 5, 'the real length');
  t.equal(m.flags, MSG_TRUNC);
  t.equal(show(m.address!), '192.0.2.2:9');
  t.same(Buffer.from(buffer).toString(), 'hel');
  t.equal(receive(sockets, fd), '192.0.2.2:10 ', 'an empty one is one');
  t.equal(receive(sockets, fd), '192.0.2.2:9 last');
  t.equal(receive(sockets, fd), -EAGAIN);
  t.equal(stack.counters().mib.UdpInDatagrams, 3);
  m.iov = [null];
  inject(stack, dev, udp({ data: 'x' }));
  t.equal(sockets.recvmsg(fd, m), -EFAULT);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('hostile datagrams are dropped and counted, whatever their lengths say', (t) => {
  const { sockets, stack, dev, link, on } = host();
  const fd = udpSocket(sockets, '0.0.0.0:7');
  for (let length = 0; length < 8; length++)
    inject(stack, dev, datagram({ protocol: 17, payload: Buffer.alloc(length, 7) }));
  t.strictSame(drops(stack), { udp_truncated: 8 });
  inject(stack, dev, udp({ data: 'abcd', length: 7 }));
  inject(stack, dev, udp({ data: 'abcd', length: 13 }));
  inject(stack, dev, udp({ data: 'abcd', length: 0 }));
  inject(stack, dev, udp({ data: 'abcd', length: 65535 }));
  t.strictSame(drops(stack), { udp_truncated: 12 });
  inject(stack, dev, udp({ data: 'abcd', checksum: 1 }));
  inject(stack, dev, udp({ data: 'abcd', to: 8, checksum: 1 }));
  t.strictSame(drops(stack), { udp_truncated: 12, udp_checksum: 2 });
  t.strictSame(sent(link), [], 'nothing is answered to what is broken');
  t.equal(receive(sockets, fd), -EAGAIN);
  const { mib } = stack.counters();
  t.equal(mib.UdpInErrors, 14);
  t.equal(mib.UdpInCsumErrors, 2);
  inject(stack, dev, udp({ data: 'abcd', checksum: 0 }));
  t.equal(receive(sockets, fd), '192.0.2.2:9 abcd', 'no checksum is a right one (RFC 768)');
  inject(stack, dev, Buffer.concat([udp({ data: 'abcd' }), Buffer.from('padding')]));
  t.equal(receive(sockets, fd), '192.0.2.2:9 abcd');
  const offloaded = on.pool.from(udp({ data: 'sums', checksum: 1 }))!;
  offloaded.checksum = CHECKSUM_UNNECESSARY;
  dev.receive(offloaded);
  t.equal(receive(sockets, fd), '192.0.2.2:9 sums', 'what the device vouches for is not summed');
  const short = udp({ data: 'abcdef', length: 10 });
  const segment = short.subarray(20);
  segment.writeUInt16BE(0, 6);
  inject(stack, dev, short);
  t.equal(receive(sockets, fd), '192.0.2.2:9 ab', 'the rest of the datagram is padding');
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('nobody there: port unreachable; to all or to a group: silence', (t) => {
  const { stack, dev, link, on } = host();
  inject(stack, dev, udp({ data: 'abc' }));
  const [answer] = sent(link);
  t.equal(describe(answer!), '192.0.2.1 > 192.0.2.2: ICMP 3/3 len 59 ttl 64');
  t.same(answer!.subarray(28), udp({ data: 'abc' }), 'quoted as it came');
  inject(stack, dev, udp({ destination: '192.0.2.255' }));
  inject(stack, dev, udp({ destination: '224.0.0.1' }));
  t.strictSame(sent(link), []);
  t.strictSame(drops(stack), { udp_no_socket: 1, udp_ignored_multi: 2 });
  const { mib } = stack.counters();
  t.equal(mib.UdpNoPorts, 1);
  t.equal(mib.UdpIgnoredMulti, 2);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test(
  'who gets a datagram: connected, then bound to the address, then any; among equals the newest',
  (t) => {
    const { sockets, stack, dev } = host({ addresses: ['192.0.2.1/24', '192.0.2.3/24'] });
    const shared = (local: string, remote?: string, device?: string): number => {
      const fd = udpSocket(sockets);
      sockets.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
      if (device !== undefined) sockets.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, text(device));
      t.equal(sockets.bind(fd, address(local)), 0);
      if (remote !== undefined) t.equal(sockets.connect(fd, address(remote)), 0);
      return fd;
    };
    const any = shared('0.0.0.0:7');
    const one = shared('192.0.2.1:7');
    const connected = shared('192.0.2.1:7', '192.0.2.2:9');
    const winner = (d: Parameters<typeof udp>[0]): number => {
      inject(stack, dev, udp(d));
      const [fd] = sockets.files.numbers().filter((fd) => sockets.recv(fd, new Uint8Array(9)) !== -EAGAIN);
      return fd ?? -1;
    };
    t.equal(winner({}), connected);
    t.equal(winner({ from: 10 }), one);
    t.equal(winner({ source: '192.0.2.9' }), one);
    t.equal(winner({ destination: '192.0.2.3' }), any);
    const newer = shared('0.0.0.0:7');
    t.equal(winner({ destination: '192.0.2.3' }), newer);
    const device = shared('0.0.0.0:7', undefined, 'tun0');
    const lo = shared('0.0.0.0:7', undefined, 'lo');
    t.ok(lo > device);
    t.equal(winner({ destination: '192.0.2.3' }), device, 'bound to the interface that it came by');
    sockets.close(connected);
    t.equal(winner({}), one);
    sockets.close(one);
    sockets.close(device);
    t.equal(winner({}), newer);
    stack.close();
    t.end();
  },
);

t.test('SO_REUSEPORT: a sender keeps its socket, senders spread over all', (t) => {
  const { sockets, stack, dev } = host();
  const fds = [1, 2, 3, 4].map(() => {
    const fd = udpSocket(sockets);
    sockets.setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    t.equal(sockets.bind(fd, address('0.0.0.0:7')), 0);
    return fd;
  });
  const counts = new Map<number, number>(fds.map((fd) => [fd, 0]));
  for (let from = 1; from <= 400; from++) {
    const got: number[] = [];
    for (let again = 0; again < 2; again++) {
      inject(stack, dev, udp({ from }));
      for (const fd of fds) if (sockets.recv(fd, new Uint8Array(9)) === 0) got.push(fd);
    }
    t.equal(got.length, 2);
    t.equal(got[0], got[1]);
    counts.set(got[0]!, counts.get(got[0]!)! + 1);
  }
  for (const count of counts.values()) t.ok(count > 60 && count < 140, `${count} of 400`);
  stack.close();
  t.end();
});

t.test('bind: addresses that can be, ports that are free, once', (t) => {
  const { sockets, stack } = host();
  const fd = udpSocket(sockets);
  const bind = (fd: number, to: string): number => sockets.bind(fd, address(to));
  t.equal(bind(fd, '198.51.100.1:7'), -EADDRNOTAVAIL);
  t.equal(sockets.bind(fd, new SocketAddress(10, 0, 7)), -EAFNOSUPPORT);
  t.equal(sockets.bind(fd, new SocketAddress(AF_UNSPEC, 1, 7)), -EAFNOSUPPORT);
  t.equal(bind(fd, '192.0.2.1:7'), 0);
  t.equal(bind(fd, '192.0.2.1:8'), -EINVAL, 'it has a port');
  t.equal(bind(udpSocket(sockets), '192.0.2.1:7'), -EADDRINUSE);
  t.equal(bind(udpSocket(sockets), '0.0.0.0:7'), -EADDRINUSE);
  t.equal(bind(udpSocket(sockets), '127.0.0.1:7'), 0);
  t.equal(bind(udpSocket(sockets), '192.0.2.255:7'), 0, 'a broadcast address');
  t.equal(bind(udpSocket(sockets), '224.1.1.1:7'), 0, 'a group');
  const free = udpSocket(sockets);
  t.equal(sockets.bind(free, new SocketAddress(AF_UNSPEC, 0, 0)), 0);
  const name = new SocketAddress();
  sockets.getsockname(free, name);
  t.ok(name.port >= 32768 && name.port <= 60999);
  stack.setSysctl('net.ipv4.ip_nonlocal_bind', 1);
  t.equal(bind(udpSocket(sockets), '198.51.100.1:7'), 0);
  sockets.close(fd);
  t.equal(bind(udpSocket(sockets), '192.0.2.1:7'), 0);
  stack.close();
  t.end();
});

t.test('connect: the source is chosen, others are not heard; AF_UNSPEC undoes it', (t) => {
  const { sockets, stack, dev, link } = host();
  const fd = udpSocket(sockets);
  const name = new SocketAddress();
  t.equal(sockets.getpeername(fd, name), -ENOTCONN);
  t.equal(sockets.send(fd, text('x')), -EDESTADDRREQ);
  t.equal(sockets.connect(fd, address('203.0.113.1:9')), -ENETUNREACH);
  t.equal(sockets.connect(fd, new SocketAddress(10, 1, 1)), -EAFNOSUPPORT);
  t.equal(sockets.connect(fd, address('192.0.2.255:9')), -EACCES);
  t.equal(sockets.connect(fd, address('192.0.2.2:9')), 0);
  sockets.getsockname(fd, name);
  const { port } = name;
  t.equal(show(name), `192.0.2.1:${port}`);
  t.equal(sockets.getpeername(fd, name), 0);
  t.equal(show(name), '192.0.2.2:9');
  t.equal(sockets.send(fd, text('x')), 1);
  t.equal(line(sent(link)[0]!), `192.0.2.1:${port} > 192.0.2.2:9 x`);
  inject(stack, dev, udp({ to: port, from: 10 }));
  t.equal(receive(sockets, fd), -EAGAIN);
  t.equal(describe(sent(link)[0]!), '192.0.2.1 > 192.0.2.2: ICMP 3/3 len 56 ttl 64');
  inject(stack, dev, udp({ to: port, data: 'y' }));
  t.equal(receive(sockets, fd), '192.0.2.2:9 y');
  t.equal(sockets.connect(fd, address('192.0.2.4:11')), 0, 'again, elsewhere');
  inject(stack, dev, udp({ to: port, source: '192.0.2.4', from: 11, data: 'z' }));
  t.equal(receive(sockets, fd), '192.0.2.4:11 z');
  t.equal(sockets.sendto(fd, text('t'), 0, address('192.0.2.2:1')), 1, 'still to others');
  t.equal(line(sent(link)[0]!), `192.0.2.1:${port} > 192.0.2.2:1 t`);
  t.equal(sockets.connect(fd, new SocketAddress(AF_UNSPEC)), 0);
  t.equal(sockets.getpeername(fd, name), -ENOTCONN);
  sockets.getsockname(fd, name);
  t.equal(show(name), '0.0.0.0:0', 'an ephemeral port goes with it');
  t.equal(sockets.bind(fd, address('0.0.0.0:7')), 0);
  t.equal(sockets.connect(fd, address('192.0.2.2:9')), 0);
  t.equal(sockets.connect(fd, new SocketAddress(AF_UNSPEC)), 0);
  sockets.getsockname(fd, name);
  t.equal(show(name), '0.0.0.0:7', 'a chosen one stays');
  inject(stack, dev, udp({ from: 77, data: 'all' }));
  t.equal(receive(sockets, fd), '192.0.2.2:77 all');
  stack.close();
  t.end();
});

t.test('to oneself: loopback, own address, no address', (t) => {
  const { sockets, stack, on } = host();
  const server = udpSocket(sockets, '0.0.0.0:7');
  const client = udpSocket(sockets, '0.0.0.0:8');
  const log: (string | number)[] = [];
  for (const to of ['127.0.0.1:7', '192.0.2.1:7', '0.0.0.0:7', '127.1.2.3:7']) {
    t.equal(sockets.sendto(client, text(to), 0, address(to)), to.length);
    on.clock.drain();
    log.push(receive(sockets, server));
  }
  t.strictSame(log, [
    '127.0.0.1:8 127.0.0.1:7',
    '192.0.2.1:8 192.0.2.1:7',
    '127.0.0.1:8 0.0.0.0:7',
    '127.0.0.1:8 127.1.2.3:7',
  ]);
  t.equal(sockets.connect(client, address('127.0.0.1:99')), 0);
  t.equal(sockets.send(client, text('x')), 1);
  on.clock.drain();
  t.equal(sockets.send(client, text('x')), -ECONNREFUSED);
  t.equal(sockets.send(client, text('x')), 1, 'the error is told once');
  on.clock.drain();
  t.equal(receive(sockets, client), -ECONNREFUSED, 'also to a read');
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('ICMP errors reach connected sockets, the fatal ones', (t) => {
  const { sockets, stack, dev, link } = host();
  const fd = udpSocket(sockets, '192.0.2.1:7', '192.0.2.2:9');
  const loose = udpSocket(sockets, '192.0.2.1:8');
  const answer = (type: number, code: number, from = 7, word = 0): number => {
    const quoted = udp({ source: '192.0.2.1', destination: '192.0.2.2', from, to: 9, data: 'abc' });
    inject(stack, dev, datagram({ payload: icmp(type, code, word, quoted) }));
    const [one, other] = [
      option(sockets, fd, SOL_SOCKET, SO_ERROR),
      option(sockets, loose, SOL_SOCKET, SO_ERROR),
    ];
    return one === 0 ? other : one;
  };
  const codes = Array.from({ length: 16 }, (_, code) => answer(3, code, 7, 1400));
  t.strictSame(
    codes,
    [0, 0, 92, 111, 90, 0, 101, 112, 64, 101, 113, 0, 0, 113, 113, 113],
    'by code: what may pass is not told',
  );
  t.equal(answer(11, 0), 0, 'time exceeded may pass');
  t.equal(answer(12, 0), 71, 'parameter problem: EPROTO');
  t.equal(answer(4, 0), 0, 'source quench is ignored');
  t.equal(answer(3, 3, 8), 0, 'not connected: not told');
  t.equal(answer(3, 3, 99), 0);
  t.equal(stack.counters().mib.IcmpInErrors, 1, 'nobody sent that');
  t.equal(sockets.send(fd, Buffer.alloc(1472)), 1472);
  t.strictSame(sent(link).map(describe).length, 2, 'the path MTU of 1400 was learned: fragments');
  stack.close();
  t.end();
});

t.test('sends that are refused', (t) => {
  const { sockets, stack, link } = host();
  const fd = udpSocket(sockets, '192.0.2.1:7');
  const send = (to: string, bytes: Uint8Array = text('x'), flags = 0): number =>
    sockets.sendto(fd, bytes, flags, address(to));
  t.equal(send('192.0.2.2:0'), -EINVAL);
  t.equal(send('192.0.2.2:9', text('x'), MSG_OOB), -EOPNOTSUPP);
  t.equal(send('192.0.2.2:9', new Uint8Array(65536)), -EMSGSIZE);
  t.equal(send('192.0.2.2:9', new Uint8Array(65508)), -EMSGSIZE);
  t.equal(send('203.0.113.1:9'), -ENETUNREACH);
  t.equal(send('192.0.2.255:9'), -EACCES);
  t.equal(send('255.255.255.255:9'), -EACCES);
  t.equal(sockets.sendto(fd, text('x'), 0, new SocketAddress(10, 1, 1)), -EAFNOSUPPORT);
  t.strictSame(sent(link), []);
  t.equal(sockets.setsockopt(fd, SOL_SOCKET, SO_BROADCAST, 1), 0);
  t.equal(send('192.0.2.255:9'), 1);
  t.equal(line(sent(link)[0]!), '192.0.2.1:7 > 192.0.2.255:9 x');
  t.equal(send('192.0.2.2:9', new Uint8Array(65507)), 65507, 'the longest there is');
  t.equal(sent(link).length, 45);
  t.equal(sockets.setsockopt(fd, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO), 0);
  t.equal(send('192.0.2.2:9', new Uint8Array(1473)), -EMSGSIZE);
  t.equal(send('192.0.2.2:9', new Uint8Array(1472)), 1472);
  t.equal(sockets.shutdown(fd, SHUT_WR), -ENOTCONN, 'says so, and is shut down');
  t.equal(send('192.0.2.2:9'), -EPIPE);
  stack.close();
  t.end();
});

t.test('TTL, TOS and checksum as the socket says', (t) => {
  const { sockets, stack, link } = host();
  const fd = udpSocket(sockets, '192.0.2.1:7', '192.0.2.2:9');
  const header = (): string => {
    t.equal(sockets.send(fd, text('x')), 1);
    const [frame] = sent(link);
    return `tos ${frame![1]} ttl ${frame![8]} ${line(frame!)}`;
  };
  t.equal(header(), 'tos 0 ttl 64 192.0.2.1:7 > 192.0.2.2:9 x');
  sockets.setsockopt(fd, SOL_IP, IP_TTL, 3);
  sockets.setsockopt(fd, SOL_IP, IP_TOS, 0x29);
  sockets.setsockopt(fd, SOL_SOCKET, SO_NO_CHECK, 1);
  t.equal(header(), 'tos 41 ttl 3 192.0.2.1:7 > 192.0.2.2:9 x no checksum');
  sockets.setsockopt(fd, SOL_IP, IP_TTL, -1);
  t.equal(header(), 'tos 41 ttl 64 192.0.2.1:7 > 192.0.2.2:9 x no checksum');
  stack.close();
  t.end();
});

t.test('MSG_MORE and UDP_CORK make one datagram of many writes', (t) => {
  const { sockets, stack, link } = host();
  const fd = udpSocket(sockets, '192.0.2.1:7');
  const to = address('192.0.2.2:9');
  t.equal(sockets.sendto(fd, text('one '), MSG_MORE, to), 4);
  t.equal(sockets.sendto(fd, text('two '), MSG_MORE, to), 4);
  t.strictSame(sent(link), []);
  t.equal(sockets.send(fd, text('three')), 5, 'the destination is known');
  t.strictSame(sent(link).map(line), ['192.0.2.1:7 > 192.0.2.2:9 one two three']);
  t.equal(sockets.setsockopt(fd, SOL_UDP, UDP_CORK, 1), 0);
  t.equal(sockets.sendto(fd, text('a'), 0, to), 1);
  t.equal(sockets.sendto(fd, text('b'), 0, to), 1);
  t.strictSame(sent(link), []);
  t.equal(sockets.setsockopt(fd, SOL_UDP, UDP_CORK, 0), 0);
  t.strictSame(sent(link).map(line), ['192.0.2.1:7 > 192.0.2.2:9 ab']);
  t.equal(sockets.sendto(fd, new Uint8Array(40_000), MSG_MORE, to), 40_000);
  t.equal(sockets.sendto(fd, new Uint8Array(40_000), 0, to), -EMSGSIZE, 'too much: all is forgotten');
  t.equal(sockets.sendto(fd, text('c'), 0, to), 1);
  t.strictSame(sent(link).map(line), ['192.0.2.1:7 > 192.0.2.2:9 c']);
  sockets.sendto(fd, text('lost'), MSG_MORE, to);
  stack.close();
  t.strictSame(sent(link), []);
  t.end();
});

t.test('a full receive buffer: counted drops, and all that was read makes room', (t) => {
  const { sockets, stack, dev, on } = host(undefined, bench(1, 64));
  const fd = udpSocket(sockets, '0.0.0.0:7');
  sockets.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, 1152);
  t.equal(option(sockets, fd, SOL_SOCKET, SO_RCVBUF), 2304);
  for (let i = 0; i < 10; i++) inject(stack, dev, udp({ data: `${i}` }));
  t.equal(on.pool.inUse, 4, 'three make 2304 bytes; the one that goes beyond is the last');
  t.equal(stack.counters().mib.UdpRcvbufErrors, 6);
  t.equal(stack.counters().mib.UdpInErrors, 6);
  t.strictSame(drops(stack), { udp_rcvbuf: 6 });
  t.strictSame(
    [
      receive(sockets, fd),
      receive(sockets, fd),
      receive(sockets, fd),
      receive(sockets, fd),
      receive(sockets, fd),
    ],
    ['192.0.2.2:9 0', '192.0.2.2:9 1', '192.0.2.2:9 2', '192.0.2.2:9 3', -EAGAIN],
  );
  const other = udpSocket(sockets, '0.0.0.0:8');
  for (let i = 0; i < 40; i++) inject(stack, dev, udp({ to: 8 }));
  t.equal(on.pool.inUse, 32, 'never more than half the pool');
  t.equal(stack.counters().mib.UdpMemErrors, 8);
  t.equal(drops(stack)['udp_memory'], 8);
  sockets.close(other);
  t.equal(on.pool.inUse, 0);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('shutdown: reads and writes end, poll says so', (t) => {
  const { sockets, stack } = host();
  const fd = udpSocket(sockets, '192.0.2.1:7', '192.0.2.2:9');
  const poll = (): string => {
    const entry = { fd, events: 0xffff, revents: 0 };
    sockets.poll([entry]);
    return events(entry.revents);
  };
  t.equal(poll(), 'OUT');
  t.equal(sockets.shutdown(fd, 3), -EINVAL);
  t.equal(sockets.shutdown(fd, SHUT_RD), 0);
  t.equal(poll(), 'IN OUT RDHUP');
  t.equal(receive(sockets, fd, MSG_DONTWAIT), -EAGAIN);
  t.equal(sockets.recv(fd, new Uint8Array(1)), 0, 'one that would wait ends');
  t.equal(sockets.shutdown(fd, SHUT_RDWR), 0);
  t.equal(poll(), 'IN OUT HUP RDHUP');
  t.equal(sockets.send(fd, text('x')), -EPIPE);
  stack.close();
  t.end();
});

t.test('a neighbour that does not answer is EHOSTUNREACH for who asked for errors, by the queue', (t) => {
  const { sockets, stack, dev } = host();
  const fd = udpSocket(sockets, '192.0.2.1:7', '192.0.2.2:9');
  sockets.setsockopt(fd, SOL_IP, 11, 1);
  const quoted = udp({ source: '192.0.2.1', destination: '192.0.2.2', from: 7, to: 9, data: 'abc' });
  inject(stack, dev, datagram({ source: '192.0.2.254', payload: icmp(3, 1, 0, quoted) }));
  t.equal(receive(sockets, fd), -EHOSTUNREACH);
  stack.close();
  t.end();
});

t.test('two devices: routed by destination, held to one by SO_BINDTODEVICE', (t) => {
  const { sockets, stack, link } = host();
  const other = rawDevice(stack, { name: 'tun1', addresses: ['198.51.100.1/24'] });
  const fd = udpSocket(sockets, '0.0.0.0:7');
  t.equal(sockets.sendto(fd, text('x'), 0, address('198.51.100.2:9')), 1);
  t.strictSame(sent(other.link).map(line), ['198.51.100.1:7 > 198.51.100.2:9 x']);
  t.equal(sockets.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, text('tun0')), 0);
  t.equal(sockets.sendto(fd, text('y'), 0, address('198.51.100.2:9')), 1);
  t.strictSame(sent(link).map(line), ['192.0.2.1:7 > 198.51.100.2:9 y'], 'taken for a neighbour');
  inject(stack, other.dev, udp({ source: '198.51.100.2', destination: '198.51.100.1' }));
  t.equal(receive(sockets, fd), -EAGAIN);
  t.equal(describe(sent(other.link)[0]!), '198.51.100.1 > 198.51.100.2: ICMP 3/3 len 56 ttl 64');
  t.equal(sockets.socket(AF_INET, SOCK_DGRAM, 17) > 0, true);
  stack.close();
  t.end();
});
