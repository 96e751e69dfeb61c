import t from 'tap';
import { SeededEntropy } from '../../../device/random.ts';
import { tcpLayout } from '../../../stack/wire/tcp.ts';
import {
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
