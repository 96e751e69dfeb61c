import t from 'tap';
import { EADDRINUSE, EAGAIN } from '../../../device/errno.ts';
import { AF_INET, SOL_SOCKET, SOL_TCP } from '../../../stack/socket/abi.ts';
import { SocketAddress } from '../../../stack/socket/address.ts';
import { SO_REUSEADDR, SO_REUSEPORT } from '../../../stack/socket/socket-options.ts';
import { TCP_DEFER_ACCEPT } from '../../../stack/tcp/sockopt.ts';
import { parseIpv4 } from '../../../stack/wire/address.ts';
import { Driver, synOptions, timestamp } from './driver.ts';

const NONE = [0, 0, 0, 0];
const PLAIN = [2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7];

/** Opens a connection from `port`; the text of what answered. */
function open(d: Driver, port: number): void {
  d.inject({ flags: 'S', seq: 0, win: 65535, options: PLAIN, port });
  d.expectSyn();
  d.inject({ flags: '.', seq: 1, ack: 1, win: 257, port });
}

t.test('the accept queue takes one more than its backlog; what comes then waits', (t) => {
  const d = new Driver();
  const listener = d.listen(1);
  open(d, 1000);
  open(d, 1001);
  d.inject({ flags: 'S', seq: 0, win: 65535, options: PLAIN, port: 1002 });
  t.strictSame(d.sent(), [], 'no answer while the queue is full');
  t.equal(d.counter('TcpExtListenOverflows'), 1);
  t.equal(d.counter('TcpExtListenDrops'), 1);
  t.ok(d.sys.accept(listener) >= 0);
  t.ok(d.sys.accept(listener) >= 0);
  t.equal(d.sys.accept(listener), -EAGAIN);
  open(d, 1002);
  t.ok(d.sys.accept(listener) >= 0);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('an ACK that finds the accept queue full is forgotten, or answered with a reset', (t) => {
  for (const abort of [0, 1]) {
    const d = new Driver({ sysctl: { 'net.ipv4.tcp_abort_on_overflow': abort } });
    const listener = d.listen(1);
    const isns: number[] = [];
    for (const port of [1000, 1001, 1002]) {
      d.inject({ flags: 'S', seq: 0, win: 65535, options: synOptions(1460, 1, 0, 7), port });
      d.expectSyn();
      isns.push(d.localIsn);
    }
    [1000, 1001, 1002].forEach((port, i) => {
      d.localIsn = isns[i]!;
      d.inject({ flags: '.', seq: 1, ack: 1, options: [1, 1, ...timestamp(2, d.lastTimestamp)], port });
    });
    t.strictSame(d.sent(), abort === 1 ? ['R 1:1(0) win 0'] : []);
    t.equal(d.counter('TcpExtListenOverflows'), 1);
    t.ok(d.sys.accept(listener) >= 0);
    t.strictSame(d.close(), NONE);
  }
  t.end();
});

t.test('a listener that is closed resets who waits', (t) => {
  const d = new Driver();
  const listener = d.listen();
  open(d, 1000);
  d.inject({ flags: 'S', seq: 0, win: 65535, options: PLAIN, port: 1001 });
  d.sent();
  d.sys.close(listener);
  t.equal(d.sent().filter((line) => line.startsWith('R.')).length, 1);
  t.equal(d.stack.tcp.flows.size, 0);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('with TCP_DEFER_ACCEPT a connection is one when data comes', (t) => {
  const d = new Driver();
  const listener = d.listen();
  d.sys.setsockopt(listener, SOL_TCP, TCP_DEFER_ACCEPT, 5);
  open(d, 1000);
  t.equal(d.sys.accept(listener), -EAGAIN);
  t.equal(d.counter('TcpExtTCPDeferAcceptDrop'), 1);
  d.inject({ flags: 'P.', seq: 1, ack: 1, payload: Buffer.from('GET'), port: 1000 });
  const fd = d.sys.accept(listener);
  const buffer = Buffer.alloc(9);
  t.equal(d.sys.recv(fd, buffer), 3);
  t.strictSame(d.close(), NONE);
  t.end();
});

// @rfc 4987 3.6
t.test('a cookie stands for the request, and with timestamps for its options', (t) => {
  for (const stamped of [false, true]) {
    const d = new Driver({ sysctl: { 'net.ipv4.tcp_syncookies': 2 } });
    const listener = d.listen();
    const options = stamped ? synOptions(1300, 5, 0, 9) : PLAIN;
    const timers = d.clock.pendingTimers();
    d.inject({ flags: 'S', seq: 0, win: 65535, options });
    t.match(d.expectSyn(), stamped ? /sackOK,TS ecr 5,nop,wscale 7/ : /<mss 1460>$/);
    t.equal(d.stack.tcp.flows.size, 0, 'nothing is kept');
    t.equal(d.clock.pendingTimers(), timers);
    const back = stamped ? [1, 1, ...timestamp(6, d.lastTimestamp)] : [];
    d.inject({ flags: '.', seq: 1, ack: 100, options: back });
    t.match(d.sent(), [/^R 100:100/], 'a wrong cookie');
    d.inject({ flags: '.', seq: 1, ack: 1, win: 100, options: back });
    const fd = d.sys.accept(listener);
    t.match(d.connection(fd).tcb, {
      mssClamp: stamped ? 1300 : 1460,
      sndWscale: stamped ? 9 : 0,
      sackOk: stamped ? 1 : 0,
      tstampOk: stamped ? 1 : 0,
      sndWnd: stamped ? 51_200 : 100,
    });
    t.equal(d.counter('TcpExtSyncookiesSent'), 1);
    t.equal(d.counter('TcpExtSyncookiesRecv'), 1);
    t.equal(d.counter('TcpExtSyncookiesFailed'), 1);
    t.strictSame(d.close(), NONE);
  }
  t.end();
});

// @rfc 4987 3.6
t.test('a hundred thousand SYNs from nowhere: memory stays bounded, and who means it still connects', (t) => {
  const d = new Driver();
  const listener = d.listen(128);
  for (let i = 0; i < 100_000; i++) {
    d.inject({
      flags: 'S',
      seq: 0,
      win: 65535,
      options: PLAIN,
      from: 0xc6336400 + (i & 255),
      port: 1024 + (i >> 8),
    });
    d.link.sent.length = 0;
  }
  t.equal(d.stack.tcp.flows.size, 128, 'requests that are remembered');
  t.equal(d.pool.inUse, 0);
  t.equal(d.counter('TcpExtSyncookiesSent'), 100_000 - 128);
  for (let i = 0; i < 100; i++) {
    d.inject({ flags: 'S', seq: 0, win: 65535, options: PLAIN, port: 60_000 + i });
    d.expectSyn();
    d.inject({ flags: '.', seq: 1, ack: 1, port: 60_000 + i });
    t.ok(d.sys.accept(listener) >= 0);
  }
  t.equal(d.counter('TcpPassiveOpens'), 100);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('who may have a port', (t) => {
  const d = new Driver();
  const bind = (fd: number, address: string, port: number): number =>
    d.sys.bind(fd, new SocketAddress(AF_INET, parseIpv4(address), port));
  const listener = d.listen();
  const second = d.socket();
  t.equal(bind(second, '0.0.0.0', 8080), -EADDRINUSE);
  d.sys.setsockopt(second, SOL_SOCKET, SO_REUSEADDR, 1);
  t.equal(bind(second, '192.0.2.1', 8080), -EADDRINUSE, 'not while somebody listens');
  const fd = d.accepted(listener);
  d.sys.close(listener);
  const third = d.socket();
  t.equal(bind(third, '0.0.0.0', 8080), -EADDRINUSE, 'its connections hold it');
  d.sys.close(fd);
  d.inject({ flags: 'F.', seq: 1, ack: 2 });
  t.equal(d.stack.tcp.timeWaits, 1);
  t.equal(bind(third, '0.0.0.0', 8080), -EADDRINUSE, 'and so does what is left of them');
  d.clock.advance(60_000);
  t.equal(bind(third, '0.0.0.0', 8080), 0);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('several listeners share a port by SO_REUSEPORT, and one of them gets each connection', (t) => {
  const d = new Driver();
  const fds = [0, 1, 2].map(() => {
    const fd = d.socket();
    d.sys.setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    t.equal(d.sys.bind(fd, new SocketAddress(AF_INET, 0, 8080)), 0);
    t.equal(d.sys.listen(fd, 100), 0);
    return fd;
  });
  for (let port = 2000; port < 2060; port++) open(d, port);
  const shares = fds.map((fd) => {
    let taken = 0;
    while (d.sys.accept(fd) >= 0) taken++;
    return taken;
  });
  t.equal(
    shares.reduce((sum, share) => sum + share),
    60,
  );
  t.ok(Math.min(...shares) > 5, shares.join());
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('finding a connection costs the same among many', (t) => {
  const d = new Driver();
  const { flows } = d.stack.tcp;
  const listener = d.listen(20_000);
  for (let i = 0; i < 2000; i++) open(d, 1024 + i);
  while (d.sys.accept(listener) >= 0);
  t.equal(flows.size, 2000);
  const found = flows.find(parseIpv4('192.0.2.1'), 8080, parseIpv4('198.51.100.7'), 1500, 0);
  t.match(found, { remotePort: 1500 });
  t.strictSame(d.close(), NONE);
  t.end();
});
