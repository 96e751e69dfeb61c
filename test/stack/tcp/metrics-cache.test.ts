import t from 'tap';
import { Connection } from '../../../stack/tcp/connection.ts';
import { TCP_INIT_CWND } from '../../../stack/tcp/tcb.ts';
import { Driver } from './driver.ts';

/** A connection between two hosts that no packet has to cross. */
function between(d: Driver, remote: number): Connection {
  const conn = new Connection(d.stack.tcp, d.stack.tcp.ipv4);
  conn.tcb.local = 1;
  conn.tcb.remote = remote;
  return conn;
}

function ended(d: Driver, remote: number, srttMs: number): Connection {
  const conn = between(d, remote);
  conn.tcb.srttUs = srttMs * 8000;
  d.stack.tcp.metrics.keep(conn);
  return conn;
}

// @rfc 9040 6.1
t.test('the round trip that is kept makes the first timeout longer, never shorter', (t) => {
  const d = new Driver();
  ended(d, 2, 400);
  const slow = between(d, 2);
  slow.tcb.srttUs = 10 * 8000;
  d.stack.tcp.metrics.use(slow);
  t.equal(slow.tcb.rtoMs, 400 + 800);
  ended(d, 2, 80);
  const after = between(d, 2);
  d.stack.tcp.metrics.use(after);
  t.equal(after.tcb.rtoMs, 360 + 720, 'an eighth of the way down');
  const other = between(d, 3);
  d.stack.tcp.metrics.use(other);
  t.equal(other.tcb.rtoMs, 1000, 'of another path nothing is known');
  d.stack.tcp.metrics.flush();
  const none = between(d, 2);
  d.stack.tcp.metrics.use(none);
  t.equal(none.tcb.rtoMs, 1000);
  d.close();
  t.end();
});

t.test('who never got an answer in time leaves no round trip, and what is known grows old', (t) => {
  const d = new Driver();
  ended(d, 2, 400);
  const failed = between(d, 2);
  failed.tcb.backoff = 3;
  d.stack.tcp.metrics.keep(failed);
  const next = between(d, 2);
  d.stack.tcp.metrics.use(next);
  t.equal(next.tcb.rtoMs, 1000);
  ended(d, 3, 400);
  d.clock.advance(3_600_001);
  const late = between(d, 3);
  d.stack.tcp.metrics.use(late);
  t.equal(late.tcb.rtoMs, 1000);
  d.close();
  t.end();
});

t.test('the threshold is kept only where tcp_no_ssthresh_metrics_save is 0, the reordering always', (t) => {
  for (const save of [0, 1]) {
    const d = new Driver({ sysctl: { 'net.ipv4.tcp_no_ssthresh_metrics_save': save } });
    const conn = between(d, 2);
    conn.tcb.srttUs = 80_000;
    conn.tcb.sndSsthresh = 20;
    conn.tcb.sndCwnd = 30;
    conn.tcb.reordering = 7;
    d.stack.tcp.metrics.keep(conn);
    const next = between(d, 2);
    d.stack.tcp.metrics.use(next);
    t.equal(next.tcb.sndSsthresh, save === 0 ? 20 : 0x7fffffff);
    t.equal(next.tcb.reordering, 7);
    t.equal(next.tcb.sndCwnd, TCP_INIT_CWND);
    d.close();
  }
  t.end();
});

t.test('so many pairs of hosts are remembered and no more', (t) => {
  const d = new Driver();
  for (let remote = 1; remote <= 4097; remote++) ended(d, remote, 400);
  t.equal(d.stack.tcp.metrics.evicted, 1);
  const first = between(d, 1);
  d.stack.tcp.metrics.use(first);
  t.equal(first.tcb.rtoMs, 1000, 'the oldest gave way');
  const last = between(d, 4097);
  d.stack.tcp.metrics.use(last);
  t.equal(last.tcb.rtoMs, 1200);
  d.close();
  t.end();
});
