import t from 'tap';
import { EAGAIN, EINVAL, EOPNOTSUPP } from '../../../device/errno.ts';
import type { PoolBuffer } from '../../../device/memory/pool-buffer.ts';
import { AF_INET, MSG_OOB, SOCK_DGRAM, SOL_SOCKET } from '../../../stack/socket/abi.ts';
import { HeldBytes } from '../../../stack/socket/held-bytes.ts';
import { SO_SNDBUF } from '../../../stack/socket/socket-options.ts';
import { Driver } from './driver.ts';

const NONE = [0, 0, 0, 0];

function opened(): { d: Driver; fd: number } {
  const d = new Driver();
  const fd = d.accepted(d.listen());
  d.sent();
  return { d, fd };
}

/** A buffer of the pool that holds `text`. */
function lent(d: Driver, text: string): PoolBuffer {
  const buffer = d.pool.lend();
  if (buffer === null) throw new Error('no page is free');
  buffer.bytes.set(Buffer.from(text));
  return buffer;
}

function textOf(held: HeldBytes): string {
  return Buffer.from(held.u8.buffer, held.u8.byteOffset + held.offset, held.length).toString('latin1');
}

t.test('sending: the page itself goes out, and is idle when the peer has acknowledged all of it', (t) => {
  const { d, fd } = opened();
  const buffer = lent(d, 'one two three');
  let idle = 0;
  buffer.onIdle = () => idle++;
  t.ok(buffer.idle);
  t.equal(d.sys.sendBuffer(fd, buffer, 0, 7), 7);
  t.equal(d.sys.sendBuffer(fd, buffer, 7, 6), 6);
  t.notOk(buffer.idle);
  t.equal(d.pool.pages.free, 15, 'no other page was needed');
  const [frame] = d.link.sent;
  t.equal(frame!.subarray(40).toString('latin1'), 'one two');
  d.inject({ flags: '.', seq: 1, ack: 4 });
  d.inject({ flags: '.', seq: 1, ack: 8 });
  t.notOk(buffer.idle, 'a part is not enough');
  d.inject({ flags: '.', seq: 1, ack: 14 });
  t.ok(buffer.idle);
  t.equal(idle, 1, 'told once');
  buffer.release();
  t.equal(d.pool.pages.free, 16);
  t.equal(d.sys.sendBuffer(fd, buffer, 0, 1), -EINVAL, 'it is not the application’s any more');
  buffer.release();
  d.sys.close(fd);
  t.same(d.close(), NONE);
  t.end();
});

t.test(
  'sending: a buffer that is released early stays until it was acknowledged; a lost segment is sent from it again',
  (t) => {
    const { d, fd } = opened();
    const buffer = lent(d, 'again');
    t.equal(d.sys.sendBuffer(fd, buffer, 0, 5), 5);
    buffer.release();
    t.equal(d.pool.pages.free, 15);
    t.match(d.sent(), ['P. 1:6(5) ack 1 win 502']);
    d.clock.advanceUntil(() => d.link.sent.length > 0, 3000);
    t.equal(d.link.sent[0]!.subarray(40).toString('latin1'), 'again');
    d.inject({ flags: '.', seq: 1, ack: 6 });
    t.equal(d.pool.pages.free, 16);
    t.same(d.close(), NONE);
    t.end();
  },
);

t.test('sending: copied and lent bytes follow one another; a page’s end is no segment’s', (t) => {
  const { d, fd } = opened();
  const first = lent(d, '');
  const second = lent(d, '');
  first.bytes.fill(0x61);
  second.bytes.fill(0x62);
  d.sys.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, 400_000);
  d.connection(fd).tcb.sndCwnd = 1000;
  t.equal(d.sys.send(fd, Buffer.from('c')), 1);
  t.equal(d.sys.sendBuffer(fd, first), 65536);
  t.equal(d.sys.sendBuffer(fd, second), 65536);
  t.equal(d.sys.send(fd, Buffer.from('d')), 1);
  const bytes: Buffer[] = [];
  for (let acked = 1; acked < 131_075; ) {
    const frames = d.link.sent.splice(0);
    if (frames.length === 0) d.clock.advanceUntil(() => d.link.sent.length > 0, 3000);
    for (const frame of frames) bytes.push(frame.subarray(40));
    const got = 1 + bytes.reduce((sum, part) => sum + part.length, 0);
    if (got > acked) d.inject({ flags: '.', seq: 1, ack: got, win: 4096 });
    acked = got;
  }
  const all = Buffer.concat(bytes);
  t.equal(
    all.toString('latin1').replace(/(.)\1*/g, (run) => `${run[0]}${run.length}`),
    'c1a65536b65536d1',
  );
  t.ok(bytes.filter((part) => part.length < 1460).length <= 3, 'few segments are short');
  t.ok(first.idle && second.idle);
  first.release();
  second.release();
  t.same(d.close(), NONE);
  t.end();
});

t.test('receiving: bytes are held where they came, and room for more is told of', (t) => {
  const { d, fd } = opened();
  const held = new HeldBytes();
  t.equal(d.sys.recvHeld(fd, held), -EAGAIN);
  d.inject({ flags: 'P.', seq: 1, ack: 1, payload: Buffer.from('hello ') });
  d.inject({ flags: 'P.', seq: 7, ack: 1, payload: Buffer.from('world') });
  t.equal(d.sys.recv(fd, new Uint8Array(2)), 2);
  t.equal(d.sys.recvHeld(fd, held), 4);
  t.equal(textOf(held), 'llo ');
  t.throws(() => d.sys.recvHeld(fd, held), /not released/);
  t.equal(d.pool.inUse, 2, 'nothing was lost by that');
  const other = new HeldBytes();
  t.equal(d.sys.recvHeld(fd, other), 5);
  t.equal(textOf(other), 'world');
  held.release();
  held.release();
  t.equal(d.pool.inUse, 1);
  t.equal(textOf(other), 'world');
  other.release();
  t.equal(d.pool.inUse, 0);
  d.inject({ flags: 'F.', seq: 12, ack: 1 });
  t.equal(d.sys.recvHeld(fd, held), 0, 'the end');
  d.sys.close(fd);
  t.same(d.close(), NONE);
  t.end();
});

t.test('receiving: it ends in front of an urgent byte, which only recv deals with', (t) => {
  const { d, fd } = opened();
  d.inject({ flags: 'PU.', seq: 1, ack: 1, urgent: 3, payload: Buffer.from('ab!cd') });
  const held = new HeldBytes();
  t.equal(d.sys.recvHeld(fd, held), 2);
  t.equal(textOf(held), 'ab');
  held.release();
  t.equal(d.sys.recvHeld(fd, held), -EINVAL);
  const byte = Buffer.alloc(1);
  t.equal(d.sys.recv(fd, byte, MSG_OOB), 1);
  t.equal(byte.toString(), '!');
  t.equal(d.sys.recv(fd, byte), 1);
  t.equal(byte.toString(), 'c');
  t.equal(d.sys.recvHeld(fd, held), 1);
  held.release();
  t.same(d.close(), NONE);
  t.end();
});

t.test('other sockets have neither', (t) => {
  const d = new Driver();
  const fd = d.sys.socket(AF_INET, SOCK_DGRAM, 0);
  const buffer = lent(d, '');
  t.equal(d.sys.sendBuffer(fd, buffer, 0, 1), -EOPNOTSUPP);
  t.equal(d.sys.recvHeld(fd, new HeldBytes()), -EOPNOTSUPP);
  t.equal(d.sys.sendBuffer(fd, buffer, 65_535, 2), -EINVAL);
  t.equal(d.sys.sendBuffer(fd, buffer, -1, 1), -EINVAL);
  buffer.release();
  t.same(d.close(), NONE);
  t.end();
});
