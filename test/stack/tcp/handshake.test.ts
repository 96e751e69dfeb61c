import t from 'tap';
import { EAGAIN, ECONNREFUSED, EINPROGRESS, ETIMEDOUT } from '../../../device/errno.ts';
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP, SOL_SOCKET } from '../../../stack/socket/abi.ts';
import { SO_ERROR } from '../../../stack/socket/socket-options.ts';
import { TCP_ESTABLISHED, TCP_SYN_RECV } from '../../../stack/tcp/tcb.ts';
import { Driver, synOptions, timestamp } from './driver.ts';

const NONE = [0, 0, 0, 0];
const PLAIN = [2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7];

function pollOf(driver: Driver, fd: number): number {
  const entry = { fd, events: POLLIN | POLLOUT | POLLRDHUP, revents: 0 };
  driver.sys.poll([entry]);
  return entry.revents;
}

function errorOf(driver: Driver, fd: number): number {
  const out = Buffer.alloc(4);
  driver.sys.getsockopt(fd, SOL_SOCKET, SO_ERROR, out);
  return out.readInt32LE();
}

t.test('a connection that the peer opens', (t) => {
  const d = new Driver();
  const listener = d.listen();
  t.equal(d.sys.accept(listener), -EAGAIN);
  d.inject({ flags: 'S', seq: 0, win: 65535, options: PLAIN });
  t.equal(d.expectSyn(), 'S. 0:0(0) ack 1 win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>');
  t.equal(pollOf(d, listener), 0, 'not yet');
  d.inject({ flags: '.', seq: 1, ack: 1, win: 257 });
  t.equal(pollOf(d, listener), POLLIN);
  const fd = d.sys.accept(listener);
  t.equal(d.connection(fd).state, TCP_ESTABLISHED);
  t.equal(pollOf(d, fd), POLLOUT);
  t.equal(d.connection(fd).tcb.sndWnd, 257 * 128, 'the window is scaled from here on');
  t.strictSame(d.sent(), []);
  t.equal(d.counter('TcpPassiveOpens'), 1);
  t.equal(d.counter('TcpCurrEstab'), 1);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('a connection that we open, with everything', (t) => {
  const d = new Driver();
  const fd = d.socket();
  t.equal(d.connect(fd), -EINPROGRESS);
  t.equal(d.expectSyn(), 'S 0:0(0) win 64240 <mss 1460,sackOK,TS ecr 0,nop,wscale 7>');
  t.equal(pollOf(d, fd), 0);
  d.clock.advance(30);
  d.inject({ flags: 'S.', seq: 0, ack: 1, win: 65535, options: synOptions(1000, 77, d.lastTimestamp, 8) });
  t.strictSame(d.sent(), ['. 1 ack 1 win 502 <nop,nop,TS ecr 77>']);
  const { tcb } = d.connection(fd);
  t.match(tcb, { state: TCP_ESTABLISHED, mssCache: 988, sndWscale: 8, sackOk: 1, tstampOk: 1 });
  t.equal(tcb.srttUs, 8 * 30_000);
  t.equal(tcb.rtoMs, 230);
  t.equal(pollOf(d, fd), POLLOUT);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('a peer that knows no options', (t) => {
  const d = new Driver();
  const fd = d.socket();
  d.connect(fd);
  d.expectSyn();
  d.inject({ flags: 'S.', seq: 0, ack: 1, win: 8000 });
  t.strictSame(d.sent(), ['. 1 ack 1 win 64240']);
  t.match(d.connection(fd).tcb, { mssCache: 536, sndWscale: 0, rcvWscale: 0, sackOk: 0, tstampOk: 0 });
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test(
  'our SYN goes out again, a second apart at first, for as long as its retries would take at doubling distances',
  (t) => {
    const d = new Driver({ sysctl: { 'net.ipv4.tcp_syn_retries': 2 } });
    const fd = d.socket();
    d.connect(fd);
    d.expectSyn();
    const syn = 'S 0:0(0) win 64240 <mss 1460,sackOK,TS ecr 0,nop,wscale 7>';
    t.strictSame(
      d.during(20_000),
      [1000, 2000, 3000, 4000, 5000].map((at) => `${at} ${syn}`),
    );
    t.equal(pollOf(d, fd), POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
    t.equal(errorOf(d, fd), ETIMEDOUT);
    t.equal(errorOf(d, fd), 0, 'told once');
    t.equal(d.counter('TcpExtTCPSynRetrans'), 5);
    t.strictSame(d.close(), NONE);
    t.end();
  },
);

t.test('our SYN is refused', (t) => {
  const d = new Driver();
  const fd = d.socket();
  d.connect(fd);
  d.expectSyn();
  d.inject({ flags: 'R', seq: 0 });
  t.equal(errorOf(d, fd), 0, 'a reset without ACK says nothing');
  d.inject({ flags: 'R.', seq: 0, ack: 7 });
  t.strictSame(
    d.sent(),
    [],
    'one that acknowledges something else says nothing, and a reset is not answered',
  );
  d.inject({ flags: 'R.', seq: 0, ack: 1 });
  t.equal(errorOf(d, fd), ECONNREFUSED);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('both open at once', (t) => {
  const d = new Driver();
  const fd = d.socket();
  d.connect(fd);
  d.expectSyn();
  d.inject({ flags: 'S', seq: 0, win: 65535, options: PLAIN });
  t.strictSame(d.sent(), ['S. 0:0(0) ack 1 win 64240 <mss 1460,sackOK,TS ecr 0,nop,wscale 7>']);
  t.equal(d.connection(fd).state, TCP_SYN_RECV);
  d.inject({ flags: 'S.', seq: 0, ack: 1, win: 65535, options: PLAIN });
  t.equal(d.connection(fd).state, TCP_ESTABLISHED);
  t.equal(pollOf(d, fd), POLLOUT);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('a SYN-ACK is sent again until the peer answers', (t) => {
  const d = new Driver({ sysctl: { 'net.ipv4.tcp_synack_retries': 2 } });
  const listener = d.listen();
  d.inject({ flags: 'S', seq: 0, win: 65535, options: PLAIN });
  d.expectSyn();
  const answer = 'S. 0:0(0) ack 1 win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>';
  t.strictSame(d.during(20_000), [`1000 ${answer}`, `3000 ${answer}`]);
  t.equal(d.stack.tcp.flows.size, 0, 'given up');
  d.inject({ flags: '.', seq: 1, ack: 1, win: 257 });
  t.strictSame(d.sent(), ['R 1:1(0) win 0'], 'nobody knows of it any more');
  t.equal(d.sys.accept(listener), -EAGAIN);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('a SYN that comes again is answered again, not too often', (t) => {
  const d = new Driver();
  d.listen();
  for (let i = 0; i < 4; i++) d.inject({ flags: 'S', seq: 0, win: 65535, options: PLAIN });
  t.equal(d.sent().length, 2, 'the first, and one more in half a second');
  t.equal(d.counter('TcpExtTCPACKSkippedSynRecv'), 2);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('a handshake is ended by a reset, and not by an ACK of something else', (t) => {
  const d = new Driver();
  d.listen();
  d.inject({ flags: 'S', seq: 0, win: 65535, options: PLAIN });
  d.expectSyn();
  d.inject({ flags: '.', seq: 1, ack: 5 });
  t.strictSame(d.sent(), ['R 5:5(0) win 0']);
  t.equal(d.stack.tcp.flows.size, 1);
  d.inject({ flags: 'R', seq: 1 });
  t.equal(d.stack.tcp.flows.size, 0);
  t.equal(d.counter('TcpAttemptFails'), 1);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('nobody listens', (t) => {
  const d = new Driver();
  d.inject({ flags: 'S', seq: 0 });
  d.inject({ flags: '.', seq: 1, ack: 9 });
  d.inject({ flags: 'P', seq: 1, length: 10 });
  d.inject({ flags: 'R', seq: 1 });
  t.strictSame(d.sent(), ['R. 0:0(0) ack 1 win 0', 'R 9:9(0) win 0', 'R. 0:0(0) ack 11 win 0']);
  t.equal(d.counter('TcpOutRsts'), 3);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('timestamps of an old incarnation are not believed', (t) => {
  const d = new Driver();
  const fd = d.socket();
  d.connect(fd);
  d.expectSyn();
  d.inject({ flags: 'S.', seq: 0, ack: 1, win: 65535, options: synOptions(1460, 7, d.lastTimestamp - 5, 8) });
  t.strictSame(d.sent(), ['R 1:1(0) win 0']);
  t.equal(d.counter('TcpExtPAWSActive'), 1);
  d.inject({ flags: 'S.', seq: 0, ack: 1, win: 65535, options: synOptions(1460, 7, d.lastTimestamp, 8) });
  t.equal(d.connection(fd).state, TCP_ESTABLISHED);
  d.sent();
  d.inject({ flags: '.', seq: 1, ack: 1, length: 5, options: [1, 1, ...timestamp(6, d.lastTimestamp)] });
  t.strictSame(d.sent(), ['. 1 ack 1 win 502 <nop,nop,TS ecr 7>']);
  t.equal(d.counter('TcpExtPAWSEstab'), 1);
  t.strictSame(d.close(), NONE);
  t.end();
});
