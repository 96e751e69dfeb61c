import t from 'tap';
import { SeededEntropy } from '../../../device/random.ts';
import { FastOpenOption } from '../../../stack/wire/fastopen-option.ts';
import { tcpLayout } from '../../../stack/wire/tcp.ts';
import {
  addFastOpenOption,
  hasSignature,
  OPTION_MSS,
  OPTION_SACK_ADVERTISE,
  OPTION_TS,
  OPTION_WSCALE,
  parseTcpOptions,
  TcpOptions,
  TcpOptionsOut,
  tcpOptionsLength,
  writeTcpOptions,
} from '../../../stack/wire/tcp-options.ts';

function written(fill: (out: TcpOptionsOut) => void): string {
  const out = new TcpOptionsOut();
  fill(out);
  const bytes = Buffer.alloc(60);
  const length = writeTcpOptions(new DataView(bytes.buffer, bytes.byteOffset, 60), 0, out);
  t.equal(length, tcpOptionsLength(out));
  return bytes.subarray(0, length).toString('hex');
}

function parsed(bytes: readonly number[], syn: boolean): TcpOptions {
  const out = new TcpOptions();
  parseTcpOptions(new DataView(Uint8Array.from(bytes).buffer), 0, bytes.length, syn, out);
  return out;
}

t.test('the fixed header is twenty bytes', (t) => {
  t.equal(tcpLayout.span, 20);
  t.end();
});

t.test('options are written in Linux order, with its padding', (t) => {
  t.equal(
    written((out) => {
      out.flags = OPTION_MSS | OPTION_SACK_ADVERTISE | OPTION_TS | OPTION_WSCALE;
      out.mss = 1460;
      out.windowScale = 7;
      out.tsval = 0x01020304;
      out.tsecr = 5;
    }),
    '020405b40402080a010203040000000501030307',
    'mss, sackOK, TS, nop, wscale',
  );
  t.equal(
    written((out) => {
      out.flags = OPTION_MSS | OPTION_SACK_ADVERTISE | OPTION_WSCALE;
      out.mss = 1460;
      out.windowScale = 10;
    }),
    '020405b4010104020103030a',
    'mss, nop, nop, sackOK, nop, wscale',
  );
  t.equal(
    written((out) => {
      out.flags = OPTION_TS;
      out.tsval = 1;
      out.tsecr = 2;
    }),
    '0101080a0000000100000002',
    'nop, nop, TS',
  );
  t.equal(
    written((out) => {
      out.sacks.set([10, 20, 30, 40]);
      out.sackBlocks = 2;
    }),
    '010105120000000a000000140000001e00000028',
    'nop, nop, sack',
  );
  t.end();
});

t.test('options are read wherever they stand', (t) => {
  const all = parsed([1, 4, 2, 2, 4, 5, 180, 3, 3, 14, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8, 0, 99], true);
  t.match(all, { mss: 1460, windowScale: 14, sackPermitted: 1, sawTimestamp: 1, tsval: 9, tsecr: 8 });
  const later = parsed([4, 2, 2, 4, 5, 180, 3, 3, 14, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8], false);
  t.match(later, { mss: 0, windowScale: -1, sackPermitted: 0, sawTimestamp: 1 }, 'only a SYN negotiates');
  const sack = parsed([5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4], false);
  t.match(sack, { sackBlocks: 2 });
  t.end();
});

t.test('options that lie are left out', (t) => {
  const cases: [string, number[]][] = [
    ['a length of 0', [2, 0, 5, 180]],
    ['a length of 1', [2, 1, 5, 180]],
    ['longer than what is left', [2, 5, 5, 180]],
    ['cut behind its kind', [2]],
    ['the wrong length', [2, 3, 5]],
    ['half a block', [5, 6, 0, 0, 0, 1]],
    ['no block', [5, 2]],
    ['behind the end', [0, 2, 4, 5, 180]],
  ];
  for (const [name, bytes] of cases)
    t.match(parsed(bytes, true), { mss: 0, sackBlocks: 0, sawTimestamp: 0 }, name);
  t.end();
});

t.test('any bytes can be parsed', (t) => {
  const seed = 20;
  const entropy = new SeededEntropy(seed);
  const out = new TcpOptions();
  for (let i = 0; i < 20_000; i++) {
    const bytes = new Uint8Array(entropy.below(41));
    entropy.fill(bytes);
    for (let j = 0; j < bytes.length; j++) if (entropy.chance(0.5)) bytes[j] = entropy.below(20);
    const view = new DataView(bytes.buffer);
    parseTcpOptions(view, 0, bytes.length, true, out);
    hasSignature(view, 0, bytes.length);
    if (out.sackBlocks * 8 + 2 > bytes.length && out.sackBlocks > 0) t.fail(`seed ${seed}, ${i}`);
  }
  t.equal(hasSignature(new DataView(Uint8Array.from([1, 1, 19, 18]).buffer), 0, 4), true);
  t.end();
});

function fastOpen(cookie: string, experimental: number): FastOpenOption {
  const option = new FastOpenOption();
  option.bytes.set(Buffer.from(cookie, 'hex'));
  option.length = cookie.length / 2;
  option.experimental = experimental;
  return option;
}

// @rfc 7413 4.1.1
t.test('a Fast Open option is written last, filled up with NOPs', (t) => {
  const cases: [string, number, string][] = [
    ['', 0, '22020101'],
    ['abcd1234', 0, '2206abcd12340101'],
    ['abcd12345678', 0, '2208abcd12345678'],
    ['', 1, 'fe04f989'],
    ['abcd1234', 1, 'fe08f989abcd1234'],
    ['abcd12345678', 1, 'fe0af989abcd123456780101'],
  ];
  for (const [cookie, experimental, expected] of cases) {
    const text = written((out) => {
      out.flags = OPTION_MSS;
      out.mss = 1460;
      t.ok(addFastOpenOption(out, fastOpen(cookie, experimental)));
    });
    t.equal(text, `020405b4${expected}`);
    const back = parsed([...Buffer.from(text, 'hex')], true).fastOpen;
    t.ok(back.sameCookie(fastOpen(cookie, experimental)), 'it reads as it was written');
    t.equal(back.experimental, experimental);
  }
  t.end();
});

// @rfc 7413 4.1.1
t.test('a Fast Open option for which there is no room is left out', (t) => {
  const longest = fastOpen('00112233445566778899aabbccddeeff', 1);
  const out = new TcpOptionsOut();
  out.flags = OPTION_MSS | OPTION_SACK_ADVERTISE | OPTION_TS | OPTION_WSCALE;
  out.sackBlocks = 1;
  t.notOk(addFastOpenOption(out, longest), '32 of 40 bytes are taken');
  out.sackBlocks = 0;
  t.ok(addFastOpenOption(out, longest), '20 and 20 are just 40');
  t.notOk(addFastOpenOption(new TcpOptionsOut(), new FastOpenOption()), 'nothing to say');
  t.end();
});

// @rfc 7413 4.1.1
t.test('a Fast Open option that no cookie fits says nothing', (t) => {
  const cases: [string, string, number][] = [
    ['on an ACK', '2206abcd1234', -1],
    ['an odd length', '2207abcd123456', -1],
    ['two bytes', '2204abcd', -1],
    ['eighteen bytes', `2214${'00'.repeat(18)}`, -1],
    ['another magic', 'fe08f988abcd1234', -1],
    ['no room for a magic', 'fe03f9', -1],
    ['sixteen bytes', `2212${'00'.repeat(16)}`, 16],
  ];
  for (const [name, hex, length] of cases) {
    const out = parsed([...Buffer.from(hex, 'hex')], name !== 'on an ACK');
    t.equal(out.fastOpen.length, length, name);
  }
  t.end();
});
