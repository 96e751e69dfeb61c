import t from 'tap';
import { EADDRNOTAVAIL, EAGAIN, EINVAL, ENOBUFS } from '../../../device/errno.ts';
import {
  MSG_ERRQUEUE,
  MSG_ZEROCOPY,
  POLLOUT,
  SIOCOUTQ,
  SOL_IP,
  SOL_SOCKET,
} from '../../../stack/socket/abi.ts';
import { IP_ADD_MEMBERSHIP } from '../../../stack/socket/inet-options.ts';
import type { SocketLayer } from '../../../stack/socket/layer.ts';
import { intBytes, Message } from '../../../stack/socket/message.ts';
import { SO_SNDBUF, SO_TIMESTAMPING, SO_ZEROCOPY } from '../../../stack/socket/socket-options.ts';
import {
  IP_ADD_SOURCE_MEMBERSHIP,
  IP_BLOCK_SOURCE,
  IP_MSFILTER,
  MCAST_JOIN_SOURCE_GROUP,
  MCAST_MSFILTER,
} from '../../../stack/socket/source-filter.ts';
import {
  SOF_TIMESTAMPING_OPT_ID,
  SOF_TIMESTAMPING_OPT_TSONLY,
  SOF_TIMESTAMPING_SOFTWARE,
  SOF_TIMESTAMPING_TX_SCHED,
  SOF_TIMESTAMPING_TX_SOFTWARE,
} from '../../../stack/socket/timestamping.ts';
import { inject, leftovers, sent } from '../ip/harness.ts';
import { host, option, receive, text, udp, udpSocket } from './harness.ts';

const IP_OPTIONS = 4;
const ip = (address: string): number[] => address.split('.').map(Number);

/** Whether a socket may be written to. */
function writable(sockets: SocketLayer, fd: number): boolean {
  const entry = { fd, events: POLLOUT, revents: 0 };
  sockets.poll([entry]);
  return entry.revents !== 0;
}

t.test('datagrams on their way out count against the send buffer', (t) => {
  const { sockets, stack, dev, link, on } = host();
  const fd = udpSocket(sockets, '192.0.2.1:7', '192.0.2.2:9');
  sockets.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, 1);
  t.equal(option(sockets, fd, SOL_SOCKET, SO_SNDBUF), 4608);
  dev.stopQueue();
  const results: number[] = [];
  while (results.at(-1) !== -EAGAIN) results.push(sockets.send(fd, new Uint8Array(600)));
  t.strictSame(results, [600, 600, 600, 600, -EAGAIN], '1280 bytes each, the last beyond the limit');
  t.equal(sockets.ioctl(fd, SIOCOUTQ), 4 * 1280);
  t.notOk(writable(sockets, fd));
  let waited = 0;
  sockets.blocking.sendmsg(fd, new Message([new Uint8Array(100)]), 0, (result) => {
    waited = result;
  });
  on.clock.advance(10);
  t.equal(waited, 0, 'a call waits');
  dev.wakeQueue();
  on.clock.advance(10);
  t.equal(waited, 100);
  t.equal(sent(link).length, 5);
  t.equal(sockets.ioctl(fd, SIOCOUTQ), 0);
  t.ok(writable(sockets, fd));
  t.equal(stack.counters().mib['UdpSndbufErrors'], 2);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('a stamp for the queue, and one for the driver when it takes the packet', (t) => {
  const { sockets, stack, dev, on } = host();
  const fd = udpSocket(sockets, '192.0.2.1:7', '192.0.2.2:9');
  const wanted =
    SOF_TIMESTAMPING_TX_SCHED |
    SOF_TIMESTAMPING_TX_SOFTWARE |
    SOF_TIMESTAMPING_SOFTWARE |
    SOF_TIMESTAMPING_OPT_ID |
    SOF_TIMESTAMPING_OPT_TSONLY;
  t.equal(sockets.setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, wanted), 0);
  on.clock.advance(5);
  const start = on.clock.now();
  const stamp = (): string => {
    const message = new Message([]);
    message.controlRoom = 256;
    if (sockets.recvmsg(fd, message, MSG_ERRQUEUE) < 0) return 'none';
    const [time, error] = message.control.map(({ data }) => new DataView(data.buffer, data.byteOffset));
    const ms = Number(time!.getBigInt64(0, true)) * 1000 + Number(time!.getBigInt64(8, true)) / 1e6;
    const { epoch } = on.clock;
    return `kind ${error!.getUint32(8, true)} key ${error!.getUint32(12, true)} after ${ms - epoch - start} ms`;
  };
  dev.stopQueue();
  sockets.send(fd, text('one'));
  t.equal(stamp(), 'kind 1 key 0 after 0 ms');
  t.equal(stamp(), 'none');
  on.clock.advance(20);
  dev.wakeQueue();
  t.equal(stamp(), 'kind 0 key 0 after 20 ms');
  sockets.send(fd, text('two'));
  t.equal(stamp(), 'kind 1 key 1 after 20 ms');
  t.equal(stamp(), 'kind 0 key 1 after 20 ms');
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('lent buffers without memory to tell of them are refused', (t) => {
  const { sockets, stack } = host();
  const fd = udpSocket(sockets, '192.0.2.1:7', '192.0.2.2:9');
  sockets.setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, 1);
  stack.sysctl.set('net.core.optmem_max', '1000');
  t.equal(sockets.send(fd, text('one'), MSG_ZEROCOPY), 3);
  t.equal(sockets.send(fd, text('two'), MSG_ZEROCOPY), -ENOBUFS, 'the first was not read yet');
  t.equal(sockets.recvmsg(fd, new Message([]), MSG_ERRQUEUE), 0);
  t.equal(sockets.send(fd, text('two'), MSG_ZEROCOPY), 3);
  stack.close();
  t.end();
});

// @rfc 791 3.1
t.test('IP_OPTIONS: what was set is in the header, addresses filled in', (t) => {
  const { sockets, stack, link } = host();
  const fd = udpSocket(sockets, '192.0.2.1:7', '192.0.2.2:9');
  t.equal(sockets.setsockopt(fd, SOL_IP, IP_OPTIONS, Uint8Array.of(7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0)), 0);
  sockets.send(fd, text('hello'));
  const [packet] = sent(link);
  t.equal(packet![0], 0x48, 'three words of options');
  t.equal(packet!.subarray(20, 32).toString('hex'), '070b08c00002010000000000', 'the first hop recorded');
  t.equal(packet!.subarray(40).toString(), 'hello');
  const out = new Uint8Array(40);
  t.equal(sockets.getsockopt(fd, SOL_IP, IP_OPTIONS, out), 12);
  t.equal(Buffer.from(out.subarray(0, 12)).toString('hex'), '070b04000000000000000000', 'as it was given');
  t.equal(sockets.setsockopt(fd, SOL_IP, IP_OPTIONS, new Uint8Array(0)), 0);
  sockets.send(fd, text('hello'));
  t.equal(sent(link)[0]![0], 0x45);
  t.equal(sockets.setsockopt(fd, SOL_IP, IP_OPTIONS, Uint8Array.of(131, 7, 4, ...ip('192.0.2.77'))), 0);
  sockets.send(fd, text('hello'));
  t.equal(sent(link)[0]!.subarray(16, 28).toString('hex'), 'c000024d830704c000020200', 'by way of another');
  stack.close();
  t.end();
});

// @rfc 3376 3.1
t.test('memberships by sender: who is heard, and the filter as it is told', (t) => {
  const { sockets, stack, dev } = host();
  const fd = udpSocket(sockets, '0.0.0.0:7');
  const group = '239.1.1.1';
  const from = (source: string): boolean => {
    inject(stack, dev, udp({ source, destination: group, data: 'x' }));
    return typeof receive(sockets, fd) === 'string';
  };
  const request = (source: string): Uint8Array =>
    Uint8Array.from([...ip(group), ...ip('192.0.2.1'), ...ip(source)]);
  t.equal(sockets.setsockopt(fd, SOL_IP, IP_ADD_SOURCE_MEMBERSHIP, request('192.0.2.8')), 0);
  t.strictSame([from('192.0.2.8'), from('192.0.2.9')], [true, false]);
  t.equal(sockets.setsockopt(fd, SOL_IP, IP_BLOCK_SOURCE, request('192.0.2.9')), -EINVAL, 'another mode');

  const filter = (mode: number, ...sources: string[]): Uint8Array =>
    Uint8Array.from([
      ...ip(group),
      ...ip('192.0.2.1'),
      ...intBytes(mode),
      ...intBytes(sources.length),
      ...sources.flatMap(ip),
    ]);
  t.equal(sockets.setsockopt(fd, SOL_IP, IP_MSFILTER, filter(0, '192.0.2.8', '192.0.2.10')), 0);
  t.strictSame([from('192.0.2.8'), from('192.0.2.9')], [false, true], 'all but those');
  const out = new Uint8Array(20);
  out.set(filter(9, '0.0.0.0'));
  t.equal(sockets.getsockopt(fd, SOL_IP, IP_MSFILTER, out), 20, 'room for one of two');
  t.equal(Buffer.from(out).toString('hex'), 'ef010101c00002010000000002000000c0000208');
  t.equal(sockets.setsockopt(fd, SOL_IP, IP_MSFILTER, filter(1)), 0, 'nobody: it is left');
  t.notOk(sockets.getsockopt(fd, SOL_IP, IP_MSFILTER, out) >= 0);
  t.equal(sockets.getsockopt(fd, SOL_IP, IP_MSFILTER, out), -EADDRNOTAVAIL);
  stack.sysctl.set('net.ipv4.igmp_max_msf', '1');
  const membership = Uint8Array.from([...ip(group), ...ip('192.0.2.1')]);
  t.equal(sockets.setsockopt(fd, SOL_IP, IP_ADD_MEMBERSHIP, membership), 0);
  t.equal(sockets.setsockopt(fd, SOL_IP, IP_MSFILTER, filter(0, '1.1.1.1', '1.1.1.2')), -ENOBUFS);

  const storage = (address: string): Uint8Array => {
    const bytes = new Uint8Array(128);
    bytes.set([2, 0, 0, 0, ...ip(address)]);
    return bytes;
  };
  const other = udpSocket(sockets);
  const joins = Buffer.concat([intBytes(dev.ifindex), new Uint8Array(4), storage(group), storage('1.2.3.4')]);
  t.equal(sockets.setsockopt(other, SOL_IP, MCAST_JOIN_SOURCE_GROUP, joins), 0);
  const wide = new Uint8Array(144 + 128);
  wide.set(
    Buffer.concat([intBytes(dev.ifindex), new Uint8Array(4), storage(group), intBytes(0), intBytes(1)]),
  );
  t.equal(sockets.getsockopt(other, SOL_IP, MCAST_MSFILTER, wide), 272);
  t.strictSame([...wide.subarray(136, 152)], [1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 2, 3, 4]);
  stack.close();
  t.end();
});
