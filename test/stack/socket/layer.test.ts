import t from 'tap';
import {
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  EAGAIN,
  EBADF,
  EDOM,
  EEXIST,
  EINTR,
  EINVAL,
  ELOOP,
  EMFILE,
  ENODEV,
  ENOENT,
  ENOPROTOOPT,
  ENOTCONN,
  ENOTSOCK,
  ENOTTY,
  EOPNOTSUPP,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
} from '../../../device/errno.ts';
import {
  AF_INET,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLONESHOT,
  F_GETFD,
  F_GETFL,
  F_SETFD,
  F_SETFL,
  FIONBIO,
  MSG_DONTWAIT,
  O_NONBLOCK,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  SHUT_RD,
  SIOCINQ,
  SIOCOUTQ,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_IP,
  SOL_SOCKET,
} from '../../../stack/socket/abi.ts';
import { SocketAddress } from '../../../stack/socket/address.ts';
import type { EpollEvent } from '../../../stack/socket/epoll.ts';
import * as ip from '../../../stack/socket/inet-options.ts';
import { intBytes, readInt } from '../../../stack/socket/message.ts';
import * as so from '../../../stack/socket/socket-options.ts';
import { inject, leftovers } from '../ip/harness.ts';
import {
  address,
  events,
  type Host,
  host,
  message,
  option,
  receive,
  show,
  text,
  udp,
  udpSocket,
} from './harness.ts';

t.test('socket(): which kinds there are, and what Linux says of the others', (t) => {
  const { sockets, stack } = host();
  t.equal(sockets.socket(1, SOCK_DGRAM, 0), -EAFNOSUPPORT);
  t.equal(sockets.socket(AF_INET, 5, 0), -ESOCKTNOSUPPORT);
  t.equal(sockets.socket(AF_INET, 15, 0), -EINVAL);
  t.equal(sockets.socket(AF_INET, SOCK_DGRAM | 0x10000, 0), -EINVAL);
  t.equal(sockets.socket(AF_INET, SOCK_DGRAM, 6), -EPROTONOSUPPORT);
  t.equal(sockets.socket(AF_INET, SOCK_RAW, 0), -EPROTONOSUPPORT);
  t.equal(sockets.socket(AF_INET, SOCK_RAW, 300), -EINVAL);
  t.equal(sockets.socket(AF_INET, SOCK_DGRAM, -1), -EINVAL);
  t.equal(sockets.socket(AF_INET, SOCK_DGRAM, 0), 3);
  t.equal(sockets.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 17), 4);
  t.strictSame([sockets.fcntl(3, F_GETFL), sockets.fcntl(4, F_GETFL)], [2, 0o4002]);
  t.strictSame([sockets.fcntl(3, F_GETFD), sockets.fcntl(4, F_GETFD)], [0, 1]);
  t.equal(sockets.fcntl(3, F_SETFL, O_NONBLOCK | 0o100000), 0);
  t.equal(sockets.fcntl(3, F_GETFL), 0o4002);
  t.equal(sockets.fcntl(3, F_SETFD, 1), 0);
  t.equal(sockets.fcntl(3, F_GETFD), 1);
  t.equal(sockets.ioctl(3, FIONBIO, 0), 0);
  t.equal(sockets.fcntl(3, F_GETFL), 2);
  t.strictSame([sockets.ioctl(3, SIOCINQ), sockets.ioctl(3, SIOCOUTQ), sockets.ioctl(3, 1)], [0, 0, -ENOTTY]);
  t.equal(sockets.fcntl(3, 77), -EINVAL);
  stack.setSysctl('fs.nr_open', 8);
  t.strictSame(
    [5, 6, 7, 8].map(() => sockets.socket(AF_INET, SOCK_DGRAM, 0)),
    [5, 6, 7, -EMFILE],
  );
  t.equal(sockets.close(5), 0);
  t.equal(sockets.close(5), -EBADF);
  t.equal(sockets.socket(AF_INET, SOCK_DGRAM, 0), 5);
  stack.close();
  t.end();
});

t.test('calls on what is no socket, and what a datagram socket does not do', (t) => {
  const { sockets, stack } = host();
  const fd = udpSocket(sockets);
  const epfd = sockets.epollCreate();
  const out = new SocketAddress();
  for (const [bad, errno] of [
    [99, -EBADF],
    [epfd, -ENOTSOCK],
  ] as const) {
    const { message: m } = message();
    const results = [
      sockets.bind(bad, out),
      sockets.listen(bad, 1),
      sockets.accept(bad),
      sockets.connect(bad, out),
      sockets.sendmsg(bad, m),
      sockets.recvmsg(bad, m),
      sockets.shutdown(bad, 0),
      sockets.getsockname(bad, out),
      sockets.getpeername(bad, out),
      sockets.setsockopt(bad, 1, 1, 1),
      sockets.getsockopt(bad, 1, 1, new Uint8Array(4)),
      sockets.ioctl(bad, SIOCINQ),
    ];
    t.strictSame(
      results,
      results.map(() => errno),
    );
  }
  t.equal(sockets.listen(fd, 1), -EOPNOTSUPP);
  t.equal(sockets.accept(fd), -EOPNOTSUPP);
  t.equal(sockets.accept(fd, null, 1), -EINVAL);
  t.equal(sockets.fcntl(99, F_GETFL), -EBADF);
  t.equal(sockets.epollCtl(fd, EPOLL_CTL_ADD, fd, { events: 1, data: 0 }), -EINVAL);
  t.equal(sockets.epollWait(fd, [], 1), -EINVAL);
  t.equal(sockets.epollWait(99, [], 1), -EBADF);
  stack.close();
  t.end();
});

t.test('SOL_SOCKET: what is set can be read, with the limits and doublings of Linux', (t) => {
  const { sockets, stack } = host();
  const fd = udpSocket(sockets);
  const set = (name: number, value: number | Uint8Array): number =>
    sockets.setsockopt(fd, SOL_SOCKET, name, value);
  const get = (name: number): number => option(sockets, fd, SOL_SOCKET, name);
  for (const name of [
    so.SO_DEBUG,
    so.SO_REUSEADDR,
    so.SO_REUSEPORT,
    so.SO_DONTROUTE,
    so.SO_BROADCAST,
    so.SO_KEEPALIVE,
    so.SO_OOBINLINE,
    so.SO_NO_CHECK,
    so.SO_TIMESTAMP,
    so.SO_RXQ_OVFL,
    so.SO_SELECT_ERR_QUEUE,
  ]) {
    t.strictSame(
      [get(name), set(name, 7), get(name), set(name, 0), get(name)],
      [0, 0, 1, 0, 0],
      `option ${name}`,
    );
  }
  for (const name of [so.SO_PRIORITY, so.SO_MARK, so.SO_RCVLOWAT, so.SO_MAX_PACING_RATE, so.SO_INCOMING_CPU])
    t.strictSame([set(name, 5), get(name)], [0, 5], `option ${name}`);
  t.strictSame(
    [so.SO_TYPE, so.SO_DOMAIN, so.SO_PROTOCOL, so.SO_ACCEPTCONN, so.SO_ERROR, so.SO_SNDLOWAT].map(get),
    [2, 2, 17, 0, 0, 1],
  );
  t.equal(set(so.SO_TYPE, 1), -ENOPROTOOPT);
  t.equal(set(9999, 1), -ENOPROTOOPT);
  t.equal(get(9999), -ENOPROTOOPT);
  t.equal(set(so.SO_REUSEADDR, Uint8Array.of(1)), -EINVAL);
  t.equal(get(so.SO_RCVBUF), 212992);
  t.strictSame([set(so.SO_RCVBUF, 10_000), get(so.SO_RCVBUF)], [0, 20_000]);
  t.strictSame([set(so.SO_RCVBUF, 0), get(so.SO_RCVBUF)], [0, 2304]);
  t.strictSame([set(so.SO_RCVBUF, 1e9), get(so.SO_RCVBUF)], [0, 425_984]);
  t.strictSame([set(so.SO_RCVBUF, -1), get(so.SO_RCVBUF)], [0, 425_984]);
  t.strictSame([set(so.SO_SNDBUF, 0), get(so.SO_SNDBUF)], [0, 4608]);
  t.strictSame([set(so.SO_SNDBUF, 300_000), get(so.SO_SNDBUF)], [0, 425_984]);
  t.strictSame([set(so.SO_SNDBUFFORCE, 300_000), get(so.SO_SNDBUF)], [0, 600_000]);
  stack.setSysctl('net.core.wmem_max', 1_000_000);
  t.strictSame([set(so.SO_SNDBUF, 300_000), get(so.SO_SNDBUF)], [0, 600_000]);
  const bytes = (name: number, room: number): Buffer | number => {
    const out = Buffer.alloc(room);
    const result = sockets.getsockopt(fd, SOL_SOCKET, name, out);
    return result < 0 ? result : out.subarray(0, result);
  };
  t.equal(set(so.SO_LINGER, intBytes(1)), -EINVAL);
  t.equal(set(so.SO_LINGER, Buffer.from('0100000005000000', 'hex')), 0);
  t.same(bytes(so.SO_LINGER, 8), Buffer.from('0100000005000000', 'hex'));
  t.same(bytes(so.SO_LINGER, 2), Buffer.from('0100', 'hex'), 'cut to the room');
  const timeval = (seconds: number, microseconds: number): Buffer => {
    const out = Buffer.alloc(16);
    out.writeBigInt64LE(BigInt(seconds), 0);
    out.writeBigInt64LE(BigInt(microseconds), 8);
    return out;
  };
  t.same(bytes(so.SO_RCVTIMEO, 16), timeval(0, 0));
  t.equal(set(so.SO_RCVTIMEO, timeval(1, 500_000)), 0);
  t.same(bytes(so.SO_RCVTIMEO, 16), timeval(1, 500_000));
  t.equal(set(so.SO_SNDTIMEO, timeval(1, 1_000_000)), -EDOM);
  t.equal(set(so.SO_SNDTIMEO, intBytes(1)), -EINVAL);
  t.equal(set(so.SO_ZEROCOPY, 2), -EINVAL);
  t.equal(set(so.SO_BINDTODEVICE, text('nothing')), -ENODEV);
  t.equal(set(so.SO_BINDTODEVICE, text('tun0\0rubbish')), 0);
  t.same(bytes(so.SO_BINDTODEVICE, 16), Buffer.from('tun0\0'));
  t.equal(bytes(so.SO_BINDTODEVICE, 3), -EINVAL);
  t.equal(get(so.SO_BINDTOIFINDEX), 2);
  t.equal(set(so.SO_BINDTODEVICE, text('')), 0);
  t.same(bytes(so.SO_BINDTODEVICE, 16), Buffer.alloc(0));
  t.strictSame([set(so.SO_BINDTOIFINDEX, 9), set(so.SO_BINDTOIFINDEX, 1)], [-ENODEV, 0]);
  t.same(bytes(so.SO_MEMINFO, 36), Buffer.concat([0, 425_984, 0, 600_000, 0, 0, 0, 0, 0].map(intBytes)));
  t.same(bytes(so.SO_COOKIE, 8), Buffer.from('0100000000000000', 'hex'));
  stack.close();
  t.equal(stack.ns.timestamps, 0);
  t.end();
});

t.test('SOL_IP: values, ranges, one byte for who has no room for four', (t) => {
  const { sockets, stack } = host();
  const fd = udpSocket(sockets);
  const set = (name: number, value: number | Uint8Array): number =>
    sockets.setsockopt(fd, SOL_IP, name, value);
  const get = (name: number): number => option(sockets, fd, SOL_IP, name);
  const switches = [
    ip.IP_PKTINFO,
    ip.IP_RECVERR,
    ip.IP_RECVTTL,
    ip.IP_RECVTOS,
    ip.IP_RECVORIGDSTADDR,
    ip.IP_FREEBIND,
    ip.IP_TRANSPARENT,
    ip.IP_BIND_ADDRESS_NO_PORT,
  ];
  for (const name of switches)
    t.strictSame([get(name), set(name, 2), get(name), set(name, 0)], [0, 0, 1, 0], `option ${name}`);
  t.strictSame([get(ip.IP_TTL), set(ip.IP_TTL, 0), set(ip.IP_TTL, 256)], [64, -EINVAL, -EINVAL]);
  t.strictSame([set(ip.IP_TTL, 9), get(ip.IP_TTL), set(ip.IP_TTL, -1), get(ip.IP_TTL)], [0, 9, 0, 64]);
  t.strictSame([set(ip.IP_TOS, Uint8Array.of(0x28)), get(ip.IP_TOS)], [0, 0x28]);
  const byte = new Uint8Array(1);
  t.equal(sockets.getsockopt(fd, SOL_IP, ip.IP_TOS, byte), 1);
  t.equal(byte[0], 0x28);
  t.strictSame(
    [get(ip.IP_MTU_DISCOVER), set(ip.IP_MTU_DISCOVER, 6), set(ip.IP_MTU_DISCOVER, 5)],
    [1, -EINVAL, 0],
  );
  t.equal(get(ip.IP_MTU), -ENOTCONN);
  sockets.connect(fd, address('192.0.2.2:9'));
  t.equal(get(ip.IP_MTU), 1500);
  t.strictSame(
    [
      get(ip.IP_MULTICAST_TTL),
      set(ip.IP_MULTICAST_TTL, 256),
      set(ip.IP_MULTICAST_TTL, 0),
      get(ip.IP_MULTICAST_TTL),
    ],
    [1, -EINVAL, 0, 0],
  );
  t.strictSame(
    [get(ip.IP_MULTICAST_LOOP), set(ip.IP_MULTICAST_LOOP, 0), get(ip.IP_MULTICAST_LOOP)],
    [1, 0, 0],
  );
  t.strictSame([get(ip.IP_MULTICAST_ALL), set(ip.IP_MULTICAST_ALL, 2)], [1, -EINVAL]);
  t.strictSame([set(999, 1), get(999)], [-ENOPROTOOPT, -ENOPROTOOPT]);
  t.equal(sockets.setsockopt(fd, 77, 1, 1), -ENOPROTOOPT);
  t.equal(option(sockets, fd, 77, 1), -EOPNOTSUPP, 'reading is another errno');
  t.equal(set(ip.IP_PKTINFO, new Uint8Array(0)), 0);
  t.equal(set(ip.IP_FREEBIND, new Uint8Array(0)), -EINVAL);
  stack.setSysctl('net.ipv4.ip_no_pmtu_disc', 1);
  t.equal(option(sockets, udpSocket(sockets), SOL_IP, ip.IP_MTU_DISCOVER), 0);
  const mreq = (group: string, local = '0.0.0.0', ifindex = 0): Uint8Array => {
    const out = new Uint8Array(12);
    out.set(group.split('.').map(Number));
    out.set(local.split('.').map(Number), 4);
    out.set(intBytes(ifindex), 8);
    return out;
  };
  t.equal(set(ip.IP_ADD_MEMBERSHIP, mreq('192.0.2.1')), -EINVAL);
  t.equal(set(ip.IP_ADD_MEMBERSHIP, mreq('224.1.1.1', '0.0.0.0', 99)), -ENODEV);
  t.equal(set(ip.IP_ADD_MEMBERSHIP, mreq('224.1.1.1', '198.51.100.1')), -ENODEV);
  t.equal(set(ip.IP_ADD_MEMBERSHIP, mreq('224.1.1.1', '192.0.2.1')), 0);
  t.equal(set(ip.IP_ADD_MEMBERSHIP, mreq('224.1.1.1', '0.0.0.0', 2)), -EADDRINUSE);
  t.equal(set(ip.IP_DROP_MEMBERSHIP, mreq('224.1.1.2', '0.0.0.0', 2)), -EADDRNOTAVAIL);
  t.equal(set(ip.IP_DROP_MEMBERSHIP, mreq('224.1.1.2', '0.0.0.0', 99)), -EADDRNOTAVAIL);
  t.equal(set(ip.IP_DROP_MEMBERSHIP, mreq('224.1.1.2')), -ENODEV, 'no route says which device');
  t.equal(set(ip.IP_DROP_MEMBERSHIP, mreq('224.1.1.1', '0.0.0.0', 2)), 0);
  for (let i = 1; i <= 20; i++) t.equal(set(ip.IP_ADD_MEMBERSHIP, mreq(`224.1.1.${i}`, '192.0.2.1')), 0);
  t.equal(set(ip.IP_ADD_MEMBERSHIP, mreq('224.1.2.1', '192.0.2.1')), -105, 'ENOBUFS');
  t.equal(set(ip.IP_MULTICAST_IF, mreq('0.0.0.0', '198.51.100.1')), -EADDRNOTAVAIL);
  t.equal(set(ip.IP_MULTICAST_IF, Uint8Array.of(192, 0, 2, 1)), 0);
  const interfaceAddress = new Uint8Array(4);
  sockets.getsockopt(fd, SOL_IP, ip.IP_MULTICAST_IF, interfaceAddress);
  t.strictSame([...interfaceAddress], [192, 0, 2, 1]);
  stack.close();
  t.end();
});

t.test('poll: entries in place, negative ones passed over', (t) => {
  const { sockets, stack, dev } = host();
  const fd = udpSocket(sockets, '0.0.0.0:7');
  const entries = [
    { fd, events: POLLIN, revents: 99 },
    { fd: -1, events: POLLIN, revents: 99 },
    { fd: 50, events: 0, revents: 0 },
    { fd, events: POLLIN | POLLOUT, revents: 0 },
  ];
  const poll = (): string[] => [`${sockets.poll(entries)}`, ...entries.map((entry) => events(entry.revents))];
  t.strictSame(poll(), ['2', '', '', 'NVAL', 'OUT']);
  inject(stack, dev, udp());
  t.strictSame(poll(), ['3', 'IN', '', 'NVAL', 'IN OUT']);
  stack.close();
  t.end();
});

/** An epoll instance and what it says: `data:events` in order. */
function epoll(h: Host): {
  epfd: number;
  control: (op: number, fd: number, events: number) => number;
  wait: (most?: number) => string;
} {
  const { sockets } = h;
  const epfd = sockets.epollCreate();
  const out: EpollEvent[] = [];
  return {
    epfd,
    control: (op, fd, events) => sockets.epollCtl(epfd, op, fd, { events, data: fd }),
    wait: (most = 8) => {
      const count = sockets.epollWait(epfd, out, most);
      return count < 0 ? `${count}` : out.map((event) => `${event.data}:${events(event.events)}`).join(' ');
    },
  };
}

t.test('epoll: level, edge, oneshot', (t) => {
  const h = host();
  const { sockets, stack, dev } = h;
  const [level, edge, once] = [7, 8, 9].map((port) => udpSocket(sockets, `0.0.0.0:${port}`)) as [
    number,
    number,
    number,
  ];
  const { control, wait } = epoll(h);
  const all = (): void => {
    for (const to of [7, 8, 9]) inject(stack, dev, udp({ to }));
  };
  t.equal(control(EPOLL_CTL_ADD, level, POLLIN), 0);
  t.equal(control(EPOLL_CTL_ADD, edge, POLLIN | EPOLLET), 0);
  t.equal(control(EPOLL_CTL_ADD, once, POLLIN | EPOLLONESHOT), 0);
  t.equal(control(EPOLL_CTL_ADD, once, POLLIN), -EEXIST);
  t.equal(control(EPOLL_CTL_MOD, 99, POLLIN), -EBADF);
  t.equal(control(9, level, POLLIN), -EINVAL);
  t.equal(wait(), '');
  all();
  t.equal(wait(), `${level}:IN ${edge}:IN ${once}:IN`);
  t.equal(wait(), `${level}:IN`, 'level: as long as it is so');
  all();
  t.equal(wait(), `${level}:IN ${edge}:IN`, 'edge: at each arrival');
  sockets.recv(level, new Uint8Array(9));
  sockets.recv(level, new Uint8Array(9));
  t.equal(wait(), '');
  t.equal(control(EPOLL_CTL_MOD, once, POLLIN | EPOLLONESHOT), 0);
  t.equal(wait(), `${once}:IN`, 'armed again while there is something');
  t.equal(wait(), '');
  t.equal(control(EPOLL_CTL_MOD, edge, POLLIN | POLLOUT | EPOLLET), 0);
  t.equal(wait(), `${edge}:IN OUT`);
  t.equal(wait(0), `${-EINVAL}`);
  all();
  t.equal(wait(1), `${level}:IN`, 'as many as there is room for, the others next');
  t.equal(wait(), `${edge}:IN OUT ${level}:IN`);
  t.equal(control(EPOLL_CTL_DEL, level, 0), 0);
  t.equal(control(EPOLL_CTL_DEL, level, 0), -ENOENT);
  all();
  sockets.close(edge);
  t.equal(wait(), '', 'a closed socket is gone');
  stack.close();
  t.end();
});

t.test('epoll: RDHUP, exclusive, one in another, circles refused', (t) => {
  const h = host();
  const { sockets, stack, dev } = h;
  const fd = udpSocket(sockets, '192.0.2.1:7', '192.0.2.2:9');
  const [one, two, three] = [epoll(h), epoll(h), epoll(h)];
  t.equal(one.control(EPOLL_CTL_ADD, fd, POLLRDHUP), 0);
  sockets.shutdown(fd, SHUT_RD);
  t.equal(one.wait(), `${fd}:RDHUP`);
  const other = udpSocket(sockets, '0.0.0.0:8');
  t.equal(two.control(EPOLL_CTL_ADD, other, POLLIN | EPOLLEXCLUSIVE), 0);
  t.equal(three.control(EPOLL_CTL_ADD, other, POLLIN | EPOLLEXCLUSIVE), 0);
  t.equal(two.control(EPOLL_CTL_MOD, other, POLLIN), -EINVAL);
  t.equal(two.control(EPOLL_CTL_ADD, fd, POLLRDHUP | EPOLLEXCLUSIVE), -EINVAL);
  inject(stack, dev, udp({ to: 8 }));
  t.equal(two.wait(), `${other}:IN`, 'the first');
  t.equal(three.wait(), '', 'and not the second');
  const outer = epoll(h);
  t.equal(outer.control(EPOLL_CTL_ADD, two.epfd, POLLIN), 0);
  t.equal(outer.wait(), `${two.epfd}:IN`);
  sockets.recv(other, new Uint8Array(9));
  t.equal(outer.wait(), '');
  inject(stack, dev, udp({ to: 8 }));
  t.equal(outer.wait(), `${two.epfd}:IN`);
  t.equal(two.control(EPOLL_CTL_ADD, outer.epfd, POLLIN), -ELOOP);
  t.equal(two.control(EPOLL_CTL_ADD, two.epfd, POLLIN), -EINVAL);
  const chain = [outer, epoll(h), epoll(h), epoll(h), epoll(h)];
  const results = chain.slice(1).map((next, i) => next.control(EPOLL_CTL_ADD, chain[i]!.epfd, POLLIN));
  t.strictSame(results, [0, 0, 0, -ELOOP], 'not too deep');
  stack.close();
  t.end();
});

t.test('calls that wait: until it comes, until the time is over, until the stack is closed', (t) => {
  const h = host();
  const { sockets, stack, dev, on } = h;
  const { blocking } = sockets;
  const fd = udpSocket(sockets, '0.0.0.0:7');
  const log: string[] = [];
  const { clock } = on;
  const done = (name: string) => (result: number) => void log.push(`${clock.now()} ${name} ${result}`);
  const take = (): string[] => log.splice(0);
  const first = message();
  t.ok(blocking.recvmsg(fd, first.message, 0, done('recv')));
  t.strictSame(take(), []);
  clock.advance(10);
  inject(stack, dev, udp({ data: 'abc' }));
  t.strictSame(take(), ['10 recv 3']);
  t.equal(show(first.message.address!), '192.0.2.2:9');
  t.equal(blocking.recvmsg(fd, first.message, MSG_DONTWAIT, done('recv')), null);
  t.strictSame(take(), [`10 recv ${-EAGAIN}`]);
  sockets.setsockopt(fd, SOL_SOCKET, so.SO_RCVTIMEO, so.timevalBytes(250));
  blocking.recvmsg(fd, first.message, 0, done('timed'));
  clock.advance(249);
  t.strictSame(take(), []);
  clock.advance(1);
  t.strictSame(take(), [`260 timed ${-EAGAIN}`]);
  const entries = [{ fd, events: POLLIN, revents: 0 }];
  blocking.poll(entries, 100, done('poll'));
  clock.advance(100);
  t.strictSame(take(), ['360 poll 0']);
  blocking.poll(entries, -1, done('poll'));
  const { epfd, control } = epoll(h);
  control(EPOLL_CTL_ADD, fd, POLLIN | EPOLLET);
  const out: EpollEvent[] = [];
  blocking.epollWait(epfd, out, 4, -1, done('epoll'));
  clock.advance(5);
  inject(stack, dev, udp({ data: 'x' }));
  t.strictSame(take(), ['365 epoll 1', '365 poll 1']);
  t.equal(entries[0]!.revents, POLLIN);
  t.same(out, [{ events: POLLIN, data: fd }]);
  t.equal(receive(sockets, fd), '192.0.2.2:9 x');
  sockets.setsockopt(fd, SOL_SOCKET, so.SO_RCVTIMEO, so.timevalBytes(0));
  blocking.recvmsg(fd, first.message, 0, done('closed'));
  sockets.close(fd);
  clock.drain();
  t.strictSame(take(), [`365 closed ${-EBADF}`]);
  const last = udpSocket(sockets, '0.0.0.0:7');
  blocking.recvmsg(last, first.message, 0, done('interrupted'));
  blocking.poll([{ fd: last, events: POLLIN, revents: 0 }], 1000, done('poll'));
  t.equal(blocking.waiting, 2);
  stack.close();
  t.strictSame(take(), [`365 interrupted ${-EINTR}`, `365 poll ${-EINTR}`]);
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('control messages: PKTINFO, TTL, TOS, ORIGDSTADDR, TIMESTAMP, drops', (t) => {
  const { sockets, stack, dev, on } = host();
  const fd = udpSocket(sockets, '0.0.0.0:7');
  for (const name of [ip.IP_PKTINFO, ip.IP_RECVTTL, ip.IP_RECVTOS, ip.IP_RECVORIGDSTADDR])
    sockets.setsockopt(fd, SOL_IP, name, 1);
  sockets.setsockopt(fd, SOL_SOCKET, so.SO_TIMESTAMP, 1);
  on.clock.advance(1500.25);
  inject(stack, dev, udp({ ttl: 7, tos: 9, data: 'abc' }));
  on.clock.advance(1000);
  const { message: m } = message();
  t.equal(sockets.recvmsg(fd, m), 3);
  const seen = m.control.map(
    ({ level, type, data }) => `${level}/${type} ${Buffer.from(data).toString('hex')}`,
  );
  t.strictSame(seen, [
    '1/29 01000000000000001aa2070000000000',
    '0/8 02000000c0000201c0000201',
    '0/2 07000000',
    '0/1 09',
    '0/20 02000007c00002010000000000000000',
  ]);
  inject(stack, dev, udp({ destination: '192.0.2.255' }));
  m.controlRoom = 512;
  sockets.recvmsg(fd, m);
  t.equal(
    Buffer.from(m.control[1]!.data).toString('hex'),
    '02000000c0000201c00002ff',
    'to all: answered from the address',
  );
  m.controlRoom = 0;
  inject(stack, dev, udp());
  sockets.recvmsg(fd, m);
  t.strictSame(m.control, [], 'no room was offered');
  stack.close();
  t.equal(readInt(intBytes(-7)), -7);
  t.end();
});
