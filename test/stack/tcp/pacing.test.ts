import t from 'tap';
import { SOL_SOCKET } from '../../../stack/socket/abi.ts';
import { SO_MAX_PACING_RATE } from '../../../stack/socket/socket-options.ts';
import { loadConnection, saveConnection } from '../../../stack/tcp/snapshot.ts';
import { TcpSocket } from '../../../stack/tcp/tcp-socket.ts';
import { Driver, word } from './driver.ts';

const NONE = [0, 0, 0, 0];
/** Bytes a second: a segment of 1460 bytes takes 14.6 ms. */
const RATE = 100_000;

/** A connection that has sent its first ten segments, which go out at once, and had them acknowledged. */
function warm(limit: boolean): { d: Driver; fd: number } {
  const d = new Driver({ sysctl: { 'net.ipv4.tcp_min_tso_segs': 1, 'net.ipv4.tcp_early_retrans': 0 } });
  const fd = d.accepted(d.listen());
  const bytes = Buffer.from(word(RATE)).reverse();
  if (limit) t.equal(d.sys.setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, bytes), 0);
  // On a path this long a burst is no more than what a millisecond is worth.
  d.connection(fd).tcb.minRttUs = 20_000;
  d.sys.send(fd, new Uint8Array(14_600));
  d.clock.advance(100);
  d.inject({ flags: '.', seq: 1, ack: 14_601, win: 257 });
  d.sent();
  return { d, fd };
}

/** When segments go out within the next `ms`, and their first bytes. */
function departures(d: Driver, ms: number): string[] {
  const out: string[] = [];
  for (let passed = 0; passed < ms; passed++) {
    for (const line of d.sent()) out.push(`${passed} ${/\d+:\d+/.exec(line)?.[0]}`);
    d.clock.advance(1);
  }
  return out;
}

t.test('segments leave at the rate that SO_MAX_PACING_RATE allows', (t) => {
  const { d, fd } = warm(true);
  d.sys.send(fd, new Uint8Array(7300));
  t.strictSame(departures(d, 90), [
    '0 14601:16061',
    '8 16061:17521',
    '22 17521:18981',
    '37 18981:20441',
    '52 20441:21901',
  ]);
  t.equal(d.connection(fd).tcb.pacingRate, RATE);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test(
  'a device that paces its flows does so at what window and round trip make; without either nothing waits',
  (t) => {
    const free = warm(false);
    free.d.sys.send(free.fd, new Uint8Array(7300));
    t.equal(free.d.sent().length, 5);
    t.strictSame(free.d.close(), NONE);
    const { d, fd } = warm(false);
    d.stack.device('tun0')!.discipline.paces = true;
    const { tcb } = d.connection(fd);
    d.sys.send(fd, new Uint8Array(7300));
    const atOnce = d.sent().length;
    t.ok(atOnce > 0 && atOnce < 5, `${atOnce} at once`);
    t.ok(tcb.departureUs > d.connection(fd).tcp.nowUs());
    d.clock.advance(200);
    t.equal(d.sent().length, 5 - atOnce);
    t.strictSame(d.close(), NONE);
    t.end();
  },
);

t.test('a connection that waits for its time is saved so, and goes on elsewhere', (t) => {
  const { d, fd } = warm(true);
  d.sys.send(fd, new Uint8Array(4380));
  t.equal(d.sent().length, 1);
  const old = d.connection(fd);
  const saved = JSON.parse(JSON.stringify(saveConnection(old)));
  t.ok(saved.timers.pacing > 0);
  old.owner = null;
  d.stack.tcp.discard(old);
  const restored = loadConnection(d.stack.tcp, saved);
  if (typeof restored === 'number') throw new Error(`loadConnection: ${restored}`);
  d.sys.install(new TcpSocket(d.sys, d.stack.tcp, restored));
  t.strictSame(
    departures(d, 60).map((line) => line.split(' ')[1]),
    ['16061:17521', '17521:18981'],
  );
  t.strictSame(d.close(), NONE);
  t.end();
});
