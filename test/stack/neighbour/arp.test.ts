import t from 'tap';
import { ETH_HLEN } from '../../../device/frame/ethernet.ts';
import { PacketPool } from '../../../device/memory/pool.ts';
import { changeFlags } from '../../../device/netdevice/admin.ts';
import { IFF_NOARP } from '../../../device/netdevice/flags.ts';
import { SeededEntropy } from '../../../device/random.ts';
import { configureNeighbour } from '../../../stack/neighbour/configure.ts';
import { NUD_STALE } from '../../../stack/neighbour/nud.ts';
import { ARP_FRAME_LENGTH, ARP_LENGTH, ArpTemplate, arpLayout, writeArp } from '../../../stack/wire/arp.ts';
import { RARP_FRAME_LENGTH, writeRarp } from '../../../stack/wire/rarp.ts';
import { type ArpFrameOptions, arpFrame, Bench, ip, mac, PEER, US } from './bench.ts';

const REQUEST: ArpFrameOptions = { sip: '192.0.2.9', tip: '192.0.2.1' };

// @rfc 826
t.test('the frames: request, announcement and RARP, byte by byte', (t) => {
  const pool = new PacketPool({ small: 1, large: 0, pages: 0 });
  const bytes = Buffer.from(pool.u8.buffer, 0, 64).fill(0xa5);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const template = new ArpTemplate(mac('f2:00:00:00:80:01'), ip('192.0.2.1'));
  template.write(pool, 2, ip('203.0.113.200'));
  t.equal(
    bytes.subarray(2, 2 + ARP_FRAME_LENGTH).toString('hex'),
    'ffffffffffff' +
      'f20000008001' +
      '0806' +
      '0001080006040001' +
      'f20000008001' +
      'c0000201' +
      '000000000000' +
      'cb0071c8',
  );
  t.equal(
    bytes.subarray(0, 2).toString('hex') + bytes.subarray(44, 46).toString('hex'),
    'a5a5a5a5',
    'and no more',
  );
  template.write(pool, 2, ip('203.0.113.200') | 0);
  t.equal(bytes.readUInt32BE(2 + 38), ip('203.0.113.200'), 'a signed word is the same address');
  const aligned = bytes.toString('hex', 2, 2 + ARP_FRAME_LENGTH);
  template.write(pool, 3, ip('203.0.113.200'));
  t.equal(bytes.toString('hex', 3, 3 + ARP_FRAME_LENGTH), aligned, 'wherever it stands');
  template.writeAnnouncement(pool, 0);
  t.same(arpLayout.decode(bytes, ETH_HLEN), {
    hrd: 1,
    pro: 0x0800,
    hln: 6,
    pln: 4,
    op: 1,
    sha: mac('f2:00:00:00:80:01'),
    spa: ip('192.0.2.1'),
    tha: 0,
    tpa: ip('192.0.2.1'),
  });
  const encoded = Buffer.alloc(ARP_LENGTH);
  const written = Buffer.alloc(ARP_LENGTH);
  arpLayout.encode(
    {
      hrd: 1,
      pro: 0x800,
      hln: 6,
      pln: 4,
      op: 2,
      sha: PEER,
      spa: ip('192.0.2.9'),
      tha: US,
      tpa: ip('255.0.0.1'),
    },
    encoded,
  );
  writeArp(
    new DataView(written.buffer, written.byteOffset),
    0,
    2,
    PEER,
    ip('192.0.2.9'),
    US,
    ip('255.0.0.1'),
  );
  t.same(written, encoded, 'the writer and the declared layout agree');
  bytes.fill(0xa5);
  writeRarp(view, 0, US);
  t.equal(
    bytes.subarray(0, RARP_FRAME_LENGTH).toString('hex'),
    'ffffffffffff' +
      '020000000001' +
      '8035' +
      '0001080006040003' +
      '020000000001' +
      '00000000' +
      '020000000001' +
      '00000000' +
      '00'.repeat(18),
  );
  t.equal(bytes[60], 0xa5);
  t.end();
});

t.test(
  'a request for us is answered in the slot that it came in, 42 bytes, and its sender learnt STALE',
  (t) => {
    const bench = new Bench();
    const dev = bench.device();
    const padded = Buffer.concat([arpFrame(REQUEST), Buffer.alloc(18, 0xee)]);
    const before = bench.pool.allocated;
    bench.receive(dev, padded);
    t.equal(bench.pool.allocated - before, 1, 'no second slot');
    t.equal(
      bench.links.get(dev)!.sent[0]!.toString('hex'),
      '020000000099' +
        '020000000001' +
        '0806' +
        '0001080006040002' +
        '020000000001' +
        'c0000201' +
        '020000000099' +
        'c0000209',
    );
    t.equal(bench.state(dev, '192.0.2.9'), 'STALE 02:00:00:00:00:99');
    const shared = bench.pool.from(padded)!;
    shared.retain();
    dev.receive(shared);
    t.equal(shared.bytes().subarray(-18).toString('hex'), 'ee'.repeat(18), 'a shared frame is left as it is');
    shared.release();
    const tagged = Buffer.concat([
      padded.subarray(0, 12),
      Buffer.from('81000000', 'hex'),
      padded.subarray(12),
    ]);
    bench.receive(dev, tagged);
    t.equal(bench.links.get(dev)!.sent.length, 3);
    for (const frame of bench.links.get(dev)!.sent) t.same(frame, bench.links.get(dev)!.sent[0]);
    t.equal(bench.mib.get('ArpInRequests'), 3);
    t.equal(bench.mib.get('ArpOutReplies'), 3);
    t.same(bench.drops(), {});
    t.same(bench.close(), [0, 0]);
    t.end();
  },
);

t.test('41. GARP for an unknown sender: arp_accept 0 none, 1 entry, 2 only same subnet', (t) => {
  const rows: [number, ArpFrameOptions, string][] = [
    [0, { sip: '192.0.2.9', tip: '192.0.2.9' }, 'none'],
    [1, { sip: '192.0.2.9', tip: '192.0.2.9' }, 'STALE 02:00:00:00:00:99'],
    [1, { sip: '10.0.0.9', tip: '10.0.0.9' }, 'STALE 02:00:00:00:00:99'],
    [2, { sip: '192.0.2.9', tip: '192.0.2.9' }, 'STALE 02:00:00:00:00:99'],
    [2, { sip: '10.0.0.9', tip: '10.0.0.9' }, 'none'],
    [1, { op: 2, sip: '192.0.2.9', tip: '192.0.2.50' }, 'REACHABLE 02:00:00:00:00:99'],
    [1, { op: 2, sip: '192.0.2.9', tip: '192.0.2.9', to: 0xffffffffffff }, 'STALE 02:00:00:00:00:99'],
    [1, { sip: '192.0.2.9', tip: '192.0.2.50' }, 'none'],
    [1, { sip: '192.0.2.1', tip: '192.0.2.1' }, 'none'],
    [1, { op: 2, sip: '192.0.2.1', tip: '192.0.2.7' }, 'none'],
  ];
  for (const [accept, frame, expected] of rows) {
    const bench = new Bench();
    const dev = bench.device();
    bench.set('net.ipv4.conf.eth0.arp_accept', accept);
    bench.receive(dev, arpFrame(frame));
    t.equal(bench.state(dev, frame.sip), expected, `arp_accept ${accept}: ${JSON.stringify(frame)}`);
    t.same(bench.take(), []);
    t.same(bench.close(), [0, 0]);
  }
  t.end();
});

t.test(
  '42. locktime: a GARP overrides at once, a foreign reply only after it; requests for us always',
  (t) => {
    const other = PEER + 1;
    const rows: [string, number, ArpFrameOptions, string][] = [
      ['GARP request', 500, { sip: '192.0.2.9', tip: '192.0.2.9', sha: other }, 'STALE 02:00:00:00:00:9a'],
      [
        'GARP reply, tha = sha',
        500,
        { op: 2, sip: '192.0.2.9', tip: '192.0.2.9', sha: other, tha: other },
        'REACHABLE 02:00:00:00:00:9a',
      ],
      [
        'reply about itself, tha 0',
        500,
        { op: 2, sip: '192.0.2.9', tip: '192.0.2.9', sha: other },
        'STALE 02:00:00:00:00:99',
      ],
      [
        'foreign reply, young',
        1000,
        { op: 2, sip: '192.0.2.9', tip: '192.0.2.1', sha: other },
        'STALE 02:00:00:00:00:99',
      ],
      [
        'foreign reply, old',
        1000.001,
        { op: 2, sip: '192.0.2.9', tip: '192.0.2.1', sha: other },
        'REACHABLE 02:00:00:00:00:9a',
      ],
      [
        'broadcast reply, old',
        1001,
        { op: 2, sip: '192.0.2.9', tip: '192.0.2.1', sha: other, to: 0xffffffffffff },
        'STALE 02:00:00:00:00:9a',
      ],
      [
        'foreign request, young',
        500,
        { sip: '192.0.2.9', tip: '192.0.2.50', sha: other },
        'STALE 02:00:00:00:00:99',
      ],
      [
        'foreign request, old',
        1150,
        { sip: '192.0.2.9', tip: '192.0.2.50', sha: other },
        'STALE 02:00:00:00:00:9a',
      ],
      [
        'request for us, young',
        1,
        { sip: '192.0.2.9', tip: '192.0.2.1', sha: other },
        'STALE 02:00:00:00:00:9a',
      ],
      [
        'zero sha',
        1150,
        { sip: '192.0.2.9', tip: '192.0.2.50', sha: 0, from: PEER },
        'STALE 00:00:00:00:00:00',
      ],
      [
        'multicast sha',
        1150,
        { sip: '192.0.2.9', tip: '192.0.2.50', sha: 0x010000000001 },
        'STALE 01:00:00:00:00:01',
      ],
    ];
    for (const [name, after, frame, expected] of rows) {
      const bench = new Bench();
      const dev = bench.device();
      configureNeighbour(bench.arp.table, dev, ip('192.0.2.9'), 'add', { mac: PEER, state: NUD_STALE });
      bench.clock.advance(after);
      bench.receive(dev, arpFrame(frame));
      t.equal(bench.state(dev, '192.0.2.9'), expected, name);
      t.same(bench.close(), [0, 0]);
    }
    t.end();
  },
);

// @rfc 5227 2.1.1
t.test('43. A probe (sip 0) for our address: reply, no cache entry', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  bench.receive(dev, arpFrame({ sip: '0.0.0.0', tip: '192.0.2.1' }));
  t.equal(
    bench.links.get(dev)!.sent[0]!.subarray(ETH_HLEN).toString('hex'),
    '0001080006040002' + '020000000001' + 'c0000201' + '020000000099' + '00000000',
  );
  bench.receive(dev, arpFrame({ sip: '0.0.0.0', tip: '192.0.2.2' }));
  bench.receive(dev, arpFrame({ op: 2, sip: '0.0.0.0', tip: '192.0.2.1' }));
  t.equal(bench.sent.length, 1);
  t.equal(bench.arp.table.size, 0);
  bench.set('net.ipv4.conf.eth0.arp_ignore', 8);
  bench.receive(dev, arpFrame({ sip: '0.0.0.0', tip: '192.0.2.1' }));
  t.equal(bench.sent.length, 1);
  t.same(bench.drops(), { arp_ignored: 1 });
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('44. The malformed set: no reply, no cache change, each counted under its reason', (t) => {
  const patched = (at: number, hex: string): Buffer => {
    const frame = arpFrame(REQUEST);
    frame.set(Buffer.from(hex, 'hex'), ETH_HLEN + at);
    return frame;
  };
  const rows: [string, Buffer, string][] = [
    ['hln 8', patched(4, '08'), 'arp_malformed'],
    ['pln 16', patched(5, '10'), 'arp_malformed'],
    ['hrd 2', patched(0, '0002'), 'arp_malformed'],
    ['pro IPv6', patched(2, '86dd'), 'arp_malformed'],
    ['op 0', patched(6, '0000'), 'arp_operation'],
    ['op 3, RARP', patched(6, '0003'), 'arp_operation'],
    ['op 4', patched(6, '0004'), 'arp_operation'],
    ['op 8, InARP', patched(6, '0008'), 'arp_operation'],
    ['op 0x100', patched(6, '0100'), 'arp_operation'],
    ['tip multicast', arpFrame({ sip: '192.0.2.9', tip: '224.0.0.1' }), 'arp_bad_target'],
    ['tip loopback', arpFrame({ sip: '192.0.2.9', tip: '127.0.0.1' }), 'arp_bad_target'],
    ['for another station', arpFrame({ ...REQUEST, to: 0x020000000077 }), 'other_host'],
  ];
  for (let length = ETH_HLEN; length < ARP_FRAME_LENGTH; length++)
    rows.push([`${length} bytes`, arpFrame(REQUEST).subarray(0, length), 'arp_too_short']);
  for (const [name, frame, reason] of rows) {
    const bench = new Bench();
    const dev = bench.device();
    bench.receive(dev, frame);
    t.same(bench.drops(), { [reason]: 1 }, name);
    t.equal(bench.arp.table.size, 0);
    t.same(bench.take(), []);
    t.equal(bench.mib.get('ArpInRequests'), 0);
    t.same(bench.close(), [0, 0]);
  }
  const bench = new Bench();
  const dev = bench.device();
  bench.receive(dev, patched(0, '0006'));
  t.equal(bench.take().length, 1, 'hrd 6 is accepted');
  bench.receive(dev, arpFrame({ ...REQUEST, from: 0x020000000055 }));
  t.equal(bench.take().length, 1, 'sha other than the Ethernet source is accepted');
  bench.set('net.ipv4.conf.eth0.route_localnet', 1);
  bench.receive(dev, arpFrame({ sip: '192.0.2.9', tip: '127.0.0.1' }));
  t.same(bench.drops(), {}, 'loopback targets with route_localnet');
  changeFlags(dev, dev.flags | IFF_NOARP);
  bench.receive(dev, arpFrame(REQUEST));
  t.same(bench.drops(), { arp_noarp: 1 });
  changeFlags(dev, dev.flags & ~IFF_NOARP);
  dev.ipPtr = null;
  bench.receive(dev, arpFrame(REQUEST));
  t.same(bench.drops(), { arp_noarp: 1, arp_no_ipv4: 1 });
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test(
  'what Linux does not check, as settings: source against sha, zero and group senders, gratuitous',
  (t) => {
    const bench = new Bench();
    const dev = bench.device();
    const bad: [string, ArpFrameOptions, string][] = [
      ['tapir.arp_check_source', { ...REQUEST, from: 0x020000000055 }, 'arp_source_mismatch'],
      ['tapir.arp_check_sender', { ...REQUEST, sha: 0 }, 'arp_bad_sender'],
      ['tapir.arp_check_sender', { ...REQUEST, sha: 0x010000000001 }, 'arp_bad_sender'],
      ['net.ipv4.conf.all.drop_gratuitous_arp', { sip: '192.0.2.9', tip: '192.0.2.9' }, 'arp_gratuitous'],
    ];
    for (const [name, frame, reason] of bad) {
      bench.set(name, 1);
      const before = bench.drops()[reason] ?? 0;
      bench.receive(dev, arpFrame(frame));
      t.equal(bench.drops()[reason], before + 1, name);
      bench.receive(dev, arpFrame(REQUEST));
      t.equal(bench.take().length, 1, 'a proper one is answered');
      bench.set(name, 0);
    }
    t.same(bench.close(), [0, 0]);
    t.end();
  },
);

t.test('our own, loopback, group and broadcast senders get no reply and are not learnt', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  for (const sip of ['192.0.2.1', '127.0.0.1', '224.0.0.1', '192.0.2.255']) {
    bench.receive(dev, arpFrame({ sip, tip: '192.0.2.1' }));
    t.equal(bench.arp.table.size, 0, sip);
  }
  t.same(bench.take(), []);
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('45. arp_ignore: which addresses are answered for; a suppressed request is not learnt', (t) => {
  const rows: [ignore: number, tip: string, sip: string, answered: boolean][] = [
    [0, '192.0.2.1', '192.0.2.9', true],
    [0, '198.51.100.1', '192.0.2.9', true],
    [1, '192.0.2.1', '192.0.2.9', true],
    [1, '198.51.100.1', '192.0.2.9', false],
    [2, '192.0.2.1', '192.0.2.9', true],
    [2, '192.0.2.1', '10.0.0.9', false],
    [3, '192.0.2.1', '192.0.2.9', true],
    [3, '198.51.100.77', '192.0.2.9', false],
    [4, '198.51.100.1', '192.0.2.9', true],
    [8, '192.0.2.1', '192.0.2.9', false],
  ];
  for (const [ignore, tip, sip, answered] of rows) {
    const bench = new Bench();
    const dev = bench.device();
    const other = bench.device(['198.51.100.1/24'], { link: { address: 0x020000000002 } });
    bench.addAddress(other, '198.51.100.77/32', { scope: 254 });
    bench.set('net.ipv4.conf.eth0.arp_ignore', ignore);
    bench.receive(dev, arpFrame({ sip, tip }));
    t.equal(bench.sent.length, answered ? 1 : 0, `arp_ignore ${ignore}: ${tip} for ${sip}`);
    t.equal(bench.state(dev, sip) !== 'none', answered);
    t.same(bench.drops(), answered ? {} : { arp_ignored: 1 });
    t.same(bench.close(), [0, 0]);
  }
  t.end();
});

t.test('arp_filter: answered only where the way back leaves by the same device', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  bench.device(['198.51.100.1/24'], { link: { address: 0x020000000002 } });
  bench.receive(dev, arpFrame({ sip: '198.51.100.9', tip: '192.0.2.1' }));
  t.equal(bench.take().length, 1);
  bench.set('net.ipv4.conf.all.arp_filter', 1);
  bench.receive(dev, arpFrame({ sip: '198.51.100.10', tip: '192.0.2.1' }));
  bench.receive(dev, arpFrame({ sip: '10.9.9.9', tip: '192.0.2.1' }));
  t.same(bench.take(), []);
  bench.receive(dev, arpFrame(REQUEST));
  t.equal(bench.take().length, 1);
  t.same(bench.drops(), { arp_ignored: 2 });
  t.equal(bench.state(dev, '198.51.100.10'), 'none');
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('arp_announce: the source of requests', (t) => {
  const rows: [announce: number, packetSource: string, source: string][] = [
    [0, '192.0.2.2', '192.0.2.2'],
    [0, '198.51.100.1', '198.51.100.1'],
    [0, '10.0.0.1', '192.0.2.1'],
    [1, '192.0.2.2', '192.0.2.2'],
    [1, '198.51.100.1', '192.0.2.1'],
    [2, '192.0.2.2', '192.0.2.1'],
  ];
  for (const [announce, packetSource, source] of rows) {
    const bench = new Bench();
    const dev = bench.device(['192.0.2.1/24', '192.0.2.2/24', '198.51.100.1/24']);
    bench.set('net.ipv4.conf.eth0.arp_announce', announce);
    bench.send(dev, '192.0.2.9', 1, packetSource);
    t.same(
      bench.take(),
      [`0 who-has 192.0.2.9 tell ${source} to ff:ff:ff:ff:ff:ff`],
      `${announce}: ${packetSource}`,
    );
    t.same(bench.close(), [0, 0]);
  }
  t.end();
});

t.test('proxy ARP: delayed uniformly, at once when asked directly, capped, gone with the carrier', (t) => {
  const proxy = (seed = 1): { bench: Bench; dev: ReturnType<Bench['device']> } => {
    const bench = new Bench({ seed, small: 200 });
    const dev = bench.device();
    bench.device(['198.51.100.1/24'], { link: { address: 0x020000000002 } });
    bench.set('net.ipv4.conf.eth0.proxy_arp', 1);
    bench.set('net.ipv4.conf.eth0.forwarding', 1);
    return { bench, dev };
  };
  const asked: ArpFrameOptions = { sip: '192.0.2.9', tip: '198.51.100.7' };
  const delays: number[] = [];
  for (let seed = 1; seed <= 40; seed++) {
    const { bench, dev } = proxy(seed);
    bench.receive(dev, arpFrame(asked));
    t.equal(bench.state(dev, '192.0.2.9'), 'STALE 02:00:00:00:00:99', 'learnt at once');
    bench.clock.advance(800);
    const [at, ...reply] = bench.take()[0]!.split(' ');
    t.equal(reply.join(' '), 'reply 198.51.100.7 is-at 02:00:00:00:00:01 to 02:00:00:00:00:99');
    delays.push(Number(at));
    t.equal(bench.mib.get('ArpInRequests'), 1, 'counted once');
    t.same(bench.close(), [0, 0]);
  }
  t.ok(
    Math.min(...delays) < 100 && Math.max(...delays) > 700 && Math.max(...delays) < 800,
    `delays ${delays.join(' ')}`,
  );
  const { bench, dev } = proxy();
  bench.receive(dev, arpFrame({ ...asked, to: US }));
  t.equal(bench.take().length, 1, 'asked by unicast: at once');
  bench.receive(dev, arpFrame({ sip: '192.0.2.9', tip: '192.0.2.77' }));
  bench.receive(dev, arpFrame({ sip: '192.0.2.9', tip: '10.1.1.1' }));
  bench.receive(dev, arpFrame({ op: 2, sip: '192.0.2.9', tip: '198.51.100.7' }));
  t.equal(bench.arp.input.queue.length, 0, 'same device, no route, a reply: none of it is for us');
  for (let i = 0; i < 70; i++) bench.receive(dev, arpFrame(asked));
  t.equal(bench.arp.input.queue.length, 65);
  t.same(bench.drops(), { arp_proxy_queue_full: 5 });
  bench.links.get(dev)!.port.carrierOff();
  bench.clock.drain();
  t.equal(bench.arp.input.queue.length, 0);
  t.same(bench.drops(), { arp_proxy_queue_full: 5, arp_proxy_flushed: 65 });
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('proxy ARP: single addresses, private VLANs, no delay; nothing without forwarding', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  const other = bench.device(['198.51.100.1/24'], { link: { address: 0x020000000002 } });
  bench.set('net.ipv4.neigh.eth0.proxy_delay', 0);
  const ask = (tip: string, sip = '192.0.2.9'): number => {
    bench.receive(dev, arpFrame({ sip, tip }));
    return bench.take().length;
  };
  bench.arp.proxies.add(dev, ip('198.51.100.7'), true);
  bench.arp.proxies.add(other, ip('198.51.100.8'), true);
  bench.arp.proxies.add(null, ip('198.51.100.9'), true);
  t.equal(ask('198.51.100.7'), 0, 'no forwarding');
  bench.set('net.ipv4.conf.eth0.forwarding', 1);
  t.equal(ask('198.51.100.7'), 1);
  t.equal(ask('198.51.100.8'), 0, "another device's entry");
  t.equal(ask('198.51.100.9'), 1, "every device's entry");
  t.equal(bench.arp.proxies.delete(dev, ip('198.51.100.7')), 0);
  t.equal(bench.arp.proxies.delete(dev, ip('198.51.100.7')), -2);
  t.equal(ask('198.51.100.7'), 0);
  t.equal(ask('192.0.2.77'), 0);
  bench.set('net.ipv4.conf.eth0.proxy_arp_pvlan', 1);
  t.equal(ask('192.0.2.77'), 1, 'on the same device');
  t.equal(ask('192.0.2.77', '192.0.2.77'), 0, 'but not to one who asks for himself');
  t.equal(ask('198.51.100.7'), 0, 'and not for another');
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('an empty pool: no reply, no request, both counted, nothing thrown', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  const hog = [];
  for (let packet = bench.pool.alloc(10); packet !== null; packet = bench.pool.alloc(10)) hog.push(packet);
  hog.pop()!.release();
  const shared = bench.pool.from(arpFrame(REQUEST))!;
  shared.retain();
  dev.receive(shared);
  shared.release();
  t.same(bench.drops(), { pool_exhausted: 1 });
  bench.send(dev, '192.0.2.10', 1);
  t.same(bench.drops(), { pool_exhausted: 2 });
  t.same(bench.take(), []);
  for (const packet of hog) packet.release();
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('100,000 seeded mutations: no exception, no leak, each frame answered, consumed or counted', (t) => {
  const bench = new Bench();
  const dev = bench.device();
  bench.device(['198.51.100.1/24'], { link: { address: 0x020000000002 } });
  bench.set('net.ipv4.conf.eth0.proxy_arp', 1);
  bench.set('net.ipv4.conf.eth0.forwarding', 1);
  bench.set('net.ipv4.conf.eth0.arp_accept', 1);
  const seed = 20260101;
  const entropy = new SeededEntropy(seed);
  const seeds = [
    arpFrame(REQUEST),
    arpFrame({ sip: '192.0.2.9', tip: '192.0.2.9' }),
    arpFrame({ op: 2, sip: '192.0.2.9', tip: '192.0.2.1' }),
    arpFrame({ sip: '0.0.0.0', tip: '192.0.2.1' }),
    arpFrame({ sip: '192.0.2.9', tip: '198.51.100.7' }),
  ];
  for (let i = 0; i < 100_000; i++) {
    const frame = Buffer.from(seeds[entropy.below(seeds.length)]!);
    for (let flips = entropy.below(4); flips >= 0; flips--) {
      const at = entropy.below(frame.length);
      frame[at] = entropy.below(4) === 0 ? entropy.u32() & 255 : frame[at]! ^ (1 << entropy.below(8));
    }
    const cut = entropy.below(10) === 0 ? entropy.below(frame.length) : frame.length;
    const packet = bench.pool.from(frame.subarray(0, cut));
    if (packet === null) {
      t.fail(`pool empty at ${i}, seed ${seed}`);
      break;
    }
    dev.receive(packet);
    bench.links.get(dev)!.sent.length = 0;
    bench.sent.length = 0;
    if (i % 50 === 0) bench.clock.advance(1000);
  }
  t.ok(bench.mib.get('ArpOutReplies') > 10_000);
  for (const reason of [
    'arp_too_short',
    'arp_malformed',
    'arp_operation',
    'other_host',
    'unhandled_protocol',
  ])
    t.ok((bench.drops()[reason] ?? 0) > 100, reason);
  t.ok(bench.arp.table.size <= 1024);
  t.same(bench.close(), [0, 0]);
  t.end();
});

t.test('53. Same seed, same script: identical trace', (t) => {
  const run = (seed: number): string[] => {
    const bench = new Bench({ seed });
    const dev = bench.device();
    bench.device(['198.51.100.1/24'], { link: { address: 0x020000000002 } });
    bench.set('net.ipv4.conf.eth0.proxy_arp', 1);
    bench.set('net.ipv4.conf.eth0.forwarding', 1);
    for (let host = 10; host < 20; host++) {
      bench.receive(dev, arpFrame({ sip: `192.0.2.${host}`, tip: '198.51.100.7' }));
      bench.receive(dev, arpFrame({ op: 2, sip: `192.0.2.${host}`, tip: '192.0.2.1' }));
      bench.clock.advance(50_123);
      bench.send(dev, `192.0.2.${host}`, host);
    }
    bench.clock.advance(100_000);
    bench.close();
    return bench.sent;
  };
  const trace = run(5);
  t.equal(trace.length, 50, '10 proxied replies, 10 packets, 30 probes');
  t.same(run(5), trace);
  t.notSame(run(6), trace);
  t.end();
});
