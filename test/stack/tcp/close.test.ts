import t from 'tap';
import { ECONNRESET, EPIPE } from '../../../device/errno.ts';
import { SHUT_WR, SOL_SOCKET, SOL_TCP } from '../../../stack/socket/abi.ts';
import { SO_LINGER } from '../../../stack/socket/socket-options.ts';
import { TCP_LINGER2 } from '../../../stack/tcp/sockopt.ts';
import { tcpStateName } from '../../../stack/tcp/states.ts';
import { Driver } from './driver.ts';

const NONE = [0, 0, 0, 0];

function opened(): { d: Driver; fd: number; listener: number } {
  const d = new Driver();
  const listener = d.listen();
  return { d, fd: d.accepted(listener), listener };
}

t.test('we close first', (t) => {
  const { d, fd } = opened();
  const connection = d.connection(fd);
  d.sys.close(fd);
  t.strictSame(d.sent(), ['F. 1:1(0) ack 1 win 502']);
  t.equal(tcpStateName(connection.state), 'FIN-WAIT-1');
  t.equal(d.stack.tcp.orphans, 1);
  d.inject({ flags: '.', seq: 1, ack: 2 });
  t.equal(d.stack.tcp.timeWaits, 1, 'an orphan waits for the FIN as a mini record');
  t.equal(d.stack.tcp.orphans, 0);
  d.inject({ flags: 'F.', seq: 1, ack: 2 });
  t.strictSame(d.sent(), ['. 2 ack 2 win 502']);
  d.clock.advance(500);
  d.inject({ flags: 'F.', seq: 1, ack: 2 });
  t.strictSame(d.sent(), ['. 2 ack 2 win 502'], 'the last ACK was lost');
  d.clock.advance(59_999);
  t.equal(d.stack.tcp.timeWaits, 1);
  d.clock.advance(1);
  t.equal(d.stack.tcp.timeWaits, 0, 'a minute after the last FIN');
  t.equal(d.counter('TcpExtTW'), 1);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('the peer closes first', (t) => {
  const { d, fd } = opened();
  const connection = d.connection(fd);
  d.inject({ flags: 'F.', seq: 1, ack: 1 });
  t.equal(tcpStateName(connection.state), 'CLOSE-WAIT');
  t.equal(d.sys.recv(fd, new Uint8Array(1)), 0);
  t.equal(d.sys.send(fd, Buffer.from('still')), 5, 'the other half is open');
  d.sent();
  d.inject({ flags: '.', seq: 2, ack: 6 });
  d.sys.close(fd);
  t.strictSame(d.sent(), ['F. 6:6(0) ack 2 win 502']);
  t.equal(tcpStateName(connection.state), 'LAST-ACK');
  d.inject({ flags: '.', seq: 2, ack: 7 });
  t.equal(d.stack.tcp.flows.size, 0);
  t.equal(d.stack.tcp.timeWaits, 0, 'who closes second waits for nothing');
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('half-close: data comes on after our FIN', (t) => {
  const { d, fd } = opened();
  d.sys.shutdown(fd, SHUT_WR);
  t.strictSame(d.sent(), ['F. 1:1(0) ack 1 win 502']);
  t.equal(d.sys.send(fd, Buffer.from('x')), -EPIPE);
  d.inject({ flags: '.', seq: 1, ack: 2 });
  t.equal(tcpStateName(d.connection(fd).state), 'FIN-WAIT-2');
  d.inject({ flags: 'P.', seq: 1, ack: 2, payload: Buffer.from('answer') });
  const buffer = Buffer.alloc(10);
  t.equal(d.sys.recv(fd, buffer), 6);
  d.inject({ flags: 'F.', seq: 7, ack: 2 });
  t.equal(d.sys.recv(fd, buffer), 0);
  t.equal(d.stack.tcp.timeWaits, 1);
  d.sys.close(fd);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('both close at once', (t) => {
  const { d, fd } = opened();
  const connection = d.connection(fd);
  d.sys.shutdown(fd, SHUT_WR);
  d.sent();
  d.inject({ flags: 'F.', seq: 1, ack: 1 });
  t.equal(tcpStateName(connection.state), 'CLOSING');
  t.strictSame(d.sent(), ['. 2 ack 2 win 502']);
  d.inject({ flags: '.', seq: 2, ack: 2 });
  t.equal(d.stack.tcp.timeWaits, 1);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('unread data, or a linger time of nothing, reset', (t) => {
  for (const unread of [true, false]) {
    const { d, fd } = opened();
    if (unread) d.inject({ flags: 'P.', seq: 1, ack: 1, length: 10 });
    else d.sys.setsockopt(fd, SOL_SOCKET, SO_LINGER, Uint8Array.from([1, 0, 0, 0, 0, 0, 0, 0]));
    d.sent();
    d.sys.close(fd);
    t.strictSame(d.sent(), [`R. 1:1(0) ack ${unread ? 11 : 1} win 502`]);
    t.equal(d.counter(unread ? 'TcpExtTCPAbortOnClose' : 'TcpExtTCPAbortOnData'), 1);
    t.equal(d.stack.tcp.flows.size, 0);
    t.strictSame(d.close(), NONE);
  }
  t.end();
});

t.test('data for an orphan resets it', (t) => {
  const { d, fd } = opened();
  d.sys.close(fd);
  d.sent();
  d.inject({ flags: 'P.', seq: 1, ack: 1, length: 10 });
  t.strictSame(d.sent(), ['R 1:1(0) win 0']);
  t.equal(d.stack.tcp.flows.size, 0);
  t.equal(d.stack.tcp.orphans, 0);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('an orphan tries again to send its FIN, and gives up', (t) => {
  const { d, fd } = opened();
  d.sys.close(fd);
  const times = d.during(300_000).map((line) => Number(line.split(' ')[0]));
  t.strictSame(times.slice(0, 5), [0, 201, 402, 804, 1608]);
  t.equal(d.stack.tcp.flows.size, 0);
  t.equal(d.stack.tcp.orphans, 0);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('TCP_LINGER2 below 0: no waiting for the FIN', (t) => {
  const { d, fd } = opened();
  d.sys.setsockopt(fd, SOL_TCP, TCP_LINGER2, -1);
  d.sys.close(fd);
  d.sent();
  d.inject({ flags: '.', seq: 1, ack: 2 });
  t.strictSame(d.sent(), ['R 2:2(0) win 0']);
  t.equal(d.stack.tcp.timeWaits, 0);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('a new connection takes the place of one in TIME-WAIT', (t) => {
  const { d, fd, listener } = opened();
  d.sys.close(fd);
  d.inject({ flags: 'F.', seq: 1, ack: 2 });
  d.sent();
  t.equal(d.stack.tcp.timeWaits, 1);
  d.inject({ flags: 'S', seq: 0, win: 1000 });
  t.match(d.sent(), [/^\. 2 ack 2/], 'not one that begins where the old one was');
  d.inject({ flags: 'S', seq: 500, win: 1000 });
  const answer = d.sent();
  t.match(answer, [/^S\. \d+:\d+\(0\) ack 501/]);
  t.equal(Number(/S\. (\d+)/.exec(answer[0]!)?.[1]), 2 + 65_535 + 2, 'behind all that the old one sent');
  t.equal(d.stack.tcp.timeWaits, 0);
  d.inject({ flags: '.', seq: 501, ack: 65_540 });
  t.ok(d.sys.accept(listener) >= 0);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('after a reset there is nothing left', (t) => {
  const { d, fd } = opened();
  d.sys.send(fd, new Uint8Array(5000));
  d.inject({ flags: 'R.', seq: 1, ack: 1 });
  t.equal(d.sys.recv(fd, new Uint8Array(1)), -ECONNRESET);
  t.equal(d.sys.recv(fd, new Uint8Array(1)), 0);
  t.equal(d.connection(fd).rtxQueue.length + d.connection(fd).writeQueue.length, 0);
  t.equal(d.stack.tcp.memory.used, 0);
  t.strictSame(d.close(), NONE);
  t.end();
});
