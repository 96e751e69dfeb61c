import t from 'tap';
import { EAGAIN, ECONNRESET, EPIPE, ETIMEDOUT } from '../../../device/errno.ts';
import {
  MSG_MORE,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  SIOCINQ,
  SIOCOUTQ,
  SIOCOUTQNSD,
  SOL_SOCKET,
  SOL_TCP,
} from '../../../stack/socket/abi.ts';
import { SO_KEEPALIVE, SO_RCVBUF, SO_SNDBUF } from '../../../stack/socket/socket-options.ts';
import {
  TCP_CORK,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_NODELAY,
  TCP_USER_TIMEOUT,
} from '../../../stack/tcp/sockopt.ts';
import { Driver } from './driver.ts';

const NONE = [0, 0, 0, 0];

function opened(options: ConstructorParameters<typeof Driver>[0] = {}): { d: Driver; fd: number } {
  const d = new Driver(options);
  const listener = d.listen();
  const fd = d.accepted(listener);
  return { d, fd };
}

function text(driver: Driver, fd: number, flags = 0, room = 100): string | number {
  const buffer = Buffer.alloc(room);
  const result = driver.sys.recv(fd, buffer, flags);
  return result < 0 ? result : buffer.toString('latin1', 0, result);
}

// @rfc 9293 3.8.6.3
t.test('data in order is acknowledged, at once in the beginning', (t) => {
  const { d, fd } = opened();
  d.inject({ flags: 'P.', seq: 1, ack: 1, payload: Buffer.from('hello ') });
  t.strictSame(d.sent(), ['. 1 ack 7 win 502']);
  d.inject({ flags: 'P.', seq: 7, ack: 1, payload: Buffer.from('world') });
  t.equal(d.sys.ioctl(fd, SIOCINQ), 11);
  t.equal(text(d, fd, MSG_PEEK, 5), 'hello');
  t.equal(text(d, fd), 'hello world');
  t.equal(text(d, fd), -EAGAIN);
  t.strictSame(d.close(), NONE);
  t.end();
});

// @rfc 2018 4
t.test('data out of order is reported in SACK blocks, newest first, and the filled hole at once', (t) => {
  const { d, fd } = opened();
  d.inject({ flags: '.', seq: 11, ack: 1, payload: Buffer.from('BBBBBBBBBB') });
  d.inject({ flags: '.', seq: 31, ack: 1, payload: Buffer.from('DDDDDDDDDD') });
  d.inject({ flags: '.', seq: 21, ack: 1, payload: Buffer.from('CCCCCCCCCC') });
  t.strictSame(
    d.sent().map((line) => line.replace(/win \d+ /, '')),
    [
      '. 1 ack 1 <nop,nop,sack 11:21>',
      '. 1 ack 1 <nop,nop,sack 31:41 11:21>',
      '. 1 ack 1 <nop,nop,sack 11:41>',
    ],
  );
  t.equal(text(d, fd), -EAGAIN);
  d.inject({ flags: '.', seq: 1, ack: 1, payload: Buffer.from('AAAAAAAAAA') });
  t.strictSame(d.sent().length, 1);
  t.equal(text(d, fd), 'AAAAAAAAAABBBBBBBBBBCCCCCCCCCCDDDDDDDDDD');
  t.equal(d.counter('TcpExtTCPOFOQueue'), 3);
  t.strictSame(d.close(), NONE);
  t.end();
});

// @rfc 2883 4
t.test('what comes twice is reported by DSACK, and only what is new is taken', (t) => {
  const { d, fd } = opened();
  d.inject({ flags: '.', seq: 1, ack: 1, payload: Buffer.from('abcdefghij') });
  d.sent();
  d.inject({ flags: '.', seq: 1, ack: 1, payload: Buffer.from('ABCDEFGHIJ') });
  t.strictSame(d.sent(), ['. 1 ack 11 win 502 <nop,nop,sack 1:11>']);
  d.inject({ flags: '.', seq: 6, ack: 1, payload: Buffer.from('FGHIJklmno') });
  t.strictSame(d.sent(), ['. 1 ack 16 win 502 <nop,nop,sack 6:11>']);
  t.equal(text(d, fd), 'abcdefghijklmno');
  t.equal(d.counter('TcpExtTCPDSACKOldSent'), 2);
  t.strictSame(d.close(), NONE);
  t.end();
});

// @rfc 9293 3.10.7.4
t.test('nothing beyond the window is taken', (t) => {
  const { d } = opened();
  d.inject({ flags: '.', seq: 70_000, ack: 1, length: 1 });
  t.strictSame(d.sent(), ['. 1 ack 1 win 502']);
  t.match(d.stack.counters().drops, { tcp_sequence: 1 });
  t.equal(d.counter('TcpExtBeyondWindow'), 1);
  t.strictSame(d.close(), NONE);
  t.end();
});

// @rfc 9293 3.8.6.2.2
t.test('a reader that does not read closes the window; reading opens it', (t) => {
  const { d, fd } = opened();
  d.sys.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, 4000);
  let seq = 1;
  let last = '';
  for (let i = 0; i < 30 && !last.includes('win 0'); i++) {
    d.inject({ flags: '.', seq, ack: 1, length: 1000 });
    for (const line of d.during(50)) last = line;
    seq = Number(/ack (\d+)/.exec(last)?.[1]);
  }
  t.match(last, /win 0$/);
  const shut = d.connection(fd).tcb.rcvNxt;
  d.inject({ flags: '.', seq, ack: 1, length: 1 });
  t.equal(d.connection(fd).tcb.rcvNxt, shut, 'a probe of a closed window is not taken');
  t.match(d.sent(), [/ack \d+ win 0$/]);
  d.sys.recv(fd, new Uint8Array(65536));
  t.match(d.sent(), [/ack \d+ win [1-9]/], 'the opening is told');
  t.strictSame(d.close(), NONE);
  t.end();
});

// @rfc 9293 3.7.4
t.test('a small segment waits for the ACK of the one before, unless told otherwise', (t) => {
  const { d, fd } = opened();
  d.sys.send(fd, Buffer.from('a'));
  d.sys.send(fd, Buffer.from('b'));
  d.sys.send(fd, Buffer.from('c'));
  t.strictSame(d.sent(), ['P. 1:2(1) ack 1 win 502']);
  t.equal(d.sys.ioctl(fd, SIOCOUTQ), 3);
  t.equal(d.sys.ioctl(fd, SIOCOUTQNSD), 2);
  d.inject({ flags: '.', seq: 1, ack: 2 });
  t.strictSame(d.sent(), ['P. 2:4(2) ack 1 win 502']);
  d.sys.setsockopt(fd, SOL_TCP, TCP_NODELAY, 1);
  d.sys.send(fd, Buffer.from('d'));
  t.strictSame(d.sent(), ['P. 4:5(1) ack 1 win 502']);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('a corked socket sends full segments only, and the rest when it is uncorked', (t) => {
  const { d, fd } = opened();
  d.sys.setsockopt(fd, SOL_TCP, TCP_CORK, 1);
  d.sys.send(fd, new Uint8Array(2000));
  t.strictSame(d.sent(), ['. 1:1461(1460) ack 1 win 502']);
  d.sys.setsockopt(fd, SOL_TCP, TCP_CORK, 0);
  t.strictSame(d.sent(), ['P. 1461:2001(540) ack 1 win 502']);
  d.inject({ flags: '.', seq: 1, ack: 2001 });
  d.sys.send(fd, new Uint8Array(10), MSG_MORE);
  t.strictSame(d.sent(), []);
  d.sys.send(fd, new Uint8Array(10));
  t.strictSame(d.sent(), ['P. 2001:2021(20) ack 1 win 502']);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('a full send buffer takes no more, until there is room', (t) => {
  const { d, fd } = opened();
  d.sys.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, 5000);
  let written = 0;
  for (let taken = 1; taken > 0; ) {
    taken = d.sys.send(fd, new Uint8Array(1000));
    if (taken > 0) written += taken;
  }
  t.equal(d.sys.send(fd, new Uint8Array(1)), -EAGAIN);
  t.equal(written, 30_200, 'the segment that is being filled may run over');
  for (let acked = 0; acked < written; ) {
    const last = d.sent().at(-1) ?? '';
    acked = Number(/:(\d+)/.exec(last)?.[1]) - 1;
    d.inject({ flags: '.', seq: 1, ack: acked + 1 });
  }
  t.equal(d.sys.send(fd, new Uint8Array(1)), 1);
  t.strictSame(d.close(), NONE);
  t.end();
});

// @rfc 6298 5
t.test('what is not acknowledged goes out again, at doubling distances, until time is up', (t) => {
  const { d, fd } = opened({ sysctl: { 'net.ipv4.tcp_retries2': 3 } });
  d.sys.send(fd, Buffer.from('lost'));
  d.sent();
  const segment = 'P. 1:5(4) ack 1 win 502';
  t.strictSame(
    d
      .during(10_000)
      .filter((line) => line.includes(segment))
      .map((line) => Number(line.split(' ')[0]))
      .slice(0, 4),
    [201, 402, 804, 1608],
  );
  t.equal(text(d, fd), -ETIMEDOUT);
  t.equal(d.sys.send(fd, Buffer.from('x')), -EPIPE);
  t.equal(d.counter('TcpExtTCPAbortOnTimeout'), 1);
  t.strictSame(d.close(), NONE);
  t.end();
});

// @rfc 5482 3
t.test('the user may give up sooner', (t) => {
  const { d, fd } = opened();
  d.sys.setsockopt(fd, SOL_TCP, TCP_USER_TIMEOUT, 1000);
  d.sys.send(fd, Buffer.from('lost'));
  d.clock.advance(1500);
  t.equal(text(d, fd), -ETIMEDOUT);
  t.strictSame(d.close(), NONE);
  t.end();
});

// @rfc 9293 3.8.6.1
t.test('a closed window is probed with a segment that must be refused', (t) => {
  const { d, fd } = opened();
  d.inject({ flags: '.', seq: 1, ack: 1, win: 0 });
  d.sys.send(fd, new Uint8Array(100));
  t.strictSame(d.sent(), []);
  t.strictSame(d.during(700), ['201 . 0 ack 1 win 502', '603 . 0 ack 1 win 502']);
  d.inject({ flags: '.', seq: 1, ack: 1, win: 257 });
  t.strictSame(d.sent(), ['P. 1:101(100) ack 1 win 502']);
  t.equal(d.counter('TcpExtTCPWinProbe'), 2);
  t.strictSame(d.close(), NONE);
  t.end();
});

// @rfc 9293 3.8.4
t.test('an idle connection is kept alive, and ended when nobody answers', (t) => {
  const { d, fd } = opened();
  for (const [option, value] of [
    [TCP_KEEPIDLE, 5],
    [TCP_KEEPINTVL, 2],
    [TCP_KEEPCNT, 2],
  ] as const)
    t.equal(d.sys.setsockopt(fd, SOL_TCP, option, value), 0);
  d.sys.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  t.strictSame(d.during(6000), ['5000 . 0 ack 1 win 502']);
  d.inject({ flags: '.', seq: 1, ack: 1 });
  t.strictSame(d.during(10_000), [
    '5000 . 0 ack 1 win 502',
    '7000 . 0 ack 1 win 502',
    '9000 R. 1:1(0) ack 1 win 502',
  ]);
  t.equal(text(d, fd), -ETIMEDOUT);
  t.strictSame(d.close(), NONE);
  t.end();
});

// @rfc 9293 3.8.5
t.test('urgent data: the byte beside the stream, and the mark in it', (t) => {
  const { d, fd } = opened();
  d.inject({ flags: 'PU.', seq: 1, ack: 1, urgent: 3, payload: Buffer.from('abXcd') });
  t.equal(text(d, fd), 'ab', 'a read ends at the mark');
  t.equal(text(d, fd, MSG_OOB), 'X');
  t.equal(text(d, fd), 'cd');
  d.sent();
  d.sys.send(fd, Buffer.from('xyz'), MSG_OOB);
  t.strictSame(d.sent(), ['PU. 1:4(3) ack 6 win 502 urg 3']);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('MSG_TRUNC reads into nowhere', (t) => {
  const { d, fd } = opened();
  d.inject({ flags: 'P.', seq: 1, ack: 1, payload: Buffer.from('abcdef') });
  t.equal(d.sys.recv(fd, new Uint8Array(4), MSG_TRUNC), 4);
  t.equal(text(d, fd), 'ef');
  t.strictSame(d.close(), NONE);
  t.end();
});

// @rfc 5961 3
t.test('a reset counts only where it must be; elsewhere it is challenged', (t) => {
  const { d, fd } = opened();
  d.inject({ flags: 'R', seq: 2 });
  t.strictSame(d.sent(), ['. 1 ack 1 win 502'], 'in the window');
  d.inject({ flags: 'R', seq: 5 });
  t.strictSame(d.sent(), [], 'not more than one in half a second');
  d.clock.advance(600);
  d.inject({ flags: 'S', seq: 9 });
  t.strictSame(d.sent(), ['. 1 ack 1 win 502'], 'so is a SYN');
  d.inject({ flags: 'R', seq: 100_000 });
  t.strictSame(d.sent(), [], 'outside of the window');
  t.equal(d.counter('TcpExtTCPChallengeACK'), 2);
  t.equal(d.counter('TcpExtTCPSYNChallenge'), 1);
  d.inject({ flags: 'R', seq: 1 });
  t.equal(text(d, fd), -ECONNRESET);
  t.equal(text(d, fd), '', 'then it is over');
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test(
  'small queues: a device that is stopped gets no more than it should have, and the rest when it goes on',
  (t) => {
    const { d, fd } = opened();
    d.sys.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, 400_000);
    const bytes = 200_000;
    t.equal(d.sys.send(fd, Buffer.alloc(1460), 0), 1460);
    d.inject({ flags: '.', seq: 1, ack: 1461, win: 4096 });
    const { tcb } = d.connection(fd);
    tcb.sndCwnd = 1000;
    d.link.sent.length = 0;
    const dev = d.stack.device('tun0')!;
    dev.stopQueue();
    t.equal(d.sys.send(fd, Buffer.alloc(bytes), 0), bytes);
    const waiting = dev.discipline.backlog;
    t.ok(waiting >= 64 && waiting < 64 + 45, `${waiting} packets wait`);
    t.ok(d.connection(fd).waitsForRoom);
    dev.wakeQueue();
    d.clock.drain();
    const sent = d.sent();
    t.equal(sent.length, Math.ceil(bytes / 1460));
    t.match(sent.at(-1), /^P\..*:201461\(/);
    t.equal(d.counter('TcpRetransSegs'), 0);
    t.notOk(d.connection(fd).waitsForRoom);
    t.same(d.close(), NONE);
    t.end();
  },
);
