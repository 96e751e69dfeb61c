import t from 'tap';
import { PACKET_BROADCAST } from '../../../device/memory/packet.ts';
import { formatIpv4, parseIpv4 } from '../../../stack/wire/address.ts';
import {
  bench,
  datagram,
  describe,
  drops,
  icmp,
  inject,
  leftovers,
  rawDevice,
  rawStack,
  sent,
} from './harness.ts';

const DATA = Buffer.from('abcdefgh');

// @rfc 1122 3.2.2.6
t.test('echo: the same data back, byte for byte, in the same slot', (t) => {
  const on = bench();
  const { stack, dev, link } = rawStack(on);
  const before = on.pool.allocated;
  inject(stack, dev, datagram({ payload: icmp(8, 0, 0x12345678, DATA), tos: 0x28, ttl: 3 }));
  const [reply] = sent(link);
  t.equal(describe(reply!), '192.0.2.1 > 192.0.2.2: ICMP 0/0 len 36 ttl 64');
  t.equal(reply![1], 0x28, 'the TOS of the request');
  t.equal(reply!.readUInt16BE(6), 0, 'no DF');
  t.same(reply!.subarray(20), icmp(0, 0, 0x12345678, DATA));
  t.equal(on.pool.allocated - before, 1, 'only the request itself');
  stack.setSysctl('net.ipv4.ip_default_ttl', 17);
  inject(stack, dev, datagram({ payload: icmp(8, 0, 0, DATA.subarray(0, 3)) }));
  t.equal(describe(sent(link)[0]!), '192.0.2.1 > 192.0.2.2: ICMP 0/0 len 31 ttl 17');
  stack.setSysctl('net.ipv4.icmp_echo_ignore_all', 1);
  inject(stack, dev, datagram({ payload: icmp(8, 0, 0) }));
  t.strictSame(sent(link), []);
  t.strictSame(drops(stack), { icmp_echo_ignored: 1 });
  const { mib } = stack.counters();
  t.equal(mib.IcmpInMsgs, 3);
  t.equal(mib.IcmpInEchos, 3);
  t.equal(mib.IcmpOutMsgs, 2);
  t.equal(mib.IcmpOutEchoReps, 2);
  t.equal(mib.IpInReceives, 3);
  t.equal(mib.IpInDelivers, 3);
  t.equal(mib.IpOutRequests, 2);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('a shared packet is not written to', (t) => {
  const on = bench();
  const { stack, dev, link } = rawStack(on);
  const request = datagram({ payload: icmp(8, 0, 1, DATA) });
  const packet = on.pool.from(request)!;
  packet.retain();
  dev.receive(packet);
  t.equal(sent(link).length, 1);
  packet.start = packet.network;
  t.same(packet.bytes(), request);
  packet.release();
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

// @rfc 1122 3.2.2.6
t.test('broadcasts and groups: only as icmp_echo_ignore_broadcasts lets', (t) => {
  const on = bench();
  const { stack, dev, link } = rawStack(on);
  const ask = (destination: string, type = 8): string[] => {
    inject(stack, dev, datagram({ destination, payload: icmp(type, 0, 1, Buffer.alloc(12)) }));
    return sent(link).map(describe);
  };
  t.strictSame(ask('192.0.2.255'), []);
  t.strictSame(ask('224.0.0.1'), []);
  stack.setSysctl('net.ipv4.icmp_echo_ignore_broadcasts', 0);
  t.strictSame(ask('192.0.2.255'), ['192.0.2.1 > 192.0.2.2: ICMP 0/0 len 40 ttl 64']);
  t.strictSame(ask('224.0.0.1'), ['192.0.2.1 > 192.0.2.2: ICMP 0/0 len 40 ttl 64']);
  t.strictSame(ask('192.0.2.255', 13), ['192.0.2.1 > 192.0.2.2: ICMP 14/0 len 40 ttl 64']);
  t.strictSame(ask('192.0.2.255', 3), [], 'no error is believed');
  t.equal(drops(stack)['icmp_broadcast'], 3);
  stack.close();
  t.end();
});

// @rfc 1122 3.2.2.8
t.test('timestamp: milliseconds since midnight', (t) => {
  const on = bench();
  const { stack, dev, link } = rawStack(on);
  on.clock.advance(5000);
  const payload = icmp(13, 0, 0x00010001, Buffer.from('0000000a0000000000000000', 'hex'));
  inject(stack, dev, datagram({ payload }));
  const [reply] = sent(link);
  t.equal(describe(reply!), '192.0.2.1 > 192.0.2.2: ICMP 14/0 len 40 ttl 64');
  t.equal(reply!.subarray(24).toString('hex'), '000100010000000a0000138800001388');
  inject(stack, dev, datagram({ payload: icmp(13, 0, 1) }));
  t.strictSame(sent(link), []);
  t.equal(drops(stack)['icmp_truncated'], 1);
  t.equal(stack.counters().mib.IcmpInErrors, 1);
  stack.close();
  t.end();
});

t.test('bad messages: each drop has its name and counter', (t) => {
  const on = bench();
  const { stack, dev, link } = rawStack(on);
  const bad = Buffer.from(icmp(8, 0, 1));
  bad[3]! ^= 1;
  inject(stack, dev, datagram({ payload: bad }));
  inject(stack, dev, datagram({ payload: icmp(41, 0, 1) }));
  inject(stack, dev, datagram({ payload: icmp(42, 0, 1) }));
  inject(stack, dev, datagram({ payload: icmp(43, 0, 1) }));
  inject(stack, dev, datagram({ payload: icmp(3, 1, 0, Buffer.alloc(19)) }));
  inject(stack, dev, datagram({ payload: Buffer.from('ffff', 'hex') }));
  inject(stack, dev, datagram({ payload: icmp(3, 99, 0, datagram({ payload: icmp(8, 0, 1) })) }));
  t.strictSame(sent(link), []);
  t.strictSame(drops(stack), {
    icmp_checksum: 1,
    icmp_truncated: 2,
    icmp_type: 1,
    icmp_probe: 2,
    icmp_error_ignored: 1,
  });
  const { mib } = stack.counters();
  t.equal(mib.IcmpInCsumErrors, 1);
  t.equal(mib.IcmpInErrors, 4);
  t.equal(mib.IcmpInDestUnreachs, 2);
  stack.close();
  t.end();
});

// @rfc 1812 4.3.2.3
t.test('protocol unreachable: the whole quote, and what no error is sent about', (t) => {
  const on = bench();
  const { stack, dev, link } = rawStack(on);
  const request = datagram({ protocol: 200, tos: 0x1c, payload: DATA });
  inject(stack, dev, request);
  const [error] = sent(link);
  t.equal(describe(error!), '192.0.2.1 > 192.0.2.2: ICMP 3/2 len 56 ttl 64');
  t.equal(error![1], 0xdc, 'internetwork control');
  t.same(error!.subarray(28), request);
  inject(stack, dev, datagram({ protocol: 200, payload: Buffer.alloc(1400) }));
  t.equal(describe(sent(link)[0]!), '192.0.2.1 > 192.0.2.2: ICMP 3/2 len 576 ttl 64', 'no longer than 576');
  inject(stack, dev, datagram({ protocol: 200, destination: '192.0.2.255', payload: DATA }));
  inject(stack, dev, datagram({ protocol: 200, destination: '224.0.0.1', payload: DATA }));
  inject(stack, dev, datagram({ protocol: 200, fragment: 0x0001, payload: DATA }));
  inject(
    stack,
    dev,
    datagram({ protocol: 200, source: '0.0.0.0', destination: '255.255.255.255', payload: DATA }),
  );
  t.strictSame(sent(link), [], 'broadcast, group, a later fragment, no source');
  const raw: string[] = [];
  const remove = stack.ip.protocols.addRaw((packet) => {
    raw.push(packet.bytes().toString());
    return true;
  });
  inject(stack, dev, datagram({ protocol: 201, payload: DATA }));
  remove();
  t.strictSame(raw, ['abcdefgh']);
  t.strictSame(sent(link), [], 'somebody wants it');
  stack.ip.protocols.add(202, {
    receive: (packet) => {
      raw.push(`202 ${packet.bytes().toString()}`);
      packet.release();
    },
  });
  inject(stack, dev, datagram({ protocol: 202, payload: DATA }));
  t.equal(raw.at(-1), '202 abcdefgh');
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

// @rfc 1122 3.2.2
t.test('no error about an error, whichever', (t) => {
  const on = bench();
  const { stack, dev, link } = rawStack(on);
  stack.setSysctl('net.ipv4.ip_forward', 1);
  rawDevice(stack, { name: 'tun1', addresses: ['198.51.100.1/24'] });
  const answered = (type: number): boolean => {
    on.clock.advance(10_000);
    inject(
      stack,
      dev,
      datagram({ destination: '198.51.100.7', ttl: 1, payload: icmp(type, 0, 0, Buffer.alloc(20)) }),
    );
    return sent(link).length > 0;
  };
  for (const type of [3, 4, 5, 11, 12, 19, 200]) t.equal(answered(type), false, `type ${type}`);
  for (const type of [0, 8, 13, 14, 17, 18]) t.equal(answered(type), true, `type ${type}`);
  inject(stack, dev, datagram({ destination: '198.51.100.7', ttl: 1, payload: Buffer.alloc(0) }));
  t.strictSame(sent(link), [], 'an ICMP packet without a type');
  stack.close();
  t.end();
});

// @rfc 1812 4.3.2.8
t.test('rate limits: six for a host at once, fifty for all, refilled when empty', (t) => {
  const on = bench();
  const { stack, dev, link } = rawStack(on);
  const ask = (source: string): number => {
    inject(stack, dev, datagram({ source, protocol: 200, payload: DATA }));
    return sent(link).length;
  };
  let answered = 0;
  for (let i = 0; i < 20; i++) answered += ask('192.0.2.2');
  t.equal(answered, 6);
  t.equal(stack.counters().mib.IcmpOutRateLimitHost, 14);
  on.clock.advance(1000);
  t.equal(ask('192.0.2.2') + ask('192.0.2.2'), 1, 'one more a second');
  on.clock.advance(60_000);
  answered = 0;
  for (let i = 0; i < 200; i++) answered += ask(`10.0.${i >> 7}.${1 + (i & 127)}`);
  t.equal(answered, 0, 'no way back');
  stack.addRoute({ to: 'default', via: '192.0.2.254' });
  for (let i = 0; i < 200; i++) answered += ask(`10.0.${i >> 7}.${1 + (i & 127)}`);
  t.ok(answered >= 75 && answered <= 115, `${answered} of 200`);
  t.equal(stack.counters().mib.IcmpOutRateLimitGlobal, 200 - answered);
  for (let i = 0; i < 300; i++) answered = ask('192.0.2.3') + answered;
  let echoes = 0;
  for (let i = 0; i < 300; i++) {
    inject(stack, dev, datagram({ payload: icmp(8, 0, i) }));
    echoes += sent(link).length;
  }
  t.equal(echoes, 300, 'answers to echo are not limited');
  stack.setSysctl('net.ipv4.icmp_ratemask', 0);
  t.equal(ask('192.0.2.2'), 1);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('icmp_ratelimit=0 leaves what a router allows for unreachable destinations', (t) => {
  const on = bench();
  const { stack, dev, link } = rawStack(on);
  stack.setSysctl('net.ipv4.ip_forward', 1);
  stack.setSysctl('net.ipv4.icmp_ratelimit', 0);
  for (let i = 0; i < 8; i++)
    inject(stack, dev, datagram({ destination: '8.8.8.8', protocol: 200, payload: DATA }));
  t.equal(sent(link).length, 5, 'error_burst / error_cost');
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

// @rfc 1122 3.2.2.5
t.test('options: malformed ones get a parameter problem that points at the byte', (t) => {
  const rows: [string, string, number][] = [
    ['length 0', '44000000', 20],
    ['length beyond the end', '070b0400', 20],
    ['record route of two bytes', '07020000', 21],
    ['record route: pointer below 4', '0707030000000000', 22],
    ['record route: pointer inside the last address', '0707060000000000', 22],
    ['two record routes', '0703040707030400', 23],
    ['timestamp of three bytes', '44030500', 21],
    ['timestamp: pointer below 5', '44080400' + '00000000', 22],
    ['timestamp: no room for address and time', '44080501' + '00000000', 22],
    ['timestamp: 15 overflows', '440405f0', 23],
    ['two timestamps', '44040500' + '44040500', 24],
    ['source route of two bytes', '83020000', 21],
    ['source route: pointer below 4', '8307030000000000', 22],
    ['two source routes', '83030489' + '03040000', 23],
    ['router alert of three bytes', '94030000', 21],
  ];
  for (const [name, hex, pointer] of rows) {
    const on = bench();
    const { stack, dev, link } = rawStack(on);
    const options = [...Buffer.from(hex, 'hex')];
    inject(stack, dev, datagram({ options, payload: icmp(8, 0, 1) }));
    const [error] = sent(link);
    const header = error === undefined ? 0 : (error[0]! & 15) * 4;
    t.equal(
      error === undefined ? 'nothing' : `${error[header]}/${error[header + 1]} @${error[header + 4]}`,
      `12/0 @${pointer}`,
      name,
    );
    t.equal(drops(stack)['ip_options'], 1);
    t.equal(stack.counters().mib.IpInHdrErrors, 1);
    stack.close();
    t.equal(leftovers(on), '0 packets, 0 timers');
  }
  t.end();
});

t.test('ping -R, ping -T: options are recorded on the way in and out', (t) => {
  const on = bench();
  const { stack, dev, link } = rawStack(on);
  on.clock.advance(258);
  const reply = (hex: string): string => {
    inject(stack, dev, datagram({ options: [...Buffer.from(hex, 'hex')], payload: icmp(8, 0, 1, DATA) }));
    const [frame] = sent(link);
    if (frame === undefined) return 'nothing';
    const header = (frame[0]! & 15) * 4;
    return `${frame[header]} ${frame.subarray(20, header).toString('hex')}`;
  };
  const none = '00000000';
  t.equal(reply(`01070f04${none.repeat(3)}`), `0 070f0cc0000201c0000201${none}00`, 'record route');
  t.equal(reply(`01070704${none}`), '0 070708c000020100', 'full after us');
  t.equal(
    reply(`44140500${none.repeat(4)}`),
    `0 44140d000000010200000102${none.repeat(2)}`,
    'timestamps only',
  );
  t.equal(
    reply(`44140501${none.repeat(4)}`),
    '0 44141501c000020100000102c000020100000102',
    'timestamps and addresses',
  );
  t.equal(
    reply(`441405 03c000020100000000cb00710100000000`.replace(' ', '')),
    '0 44140d03c000020100000102cb00710100000000',
    'prespecified: ours is stamped, the next is another’s',
  );
  t.equal(reply(`44080900${none}`), `0 44080910${none}`, 'an overflow is counted');
  t.equal(reply('01010100'), '0 ', 'no-operations are not echoed');
  t.equal(reply('94040000'), '0 ', 'nor is router alert');
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test(
  'forwarding: a router records itself, but replaces the address of a timestamp only on a source route',
  (t) => {
    const on = bench();
    const { stack, dev } = rawStack(on);
    stack.setSysctl('net.ipv4.ip_forward', 1);
    stack.setSysctl('net.ipv4.conf.all.accept_source_route', 1);
    const { link: out } = rawDevice(stack, { name: 'tun1', addresses: ['198.51.100.1/24'] });
    on.clock.advance(258);
    const passed = (destination: string, hex: string): string => {
      inject(stack, dev, datagram({ destination, options: [...Buffer.from(hex, 'hex')] }));
      const [frame] = sent(out);
      return frame === undefined ? 'nothing' : frame.subarray(20, (frame[0]! & 15) * 4).toString('hex');
    };
    t.equal(passed('198.51.100.7', '0707040000000000'), '070708c633640100', 'record route: the way out');
    t.equal(passed('198.51.100.7', '440c05010000000000000000'), '440c0d01c000020100000102', 'the way in');
    t.equal(
      passed('192.0.2.1', '830704c633640701440c05010000000000000000'),
      '830708c633640101440c0d01c633640100000102',
      'on a source route the way out',
    );
    stack.close();
    t.equal(leftovers(on), '0 packets, 0 timers');
    t.end();
  },
);

// @rfc 1812 5.3.13.4
t.test('source routes: refused unless accepted; followed, reversed in the answer', (t) => {
  const on = bench();
  const { stack, dev, link } = rawStack(on);
  const { link: out } = rawDevice(stack, { name: 'tun1', addresses: ['198.51.100.1/24'] });
  const route = (kind: number, pointer: number, hops: string[]): number[] => [
    kind,
    3 + hops.length * 4,
    pointer,
    ...hops.flatMap((hop) => hop.split('.').map(Number)),
    0,
  ];
  const lsrr = route(131, 4, ['198.51.100.7']);
  inject(stack, dev, datagram({ options: lsrr, payload: icmp(8, 0, 1) }));
  t.equal(drops(stack)['ip_source_route'], 1, 'Linux’s default');
  stack.setSysctl('net.ipv4.conf.all.accept_source_route', 1);
  inject(stack, dev, datagram({ options: lsrr, payload: icmp(8, 0, 1) }));
  t.equal(drops(stack)['ip_source_route'], 2, 'a host does not forward');
  stack.setSysctl('net.ipv4.ip_forward', 1);
  inject(stack, dev, datagram({ options: lsrr, payload: icmp(8, 0, 1) }));
  const [frame] = sent(out);
  t.equal(describe(frame!), '192.0.2.2 > 198.51.100.7: ICMP 8/0 len 36 ttl 63');
  t.equal(frame!.subarray(20, 28).toString('hex'), '830708c633640100', 'with our address in its place');
  const passed = route(131, 8, ['192.0.2.9']);
  inject(stack, dev, datagram({ options: passed, payload: icmp(8, 0, 1) }));
  const [reply] = sent(link);
  t.equal(describe(reply!), '192.0.2.1 > 192.0.2.9: ICMP 0/0 len 36 ttl 64', 'back by the last hop');
  t.equal(reply!.subarray(20, 28).toString('hex'), '830704c000020200', 'to the sender');
  const strict = route(137, 4, ['198.51.100.7']);
  inject(stack, dev, datagram({ options: strict, destination: '198.51.100.9', payload: icmp(8, 0, 1) }));
  const [problem] = sent(link);
  const header = (problem![0]! & 15) * 4;
  t.equal(`${problem![header]}/${problem![header + 1]} @${problem![header + 4]}`, '12/0 @16');
  stack.addRoute({ to: '10.0.0.0/8', via: '198.51.100.254' });
  inject(stack, dev, datagram({ options: route(137, 4, ['10.0.0.1']), payload: icmp(8, 0, 1) }));
  const [failed] = sent(link);
  const at = (failed![0]! & 15) * 4;
  t.equal(`${failed![at]}/${failed![at + 1]}`, '3/5', 'strict, but the hop is behind a gateway');
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

// @rfc 1122 3.2.1.1
t.test('IP headers that are dropped, and how that is counted', (t) => {
  const on = bench();
  const { stack, dev, link } = rawStack(on);
  const good = datagram({ payload: icmp(8, 0, 1) });
  const change = (at: number, value: number): Buffer => {
    const copy = Buffer.from(good);
    copy[at] = value;
    return copy;
  };
  inject(stack, dev, change(0, 0x44));
  inject(stack, dev, change(0, 0x4f));
  inject(stack, dev, change(10, good[10]! ^ 1));
  inject(stack, dev, good.subarray(0, 19));
  inject(stack, dev, good.subarray(0, 27));
  const short = datagram({ payload: Buffer.alloc(0) });
  short.writeUInt16BE(19, 2);
  short.writeUInt16BE(short.readUInt16BE(10) + 1, 10);
  inject(stack, dev, short);
  inject(stack, dev, Buffer.concat([good, Buffer.alloc(18)]));
  t.equal(describe(sent(link)[0]!), '192.0.2.1 > 192.0.2.2: ICMP 0/0 len 28 ttl 64', 'padding is taken off');
  inject(stack, dev, datagram({ source: '192.0.2.1', payload: icmp(8, 0, 1) }));
  inject(stack, dev, datagram({ destination: '203.0.113.1', payload: icmp(8, 0, 1) }));
  t.strictSame(drops(stack), {
    ip_header: 4,
    ip_checksum: 1,
    ip_truncated: 1,
    ip_martian: 1,
    ip_unreachable: 1,
  });
  const { mib } = stack.counters();
  t.equal(mib.IpInHdrErrors, 5);
  t.equal(mib.IpExtInCsumErrors, 1);
  t.equal(mib.IpExtInTruncatedPkts, 1);
  t.equal(mib.IpInAddrErrors, 1);
  const packet = on.pool.from(good)!;
  packet.packetType = PACKET_BROADCAST;
  stack.setSysctl('net.ipv4.conf.all.drop_unicast_in_l2_multicast', 1);
  packet.network = packet.start;
  stack.ip.input.receive(packet, dev);
  t.equal(drops(stack)['ip_unicast_in_l2_multicast'], 1);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});

t.test('own broadcasts are heard, and a reply carries the address of its subnet', (t) => {
  const on = bench();
  const { stack, dev, link } = rawStack(on);
  stack.setSysctl('net.ipv4.icmp_echo_ignore_broadcasts', 0);
  const heard: string[] = [];
  stack.ip.protocols.addRaw((packet) => {
    heard.push(formatIpv4(packet.pool.view.getUint32(packet.network + 16)));
    return true;
  });
  const replies: string[] = [];
  stack.ping('192.0.2.255').onReply((reply) => replies.push(`${reply.kind} ${reply.from}`));
  on.clock.advance(100);
  t.strictSame(heard, ['192.0.2.255', '192.0.2.1']);
  t.strictSame(replies, ['reply 192.0.2.1']);
  t.equal(sent(link).length, 1);
  t.equal(stack.counters().mib.IpExtOutBcastPkts, 1);
  t.equal(stack.counters().mib.IpExtInBcastPkts, 1);
  t.equal(stack.counters().mib.IpExtOutBcastOctets, 84);
  t.equal(stack.counters().mib.IpExtInBcastOctets, 84);
  inject(stack, dev, datagram({ destination: '192.0.2.255', options: [7, 3, 0, 0] }));
  t.equal(stack.counters().mib.IpExtInBcastPkts, 1, 'bad options come first');
  t.equal(drops(stack)['ip_options'], 1);
  inject(stack, dev, datagram({ destination: '224.0.0.1', protocol: 200, payload: DATA }));
  t.equal(stack.counters().mib.IpExtInMcastPkts, 1);
  t.equal(stack.counters().mib.IpExtInMcastOctets, 28);
  t.equal(parseIpv4('192.0.2.255'), 0xc00002ff);
  stack.close();
  t.equal(leftovers(on), '0 packets, 0 timers');
  t.end();
});
