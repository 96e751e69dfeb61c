import t from 'tap';
import { SeededEntropy } from '../../../device/random.ts';
import { tcpStateName } from '../../../stack/tcp/states.ts';
import { Driver, timestamp } from './driver.ts';

const NONE = [0, 0, 0, 0];
const seed = 4711;

// @rfc 9293 3.1
t.test('segments that are none', (t) => {
  const d = new Driver();
  d.listen();
  const whole = d.bytes({ flags: 'S', seq: 0 });
  for (const [name, change] of [
    ['a header longer than the packet', (frame: Buffer) => (frame[32] = 0xf0)],
    ['a header shorter than a header', (frame: Buffer) => (frame[32] = 0x40)],
  ] as const) {
    const frame = Buffer.from(whole);
    change(frame);
    d.receive(frame);
    t.strictSame(d.sent(), [], name);
  }
  const short = Buffer.from(whole.subarray(0, 30));
  short.writeUInt16BE(30, 2);
  short.writeUInt16BE(0, 10);
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += short.readUInt16BE(i);
  short.writeUInt16BE(~((sum & 0xffff) + (sum >>> 16)) & 0xffff, 10);
  d.receive(short);
  d.inject({ flags: 'S', seq: 0, checksum: 0x1234 });
  t.strictSame(d.sent(), []);
  t.match(d.stack.counters().drops, { tcp_header: 3, tcp_checksum: 1 });
  t.equal(d.counter('TcpInCsumErrors'), 1);
  t.equal(d.counter('TcpInErrs'), 4);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('flags that no segment has', (t) => {
  for (let flags = 0; flags < 256; flags++) {
    const d = new Driver();
    const listener = d.listen();
    const fd = d.accepted(listener);
    const letters = ['F', 'S', 'R', 'P', '.', 'U', 'E', 'W'].filter((_, bit) => (flags >> bit) & 1).join('');
    d.inject({ flags: letters, seq: 1, ack: 1, length: 3, urgent: 2 });
    d.inject({ flags: letters, seq: 0, port: 99 });
    t.ok(d.connection(fd).state > 0);
    const left = d.close();
    if (left.some((count) => count !== 0)) t.fail(`${letters}: ${left.join()}`);
  }
  t.end();
});

/** Changes some bytes, mostly of the header, and now and then sets the checksums right again. */
function mutate(frame: Buffer, entropy: SeededEntropy): void {
  const changes = 1 + entropy.below(4);
  for (let i = 0; i < changes; i++) {
    const at = entropy.chance(0.8)
      ? 20 + entropy.below(Math.min(40, frame.length - 20))
      : entropy.below(frame.length);
    frame[at] = entropy.chance(0.3) ? entropy.below(256) : frame[at]! ^ (1 << entropy.below(8));
  }
}

t.test('twenty thousand mutations of live segments', (t) => {
  const entropy = new SeededEntropy(seed);
  let d = new Driver({ seed });
  let listener = d.listen();
  let fd = d.accepted(listener, [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7]);
  for (let i = 0; i < 20_000; i++) {
    const { tcb } = d.connection(fd);
    const base = {
      flags: entropy.chance(0.05) ? 'F.' : 'P.',
      seq: (tcb.rcvNxt - d.peerIsn + entropy.below(4000) - 2000) | 0,
      ack: (tcb.sndUna - d.localIsn + entropy.below(3)) | 0,
      win: entropy.below(300),
      length: entropy.below(1400),
      options: [1, 1, ...timestamp(entropy.below(10) + tcb.tsRecent, d.lastTimestamp)],
    };
    const frame = d.bytes(base);
    mutate(frame, entropy);
    if (entropy.chance(0.7)) fix(frame);
    d.receive(frame);
    if (entropy.chance(0.2)) d.sys.send(fd, new Uint8Array(entropy.below(3000)));
    if (entropy.chance(0.3)) d.sys.recv(fd, new Uint8Array(entropy.below(5000)));
    if (entropy.chance(0.1)) d.clock.advance(entropy.below(300));
    d.sent();
    const name = tcpStateName(d.connection(fd).state);
    if (name.startsWith('state')) t.fail(`seed ${seed}, ${i}: ${name}`);
    if (name === 'CLOSE' || name === 'CLOSE-WAIT' || entropy.chance(0.002)) {
      d.sys.close(fd);
      const left = d.close();
      if (left.some((count) => count !== 0)) t.fail(`seed ${seed}, ${i}: ${left.join()}`);
      d = new Driver({ seed: i });
      listener = d.listen();
      fd = d.accepted(listener);
    }
  }
  t.strictSame(d.close(), NONE);
  t.end();
});

/** Sets both checksums right, if the lengths let it. */
function fix(frame: Buffer): void {
  frame.writeUInt16BE(0, 10);
  let sum = 0;
  const header = (frame[0]! & 15) * 4;
  if (header < 20 || header > frame.length) return;
  for (let i = 0; i < header; i += 2) sum += frame.readUInt16BE(i);
  frame.writeUInt16BE(~((sum & 0xffff) + (sum >>> 16)) & 0xffff, 10);
  if (frame.length < header + 20) return;
  frame.writeUInt16BE(0, header + 16);
  let tcp = 6 + (frame.length - header);
  for (let i = 12; i < 20; i += 2) tcp += frame.readUInt16BE(i);
  for (let i = header; i < frame.length; i += 2)
    tcp += i + 1 < frame.length ? frame.readUInt16BE(i) : frame[i]! << 8;
  while (tcp > 0xffff) tcp = (tcp & 0xffff) + (tcp >>> 16);
  frame.writeUInt16BE(~tcp & 0xffff, header + 16);
}

t.test('the worst order there is costs no more than memory has room for', (t) => {
  const d = new Driver();
  const listener = d.listen();
  const fd = d.accepted(listener);
  for (let i = 120; i > 0; i--) d.inject({ flags: '.', seq: 1 + i * 2, ack: 1, length: 1 });
  const { outOfOrder } = d.connection(fd);
  t.equal(outOfOrder.length, 120);
  d.sent();
  for (let i = 0; i <= 120; i++) d.inject({ flags: '.', seq: 1 + i * 2, ack: 1, length: 2 });
  t.equal(outOfOrder.length, 0);
  t.equal(d.sys.recv(fd, new Uint8Array(1000)), 242);
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('what is out of order leaves the last slots to the segments that fill its holes', (t) => {
  const d = new Driver();
  const fd = d.accepted(d.listen());
  const others = Array.from({ length: d.pool.smallFree - 20 }, () => d.pool.from(new Uint8Array(1))!);
  d.inject({ flags: '.', seq: 101, ack: 1, length: 100 });
  t.equal(d.counter('TcpExtTCPOFODrop'), 1);
  t.equal(d.counter('TcpExtTCPOFOQueue'), 0);
  d.inject({ flags: '.', seq: 1, ack: 1, length: 100 });
  t.equal(d.sys.recv(fd, new Uint8Array(200)), 100, 'in order it is taken');
  for (const packet of others) packet.release();
  d.inject({ flags: '.', seq: 201, ack: 1, length: 100 });
  t.equal(d.counter('TcpExtTCPOFOQueue'), 1);
  t.strictSame(d.close(), [0, 0, 0, 0]);
  t.end();
});

t.test('what waits to be read leaves the last slots to acknowledgements', (t) => {
  const d = new Driver();
  const fd = d.accepted(d.listen());
  d.sys.send(fd, new Uint8Array(100));
  d.clock.advance(0);
  d.inject({ flags: '.', seq: 1, ack: 1, length: 100 });
  const others = Array.from({ length: d.pool.smallFree - 6 }, () => d.pool.from(new Uint8Array(1))!);
  d.sent();
  d.inject({ flags: '.', seq: 101, ack: 101, length: 100 });
  t.equal(d.counter('TcpExtTCPRcvQDrop'), 1);
  t.strictSame(d.sent(), ['. 101 ack 101 win 0'], 'the window is closed');
  const { tcb } = d.connection(fd);
  t.equal(tcb.sndUna, tcb.sndNxt, 'the acknowledgement in it counts');
  t.equal(d.sys.recv(fd, new Uint8Array(200)), 100);
  const rest = Array.from({ length: d.pool.smallFree - 1 }, () => d.pool.from(new Uint8Array(1))!);
  d.inject({ flags: '.', seq: 101, ack: 101, length: 100 });
  t.equal(d.counter('TcpExtTCPRcvQDrop'), 2, 'nor does it hold the very last one');
  for (const packet of [...others, ...rest]) packet.release();
  d.inject({ flags: '.', seq: 101, ack: 101, length: 100 });
  t.equal(d.counter('TcpExtTCPZeroWindowDrop'), 1, 'a probe, whose answer opens the window');
  d.inject({ flags: '.', seq: 101, ack: 101, length: 100 });
  t.equal(d.sys.recv(fd, new Uint8Array(200)), 100);
  t.strictSame(d.close(), NONE);
  t.end();
});
