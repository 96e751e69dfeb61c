import t from 'tap';
import { describeFrame, describeIpv4 } from '../../stack/wire/describe.ts';
import {
  arp,
  checkFrame,
  ether,
  frameLength,
  icmp,
  ipv4,
  payload,
  payloadLength,
  quotes,
} from './checker.ts';
import { FrameError } from './dissection.ts';

const bytes = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const ETHER = '020000000002 020000000001 ';
const REQUEST = bytes(
  'ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002',
);
const ECHO = bytes(
  `${ETHER}0800 4500 0020 0001 4000 40 01 26da 0a000001 0a000002 0800 f3f6 0001 0002 01020304`,
);
/** A router says that it can't forward the first 28 bytes of that echo. */
const UNREACHABLE = bytes(
  `${ETHER}0800 45c0 0038 0000 0000 40 01 6603 0a000001 0a000002 0304 fb89 0000 0578` +
    '4500 0020 0001 4000 40 01 26da 0a000001 0a000002 0800 f3f6 0001 0002',
);

/** What the checker finds wrong. */
function problems(frame: Uint8Array, ...checks: Parameters<typeof checkFrame>[1][]): readonly string[] {
  try {
    checkFrame(frame, ...checks);
    return [];
  } catch (error) {
    if (error instanceof FrameError) return error.problems;
    throw error;
  }
}

/** The frame with one byte changed. */
function changed(frame: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(frame);
  copy[at] = value;
  return copy;
}

t.test('right frames pass, addresses as text or numbers', (t) => {
  checkFrame(
    REQUEST,
    ether({ destination: 0xffffffffffff, source: '02:00:00:00:00:01', type: 0x0806 }),
    arp({ operation: 1, sha: 0x020000000001, spa: '10.0.0.1', tha: '00:00:00:00:00:00', tpa: 0x0a000002 }),
    frameLength(42),
    payloadLength(0),
  );
  checkFrame(
    ECHO,
    ether(),
    ipv4({
      source: '10.0.0.1',
      ttl: 64,
      protocol: 1,
      dontFragment: true,
      options: bytes(''),
      fragmentOffset: 0,
    }),
    icmp({ type: 8, code: 0, identifier: 1, sequence: 2, payload: bytes('01020304') }),
  );
  checkFrame(ECHO.subarray(14), ipv4({ totalLength: 32 }), icmp(), payload(bytes('01020304')));
  checkFrame(
    UNREACHABLE,
    ether(),
    ipv4({ tos: 0xc0 }),
    icmp({ type: 3, code: 4, mtu: 1400 }),
    quotes({ source: '10.0.0.1', totalLength: 32 }),
    payload(bytes('0800f3f600010002')),
  );
  t.end();
});

t.test('each wrong field is named, with what it is and should be', (t) => {
  t.strictSame(
    problems(
      REQUEST,
      ether({ destination: '02:00:00:00:00:09', source: 1, type: 0x0800 }),
      arp({ operation: 2, sha: 0, spa: '10.0.0.9', tha: 7, tpa: '10.0.0.8' }),
    ),
    [
      'ether.destination: ff:ff:ff:ff:ff:ff, expected 02:00:00:00:00:09',
      'ether.source: 02:00:00:00:00:01, expected 00:00:00:00:00:01',
      'ether.type: ARP, expected IPv4',
      'arp.op: 1, expected 2',
      'arp.sha: 02:00:00:00:00:01, expected 00:00:00:00:00:00',
      'arp.spa: 10.0.0.1, expected 10.0.0.9',
      'arp.tha: 00:00:00:00:00:00, expected 00:00:00:00:00:07',
      'arp.tpa: 10.0.0.2, expected 10.0.0.8',
    ],
  );
  t.strictSame(problems(REQUEST, ether(), ipv4())[0], 'next layer: ARP, expected IPv4');
  t.strictSame(problems(ECHO, ether(), ipv4({ ttl: 63 }), icmp({ type: 0, sequence: 3 }), payloadLength(5)), [
    'ipv4.ttl: 64, expected 63',
    'icmp.type: 8, expected 0',
    'icmp.sequence: 2, expected 3',
    'payload length: 4, expected 5',
  ]);
  t.throws(() => checkFrame(ECHO, ether(), ipv4({ ttl: 1 })), {
    message: `${describeFrame(ECHO)}\n  ipv4.ttl: 64, expected 1\n  bytes: ${ECHO.toString('hex')}`,
  });
  t.end();
});

t.test('checksums, lengths, versions and padding are checked without being asked for', (t) => {
  for (let at = 14; at < 34; at++)
    t.not(problems(changed(ECHO, at, ECHO[at]! ^ 0x10), ether(), ipv4()).length, 0, `IPv4 byte ${at}`);
  for (let at = 34; at < ECHO.length; at++)
    t.strictSame(
      problems(changed(ECHO, at, ECHO[at]! ^ 0x10), ether(), ipv4(), icmp()).filter((text) =>
        text.startsWith('icmp sum'),
      ).length,
      1,
      `ICMP byte ${at}`,
    );
  for (const at of [15, 17, 18, 19])
    t.equal(problems(changed(REQUEST, at, 9), ether(), arp()).length, 1, `ARP byte ${at}`);
  t.strictSame(problems(Buffer.concat([REQUEST, bytes('0000')]), ether(), arp()), []);
  t.strictSame(problems(Buffer.concat([REQUEST, bytes('0007')]), ether(), arp()), [
    'padding: 0007, expected zeros',
  ]);
  t.strictSame(problems(Buffer.concat([ECHO, bytes('0007')]), ether(), ipv4(), icmp()), [
    'padding: 0007, expected zeros',
  ]);
  for (let length = 0; length < ECHO.length; length++)
    t.equal(problems(ECHO.subarray(0, length), ether(), ipv4(), icmp()).length, 1, `cut to ${length}`);
  t.end();
});

t.test('described in the words of tcpdump -ent', (t) => {
  t.equal(
    describeFrame(REQUEST),
    '02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ethertype ARP (0x0806), length 42: ' +
      'Request who-has 10.0.0.2 tell 10.0.0.1, length 28',
  );
  t.equal(
    describeFrame(changed(REQUEST, 21, 2)).split(': ')[1],
    'Reply 10.0.0.1 is-at 02:00:00:00:00:01, length 28',
  );
  t.equal(
    describeFrame(ECHO),
    '02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype IPv4 (0x0800), length 46: ' +
      '10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 2, length 12',
  );
  t.equal(describeIpv4(ECHO.subarray(14)), '10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 2, length 12');
  t.equal(
    describeIpv4(UNREACHABLE.subarray(14)),
    '10.0.0.1 > 10.0.0.2: ICMP fragmentation needed (mtu 1400) ' +
      '[10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 2, length 12], length 36',
  );
  const fragment = (offset: number) =>
    bytes(
      `4500 001c 0007 ${offset.toString(16).padStart(4, '0')} 40 01 0000 0a000001 0a000002 0800 0000 0001 0002`,
    );
  t.equal(
    describeIpv4(fragment(0x2000)),
    '10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 2, fragment 0+ of id 7, length 8, bad header checksum',
  );
  t.match(describeIpv4(fragment(0x00b9)), 'ICMP, fragment 1480 of id 7, length 8');
  const tagged = Buffer.concat([REQUEST.subarray(0, 12), bytes('8100 6005'), REQUEST.subarray(12)]);
  t.equal(
    describeFrame(tagged),
    '02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ethertype 802.1Q (0x8100), length 46: vlan 5, p 3, ' +
      'ethertype ARP (0x0806), Request who-has 10.0.0.2 tell 10.0.0.1, length 28',
  );
  t.end();
});

t.test('any bytes can be described: every cut, every byte changed', (t) => {
  for (const frame of [REQUEST, ECHO, UNREACHABLE])
    for (let at = 0; at <= frame.length; at++) {
      t.type(describeFrame(frame.subarray(0, at)), 'string');
      for (const value of [0, 0x7f, 0xff])
        if (describeFrame(changed(frame, at, value)).includes('undefined')) t.fail(`byte ${at} = ${value}`);
    }
  t.match(describeFrame(ECHO.subarray(0, 40)), 'truncated-ip - 6 bytes missing! ');
  t.match(describeFrame(ECHO.subarray(0, 40)), '[|icmp]');
  t.equal(describeFrame(ECHO.subarray(0, 13)), '[|ether], length 13');
  t.match(describeFrame(REQUEST.subarray(0, 41)), '[|arp]');
  t.end();
});
