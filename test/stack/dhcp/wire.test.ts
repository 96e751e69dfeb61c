import t from 'tap';
import { classlessRoutes, domains, staticRoutes, text } from '../../../stack/dhcp/codecs.ts';
import {
  BOOTREPLY,
  DHCPACK,
  type DhcpMessage,
  dhcpLayout,
  readDhcp,
  writeDhcp,
} from '../../../stack/wire/dhcp.ts';
import { packOptions, unpackOptions } from '../../../stack/wire/dhcp-options.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');
const ROOM = 312;

const MESSAGE: DhcpMessage = {
  op: BOOTREPLY,
  type: DHCPACK,
  htype: 1,
  hops: 3,
  xid: 0xdeadbeef,
  secs: 0x1234,
  broadcast: true,
  ciaddr: 0x01020304,
  yiaddr: 0x05060708,
  siaddr: 0x090a0b0c,
  giaddr: 0x0d0e0f10,
  chaddr: bytes('020000000002'),
  options: new Map([[1, bytes('ffffff00')]]),
};

// @rfc 2131 2
t.test('the header: exact bytes, both ways', (t) => {
  t.equal(dhcpLayout.span, 240);
  const written = writeDhcp(MESSAGE).bytes;
  t.equal(written.length, 300, 'as short as BOOTP allows');
  t.equal(
    hex(written),
    `02010603deadbeef12348000010203040506070809 0a0b0c0d0e0f10020000000002${'00'.repeat(202)}63825363 350105 0104ffffff00 ff`
      .replaceAll(' ', '')
      .padEnd(600, '0'),
  );
  const read = readDhcp(written) as DhcpMessage;
  t.strictSame(read, {
    ...MESSAGE,
    options: new Map([
      [53, bytes('05')],
      [1, bytes('ffffff00')],
    ]),
  });
  t.end();
});

t.test('what is no message says why', (t) => {
  const right = Buffer.from(writeDhcp(MESSAGE).bytes);
  const changed = (at: number, ...values: number[]): Buffer => {
    const copy = Buffer.from(right);
    copy.set(values, at);
    return copy;
  };
  t.equal(readDhcp(right.subarray(0, 239)), 'short');
  t.equal(readDhcp(changed(236, 0)), 'magic');
  t.equal(readDhcp(changed(0, 3)), 'op');
  t.equal(readDhcp(changed(2, 17)), 'hlen');
  t.equal(readDhcp(changed(241, 70)), 'options');
  t.equal(readDhcp(changed(242, 9)), 'type');
  t.equal(readDhcp(changed(240, 54)), 'type', 'BOOTP');
  t.equal(readDhcp(changed(240, 255)), 'type');
  t.end();
});

// @rfc 3396 5
t.test('long options come in pieces and go in pieces; across file and sname too', (t) => {
  const long = Buffer.from(Array.from({ length: 300 }, (_, index) => index & 255));
  const one = packOptions(new Map([[43, long]]), ROOM, 128, 64);
  t.equal(hex(one.main), `2bff${hex(long.subarray(0, 255))}2b2d${hex(long.subarray(255))}ff`);
  t.strictSame(unpackOptions(one.main, Buffer.alloc(0), Buffer.alloc(0)), new Map([[43, long]]));
  t.strictSame(
    unpackOptions(bytes('0c02 6162 34 01 03 00 ff 0c0104'), bytes('0c01 63 ff 0c0105'), bytes('0c0164')),
    new Map([[12, Buffer.from('abcd')]]),
    'in the order options, file, sname; what stands behind the end counts for nothing',
  );
  t.end();
});

// @rfc 2132 9.3
t.test('what does not fit goes into file and sname; what fits nowhere is left out and told', (t) => {
  const options = new Map([
    [53, bytes('05')],
    [15, Buffer.alloc(250, 'a')],
    [12, Buffer.alloc(100, 'b')],
    [66, Buffer.alloc(55, 'c')],
    [67, Buffer.alloc(80, 'd')],
  ]);
  const { main, file, sname, omitted } = packOptions(options, ROOM, 128, 64);
  t.equal(hex(main.subarray(0, 8)), '3501053401030ffa', 'option 52 behind the message type');
  t.equal(hex(file.subarray(0, 3)), '0c6462');
  t.equal(hex(sname.subarray(0, 3)), '423763');
  t.strictSame(omitted, [67]);
  t.ok(main.length <= ROOM && file.length <= 128 && sname.length <= 64);
  t.end();
});

t.test('overload that is wrong, options that do not end', (t) => {
  const nothing = Buffer.alloc(0);
  for (const wrong of [
    '340100',
    '340104',
    '3400',
    '34020101',
    '340101340102',
    '0c',
    '0c05616263',
    '350105 0c04 61',
  ])
    t.equal(unpackOptions(bytes(wrong), nothing, nothing), null, wrong);
  t.equal(unpackOptions(bytes('340101'), bytes('0c05'), nothing), null, 'in file');
  t.strictSame(unpackOptions(bytes('000000'), nothing, nothing), new Map());
  t.end();
});

// @rfc 3442
t.test('classless routes', (t) => {
  const routes = [
    { destination: 0, prefixLength: 0, gateway: 0xc0000201 },
    { destination: 0x0a000000, prefixLength: 8, gateway: 0xc0000202 },
    { destination: 0x0a118000, prefixLength: 18, gateway: 0 },
    { destination: 0x0a110001, prefixLength: 32, gateway: 0xc0000203 },
  ];
  const written = classlessRoutes.write(routes);
  t.equal(hex(written), '00c0000201080ac0000202120a118000000000200a110001c0000203');
  t.strictSame(classlessRoutes.read(written), routes);
  t.equal(classlessRoutes.read(bytes('0a0a'))?.length, undefined);
  t.equal(classlessRoutes.read(bytes('21 0102030405 c0000201')), undefined);
  t.strictSame(classlessRoutes.read(bytes('08 0a c0000202'))?.[0]?.destination, 0x0a000000);
  t.end();
});

// @rfc 3397 2
t.test('domain search: pointers go back only, and names are names', (t) => {
  t.strictSame(domains.read(bytes('03656e67 056170706c65 03636f6d 00 096d61726b6574696e67 c004')), [
    'eng.apple.com',
    'marketing.apple.com',
  ]);
  t.equal(hex(domains.write(['a.bc'])), '0161026263' + '00');
  for (const wrong of [
    '',
    '00',
    '0161',
    'c000',
    '0161c000',
    '016101',
    '0161c0',
    '4061',
    '012000',
    '0161c004',
  ])
    t.equal(domains.read(bytes(wrong)), undefined, wrong);
  t.end();
});

t.test('static routes and text', (t) => {
  t.strictSame(staticRoutes.read(bytes('0a000000 c0000201 00000000 c0000201 ac100001 c0000202')), [
    { destination: 0x0a000000, prefixLength: 8, gateway: 0xc0000201 },
    { destination: 0xac100001, prefixLength: 32, gateway: 0xc0000202 },
  ]);
  t.equal(
    hex(staticRoutes.write([{ destination: 0x0a000000, prefixLength: 8, gateway: 1 }])),
    '0a00000000000001',
  );
  t.equal(staticRoutes.read(bytes('0a000000')), undefined);
  t.strictSame(
    ['61620000', '6100', '', '00', '610a'].map((one) => text.read(bytes(one))),
    ['ab', 'a', undefined, undefined, undefined],
  );
  t.end();
});
