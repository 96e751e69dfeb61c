import fc from 'fast-check';
import t from 'tap';
import { checksum, checksumAdjust, fold, sumBytes } from '../../device/memory/checksum.ts';
import { HEADROOM, LARGE_SLOT, PacketPool, SMALL_SLOT } from '../../device/memory/pool.ts';
import { PacketQueue } from '../../device/memory/queue.ts';

const pool = () => new PacketPool({ small: 4, large: 2, pages: 2, debug: true });

t.test('slots: sizes, headroom, alignment, exhaustion, last in first out', (t) => {
  const p = pool();
  const a = p.alloc(SMALL_SLOT - HEADROOM)!;
  t.equal(a.start - a.base, HEADROOM);
  t.equal((a.start + 14) % 16, 0, 'the network header behind Ethernet lies on 16 bytes');
  t.equal(a.limit - a.base, SMALL_SLOT);
  const big = p.alloc(65536)!;
  t.equal(big.limit - big.base, LARGE_SLOT);
  t.equal(p.alloc(LARGE_SLOT), null, 'nothing is larger than a large slot');
  const rest = [p.alloc(1), p.alloc(1), p.alloc(1)];
  const spill = p.alloc(1)!;
  t.equal(
    spill.limit - spill.base,
    LARGE_SLOT,
    'a small request takes a large slot when the small ones are out',
  );
  t.equal(p.alloc(1), null);
  t.equal(p.alloc(60000), null);
  t.equal(p.smallExhausted, 1);
  t.equal(p.largeExhausted, 1);
  t.equal(p.inUse, 6);
  t.equal(p.highWater, 6);
  let freed = 0;
  p.whenFree(() => freed++);
  a.release();
  t.equal(freed, 1);
  t.equal(p.alloc(1)!.slot, a.slot, 'last in, first out');
  a.release();
  t.equal(freed, 1, 'a listener is called once');
  for (const packet of [big, spill, ...rest]) packet!.release();
  t.equal(p.inUse, 0);
  t.equal(p.smallFree, 4);
  t.equal(p.largeFree, 2);
  t.end();
});

t.test('push, pull, put, trim keep inside the slot', (t) => {
  const p = pool();
  const packet = p.alloc(100)!;
  const at = packet.put(20);
  packet.push(14);
  t.equal(packet.length, 34);
  packet.pull(14);
  t.equal(packet.start, at);
  packet.trim(8);
  t.equal(packet.length, 8);
  packet.trim(100);
  t.equal(packet.length, 8, 'trim never grows');
  t.throws(() => packet.push(HEADROOM + 1), /headroom/);
  t.throws(() => packet.put(SMALL_SLOT), /tailroom/);
  packet.release();
  t.end();
});

t.test('ownership: retain, release, generations, stale handles', (t) => {
  const p = pool();
  const packet = p.alloc(10)!;
  const { handle } = packet;
  t.equal(p.resolve(handle), packet);
  packet.retain();
  packet.release();
  t.equal(p.inUse, 1);
  packet.release();
  t.equal(p.inUse, 0);
  t.throws(() => packet.release(), /released twice/);
  t.throws(() => p.resolve(handle), /stale/);
  const again = p.alloc(10)!;
  t.equal(again, packet, 'the object is recycled with its slot');
  t.throws(() => p.resolve(handle), /stale/, 'but the old handle stays stale');
  again.release();
  t.end();
});

t.test('debug mode: a released packet throws on access, and writes after release are found', (t) => {
  const p = pool();
  const packet = p.alloc(10)!;
  const at = packet.put(10);
  packet.release();
  t.throws(() => p.view.getUint8(packet.start), RangeError);
  p.u8[at] = 1;
  t.throws(() => p.alloc(10), /written at \+194 after its release/);
  t.end();
});

t.test('copy and unshare', (t) => {
  const p = pool();
  const other = new PacketPool({ small: 2, large: 0, pages: 0, debug: true });
  const packet = p.from(Buffer.from('hello'))!;
  packet.protocol = 0x0800;
  packet.checksumStart = packet.start + 2;
  t.equal(p.unshare(packet), packet, 'sole owner: no copy');
  packet.retain();
  const mine = p.unshare(packet)!;
  t.not(mine, packet);
  t.equal(packet.references, 1);
  t.equal(mine.bytes().toString(), 'hello');
  t.equal(mine.protocol, 0x0800);
  t.equal(mine.checksumStart - mine.start, 2);
  const abroad = other.unshare(packet)!;
  t.equal(abroad.pool, other);
  t.equal(abroad.bytes().toString(), 'hello');
  mine.release();
  abroad.release();
  t.equal(p.inUse + other.inUse, 0);
  t.end();
});

t.test('gathered payload: length, bytes, its page released with the packet', (t) => {
  const p = pool();
  const page = p.pages.alloc();
  p.u8.set(Buffer.from('payload'), p.pages.offset(page));
  const packet = p.from(Buffer.from('head-'))!;
  packet.payload = p.pages.offset(page);
  packet.payloadLength = 7;
  packet.payloadPage = page;
  p.pages.retain(page);
  p.pages.release(page);
  t.equal(packet.length, 12);
  t.equal(packet.bytes().toString(), 'head-payload');
  const copy = p.copy(packet)!;
  t.equal(copy.payloadLength, 0, 'a copy is linear');
  t.equal(copy.bytes().toString(), 'head-payload');
  t.equal(p.pages.free, 1);
  packet.release();
  copy.release();
  t.equal(p.pages.free, 2);
  t.throws(() => p.pages.release(page), /released twice/);
  t.equal([p.pages.alloc(), p.pages.alloc(), p.pages.alloc()].filter((got) => got < 0).length, 1);
  t.equal(p.pages.exhausted, 1);
  t.end();
});

t.test('queue: order, cap, bytes, purge', (t) => {
  const p = new PacketPool({ small: 40, large: 0, pages: 0, debug: true });
  const queue = new PacketQueue(30);
  const packets = Array.from({ length: 30 }, (_, i) => p.from(Buffer.alloc(i + 1))!);
  for (const packet of packets) t.ok(queue.push(packet));
  const extra = p.alloc(1)!;
  t.notOk(queue.push(extra), 'full');
  t.equal(queue.bytes, 465);
  t.equal(queue.peek(), packets[0]);
  t.equal(queue.shift(), packets[0]);
  queue.unshift(packets[0]!);
  t.strictSame(
    packets.slice(0, 10).map(() => queue.shift()!.length),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
  for (const packet of packets.slice(0, 10)) packet.release();
  t.equal(queue.purge(), 20);
  t.equal(queue.bytes, 0);
  t.equal(queue.shift(), null);
  extra.release();
  t.equal(p.inUse, 0);
  t.end();
});

t.test('checksum: the sum of RFC 1071 at any offset and length, and its incremental form', (t) => {
  const p = new PacketPool({ small: 1, large: 0, pages: 0 });
  const naive = (at: number, length: number) => {
    let sum = 0;
    for (let i = 0; i < length; i++) sum += p.u8[at + i]! << (i % 2 === 0 ? 8 : 0);
    while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
    return sum;
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1500 }), fc.nat(17), fc.nat(0xffff), (bytes, shift, word) => {
      p.u8.set(bytes, shift);
      const sum = sumBytes(p, shift, bytes.length);
      const same = sum % 0xffff === naive(shift, bytes.length) % 0xffff;
      if (bytes.length < 2) return same;
      const field = checksum(p, shift, bytes.length);
      const old = p.view.getUint16(shift);
      p.view.setUint16(shift, word);
      const full = checksum(p, shift, bytes.length);
      return same && checksumAdjust(field, old, word) % 0xffff === full % 0xffff;
    }),
    { numRuns: 500, seed: 3 },
  );
  p.u8.fill(0xff, 0, 1500);
  t.equal(checksum(p, 0, 1500), 0);
  t.equal(fold(0x1fffe), 0xffff);
  t.end();
});

t.test('a copy keeps the headers that were pulled off, inside its slot', (t) => {
  const p = pool();
  const packet = p.from(Buffer.from('ethernet-head:ip-header:payload'))!;
  packet.network = packet.pull(14);
  packet.transport = packet.pull(10);
  const copy = p.copy(packet)!;
  t.equal(copy.bytes().toString(), 'payload');
  t.equal(Buffer.from(p.u8.subarray(copy.link, copy.end)).toString(), 'ethernet-head:ip-header:payload');
  t.strictSame([copy.network - copy.link, copy.transport - copy.link], [14, 24]);
  const deep = p.from(Buffer.alloc(1500, 7))!;
  deep.pull(1000);
  const far = p.copy(deep)!;
  t.ok(far.link >= far.base, 'not in the slot before');
  t.equal(far.length, 500);
  const pushed = p.alloc(0)!;
  pushed.push(20);
  const out = p.copy(pushed)!;
  t.strictSame([out.length, out.link - out.start], [20, 20], 'a link header not yet written');
  for (const one of [packet, copy, deep, far]) one.release();
  pushed.release();
  out.release();
  t.equal(p.inUse, 0);
  t.end();
});
