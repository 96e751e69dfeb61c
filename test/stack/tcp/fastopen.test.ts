import t from 'tap';
import { EAGAIN, EINPROGRESS, EINVAL } from '../../../device/errno.ts';
import { SeededEntropy } from '../../../device/random.ts';
import { AF_INET, MSG_FASTOPEN, SOL_TCP } from '../../../stack/socket/abi.ts';
import { SocketAddress } from '../../../stack/socket/address.ts';
import { FastOpenCache } from '../../../stack/tcp/fastopen-cache.ts';
import {
  COOKIE_BAD,
  COOKIE_GOOD,
  COOKIE_OF_BACKUP,
  FastOpenKeys,
} from '../../../stack/tcp/fastopen-cookie.ts';
import { loadConnection, saveConnection } from '../../../stack/tcp/snapshot.ts';
import { TCP_FASTOPEN, TCP_FASTOPEN_KEY } from '../../../stack/tcp/sockopt.ts';
import { TcpSocket } from '../../../stack/tcp/tcp-socket.ts';
import { parseIpv4 } from '../../../stack/wire/address.ts';
import { FastOpenOption } from '../../../stack/wire/fastopen-option.ts';
import { Driver, REMOTE } from './driver.ts';

const NONE = [0, 0, 0, 0];
const KEY = 'a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4';
const OTHER_KEY = '00000000-00000001-00000002-00000003';
const CLIENT = parseIpv4('192.0.2.1');
const SERVER = parseIpv4('192.168.0.1');
const PLAIN = [2, 4, 5, 0xb4, 1, 1, 4, 2];

function hex(cookie: FastOpenOption): string {
  return Buffer.from(cookie.bytes.subarray(0, cookie.length)).toString('hex');
}

function keys(text: string): FastOpenKeys {
  const made = FastOpenKeys.parse(text);
  if (made === null) throw new Error(`no key: ${text}`);
  return made;
}

/** An option with a cookie of the driver's peer, under {@link KEY}. */
function cookieOption(): number[] {
  const cookie = new FastOpenOption();
  keys(KEY).make(REMOTE, parseIpv4('192.0.2.1'), cookie);
  return [34, 10, ...cookie.bytes.subarray(0, 8), 1, 1];
}

function server(sysctl: Record<string, string | number> = {}): { d: Driver; listener: number } {
  const d = new Driver({
    sysctl: { 'net.ipv4.tcp_fastopen': 3, 'net.ipv4.tcp_fastopen_key': KEY, ...sysctl },
  });
  const listener = d.listen();
  d.sys.setsockopt(listener, SOL_TCP, TCP_FASTOPEN, 5);
  return { d, listener };
}

// @rfc 7413 4.1.2
t.test("a cookie is the SipHash of the client's address and the server's", (t) => {
  const cookie = new FastOpenOption();
  keys(KEY).make(CLIENT, SERVER, cookie);
  t.equal(hex(cookie), '3021b9d889017eeb');
  keys(KEY).make(SERVER, CLIENT, cookie);
  t.not(hex(cookie), '3021b9d889017eeb', 'the other way round it is another');
  t.end();
});

// @rfc 7413 5.1
t.test('a cookie of the key before is known as such, and the new one is at hand', (t) => {
  const old = new FastOpenOption();
  const now = new FastOpenOption();
  const fresh = new FastOpenOption();
  keys(KEY).make(CLIENT, SERVER, old);
  keys(OTHER_KEY).make(CLIENT, SERVER, now);
  const both = keys(`${OTHER_KEY},${KEY}`);
  t.equal(both.check(CLIENT, SERVER, old, fresh), COOKIE_OF_BACKUP);
  t.ok(fresh.sameCookie(now));
  t.equal(both.check(CLIENT, SERVER, now, fresh), COOKIE_GOOD);
  t.equal(keys(KEY).check(CLIENT, SERVER, now, fresh), COOKIE_BAD);
  now.length = 4;
  t.equal(both.check(CLIENT, SERVER, now, fresh), COOKIE_BAD, 'the beginning of a cookie is none');
  t.end();
});

t.test('keys as text and as bytes', (t) => {
  const text = `${KEY},${OTHER_KEY}`;
  t.equal(keys(text).toString(), text);
  t.equal(keys('1-2-3-4').toString(), '00000001-00000002-00000003-00000004');
  t.equal(Buffer.from(keys(KEY).toBytes()).toString('hex'), 'a1a1a1a1b2b2b2b2c3c3c3c3d4d4d4d4');
  t.equal(Buffer.from(keys('1-2-3-4').toBytes()).toString('hex'), '01000000020000000300000004000000');
  t.equal(String(FastOpenKeys.fromBytes(keys(text).toBytes())), text);
  t.equal(FastOpenKeys.fromBytes(new Uint8Array(17)), null);
  for (const wrong of ['', '1-2-3', '1-2-3-4-5', 'x-2-3-4', '1-2-3-123456789', '1-2-3-4,', '1-2-3-4,5'])
    t.equal(FastOpenKeys.parse(wrong), null, wrong);
  t.not(String(FastOpenKeys.random(new SeededEntropy(1))), String(FastOpenKeys.random(new SeededEntropy(2))));
  t.end();
});

t.test('the sysctl of the key: nothing, what was set, or one of chance when a listener needs it', (t) => {
  const d = new Driver();
  const name = 'net.ipv4.tcp_fastopen_key';
  t.equal(d.stack.sysctl.get('net.ipv4.tcp_fastopen'), '1');
  t.equal(d.stack.sysctl.get(name), '00000000-00000000-00000000-00000000');
  t.equal(d.stack.sysctl.set(name, 'nonsense'), -EINVAL);
  const fd = d.socket();
  t.equal(d.sys.setsockopt(fd, SOL_TCP, TCP_FASTOPEN, 5), 0);
  t.match(d.stack.sysctl.get(name), /^[0-9a-f]{8}(-[0-9a-f]{8}){3}$/);
  t.not(d.stack.sysctl.get(name), '00000000-00000000-00000000-00000000');
  t.equal(d.stack.sysctl.set(name, `${KEY},${OTHER_KEY}\n`), 0);
  t.equal(d.stack.sysctl.get(name), `${KEY},${OTHER_KEY}`);
  const out = new Uint8Array(32);
  t.equal(d.sys.getsockopt(fd, SOL_TCP, TCP_FASTOPEN_KEY, out), 0, 'the socket has none of its own');
  t.equal(d.sys.setsockopt(fd, SOL_TCP, TCP_FASTOPEN_KEY, new Uint8Array(15)), -EINVAL);
  t.equal(d.sys.setsockopt(fd, SOL_TCP, TCP_FASTOPEN_KEY, keys(KEY).toBytes()), 0);
  t.equal(d.sys.getsockopt(fd, SOL_TCP, TCP_FASTOPEN_KEY, out), 16);
  t.strictSame(out.subarray(0, 16), keys(KEY).toBytes());
  t.strictSame(d.close(), NONE);
  t.end();
});

// @rfc 7413 4.1.3
t.test('a client remembers so many servers and no more', (t) => {
  const cache = new FastOpenCache();
  const cookie = new FastOpenOption();
  cookie.length = 8;
  for (let i = 0; i < 5000; i++) {
    cookie.bytes[0] = i & 255;
    cache.note(1, i, 1460, cookie, 0);
    cache.find(1, 0, new FastOpenOption());
  }
  t.equal(cache.evicted, 5000 - 4096);
  const found = new FastOpenOption();
  t.equal(cache.find(1, 0, found), 1460, 'the one that is asked for stays');
  t.equal(found.length, 8);
  t.equal(cache.find(1, 1, found), 0, 'the oldest is gone');
  t.equal(found.length, 0, 'it is asked for a cookie');
  t.equal(cache.find(2, 0, found), 0, 'another address of this host is another client');
  cache.flush();
  t.equal(cache.find(1, 0, found), 0);
  t.end();
});

// @rfc 7413 7.1
t.test('Fast Open is given up for twice as long each time, up to 64 times', (t) => {
  const d = new Driver({ sysctl: { 'net.ipv4.tcp_fastopen_blackhole_timeout_sec': 10 } });
  const { blackhole } = d.stack.tcp.fastOpen;
  t.equal(blackhole.disabled, false);
  for (const seconds of [10, 20, 40, 80, 160, 320, 640, 640]) {
    blackhole.found();
    d.clock.advance(seconds * 1000 - 1);
    t.equal(blackhole.disabled, true, `${seconds} s are not over`);
    d.clock.advance(1);
    t.equal(blackhole.disabled, false, `${seconds} s are over`);
  }
  t.equal(d.counter('TcpExtTCPFastOpenBlackhole'), 8);
  d.stack.sysctl.set('net.ipv4.tcp_fastopen_blackhole_timeout_sec', 0);
  blackhole.found();
  t.equal(blackhole.disabled, false, '0: never');
  t.equal(d.counter('TcpExtTCPFastOpenBlackhole'), 8);
  t.strictSame(d.close(), NONE);
  t.end();
});

// @rfc 7413 4.2.2
t.test('a listener that is closed resets what data in a SYN has opened', (t) => {
  const { d, listener } = server();
  d.inject({ flags: 'S', seq: 0, win: 65535, options: [...PLAIN, ...cookieOption()], length: 100 });
  t.equal(d.expectSyn(), 'S. 0:0(0) ack 101 win 64240 <mss 1460,nop,nop,sackOK>');
  d.sys.close(listener);
  t.strictSame(d.sent(), ['R. 1:1(0) ack 101 win 64240']);
  t.strictSame(d.during(10_000), []);
  t.strictSame(d.close(), NONE);
  t.end();
});

// @rfc 7413 4.2.2
t.test('a SYN-ACK that is never answered ends the connection', (t) => {
  const { d, listener } = server({ 'net.ipv4.tcp_synack_retries': 2 });
  d.inject({ flags: 'S', seq: 0, win: 65535, options: [...PLAIN, ...cookieOption()], length: 100 });
  d.expectSyn();
  const fd = d.sys.accept(listener);
  const again = 'S. 0:0(0) ack 101 win 64240 <mss 1460,nop,nop,sackOK>';
  t.strictSame(d.during(60_000), [`1000 ${again}`, `3000 ${again}`, `7000 ${again}`]);
  t.equal(d.counter('TcpExtTCPAbortOnTimeout'), 1);
  t.equal(d.sys.recv(fd, new Uint8Array(200)), 100, 'the data can still be read');
  t.strictSame(d.close(), NONE);
  t.end();
});

t.test('a connection that data in a SYN has opened goes on elsewhere, SYN-ACK and all', (t) => {
  const { d, listener } = server();
  d.inject({ flags: 'S', seq: 0, win: 65535, options: [...PLAIN, ...cookieOption()], length: 100 });
  d.expectSyn();
  const socket = d.sys.lookup(d.sys.accept(listener));
  if (!(socket instanceof TcpSocket)) throw new Error('no TCP socket');
  const saved = JSON.parse(JSON.stringify(saveConnection(socket.connection)));
  socket.connection.owner = null;
  d.stack.tcp.discard(socket.connection);
  d.clock.advance(5000);
  t.strictSame(d.sent(), [], 'what was discarded sends nothing');
  const restored = loadConnection(d.stack.tcp, saved);
  if (typeof restored === 'number') throw new Error(`loadConnection: ${restored}`);
  const fd = d.sys.install(new TcpSocket(d.sys, d.stack.tcp, restored));
  t.equal(d.sys.recv(fd, new Uint8Array(200)), 100);
  t.equal(d.sys.send(fd, new Uint8Array(10)), 10, 'it can be written to before the handshake is over');
  t.strictSame(d.sent(), ['P. 1:11(10) ack 101 win 64240']);
  t.strictSame(d.during(1500), ['1000 S. 0:0(0) ack 101 win 64240 <mss 1460,nop,nop,sackOK>']);
  d.inject({ flags: '.', seq: 101, ack: 11, win: 257 });
  t.ok(restored.established);
  t.strictSame(d.during(500), []);
  t.strictSame(d.close(), NONE);
  t.end();
});

// @rfc 7413 4.2.1
t.test('without a free send page the SYN goes alone', (t) => {
  const d = new Driver();
  const to = new SocketAddress(AF_INET, REMOTE, d.peerPort);
  const { fastOpen } = d.stack.tcp;
  const cookie = new FastOpenOption();
  cookie.length = 4;
  fastOpen.cache.note(parseIpv4('192.0.2.1'), REMOTE, 1000, cookie, 0);
  const pages: number[] = [];
  for (let page = d.pool.pages.alloc(); page >= 0; page = d.pool.pages.alloc()) pages.push(page);
  const fd = d.socket();
  t.equal(d.sys.sendto(fd, new Uint8Array(100), MSG_FASTOPEN, to), -EINPROGRESS);
  t.equal(d.expectSyn(), 'S 0:0(0) win 64240 <mss 1460,sackOK,TS ecr 0,nop,wscale 7,FO,nop,nop>');
  t.equal(d.sys.send(fd, new Uint8Array(100)), -EAGAIN);
  for (const page of pages) d.pool.pages.release(page);
  t.strictSame(d.close(), NONE);
  t.end();
});
