import t, { type Test } from 'tap';
import { createVeth } from '../../../device/link/veth.ts';
import type { DhcpServerOptions, SavedServerLease } from '../../../stack/dhcp/server/options.ts';
import { createStack } from '../../../stack/stack.ts';
import { formatIpv4, parseIpv4 } from '../../../stack/wire/address.ts';
import {
  BOOTREQUEST,
  DHCPACK,
  DHCPDECLINE,
  DHCPDISCOVER,
  DHCPINFORM,
  DHCPNAK,
  DHCPOFFER,
  DHCPRELEASE,
  DHCPREQUEST,
  type DhcpMessage,
  writeDhcp,
} from '../../../stack/wire/dhcp.ts';
import { testMachine } from '../../testing/machine.ts';
import { Station } from '../../testing/station.ts';
import { traced } from '../../testing/trace.ts';
import { datagram, icmp } from '../ip/harness.ts';
import { arp, dhcpOf, ip4, line, SERVER, SERVER_MAC, seconds, udpFrame } from './harness.ts';

const SUBNET = {
  prefix: '192.0.2.0/24',
  ranges: ['192.0.2.100-192.0.2.102'],
  options: { routers: [SERVER], dnsServers: ['192.0.2.53'], domain: 'example' },
  leaseTime: 600,
  longestLease: 1200,
};
const QUICK: DhcpServerOptions = { subnets: [SUBNET], probeMs: 0 };
const macOf = (host: number): string => `02:00:00:00:01:${host.toString(16).padStart(2, '0')}`;

interface Asked {
  host?: number;
  options?: Readonly<Record<number, Uint8Array>>;
  change?: Partial<DhcpMessage>;
  from?: string;
  to?: string;
}

/** A server on one end of a cable, and clients that are bytes only at the other. */
function serverBench(t: Test, options: DhcpServerOptions, seed = 1) {
  const { clock, machine, pool } = testMachine({ seed, small: 128, large: 4 });
  const [one, other] = createVeth(machine);
  const stack = createStack({ machine, name: 'server' });
  traced(t, stack.ns);
  const dev = stack.addDevice(one, { name: 'eth0', address: SERVER_MAC, addresses: [`${SERVER}/24`] });
  const peer = new Station(machine, other);
  clock.advance(1100);
  const server = stack.serveDhcp(dev, options);
  t.teardown(() => {
    stack.close();
    if (pool.inUse > 0) throw new Error(`left behind: ${pool.inUse} packets`);
  });
  /** Sends a message, and gives what is sent at once. */
  const ask = (type: number, { host = 1, options = {}, change = {}, from, to }: Asked = {}): string[] => {
    const chaddr = Buffer.from(macOf(host).replaceAll(':', ''), 'hex');
    const { bytes } = writeDhcp({
      op: BOOTREQUEST,
      type,
      htype: 1,
      hops: 0,
      xid: 0x1000 + host,
      secs: 0,
      broadcast: false,
      ciaddr: 0,
      yiaddr: 0,
      siaddr: 0,
      giaddr: 0,
      chaddr,
      options: new Map(Object.entries(options).map(([code, value]) => [Number(code), value])),
      ...change,
    });
    peer.take();
    const mac = to === undefined ? 'ff:ff:ff:ff:ff:ff' : SERVER_MAC;
    peer.send(udpFrame(mac, macOf(host), from ?? '0.0.0.0', 68, to ?? '255.255.255.255', 67, bytes));
    clock.drain();
    return take();
  };
  let last: DhcpMessage | undefined;
  const take = (): string[] =>
    peer.take().map((frame) => {
      last = dhcpOf(frame) ?? last;
      return line(frame);
    });
  const request = (address: string, host = 1): string[] =>
    ask(DHCPREQUEST, { host, options: { 50: ip4(address), 54: ip4(SERVER) } });
  /** From nothing to a lease; the address. */
  const lease = (host: number): string => {
    ask(DHCPDISCOVER, { host });
    const address = formatIpv4(last!.yiaddr);
    t.match(request(address, host), [
      `> ${macOf(host)} 192.0.2.1.67 > ${address}.68: ACK yiaddr ${address} server 192.0.2.1`,
    ]);
    return address;
  };
  return { clock, stack, dev, peer, server, ask, take, request, lease, last: () => last! };
}

const table = (server: { leases: { leases: readonly { address: number; state: string }[] } }): string[] =>
  server.leases.leases.map(({ address, state }) => `${formatIpv4(address)} ${state}`);

// @rfc 2131 4.3.1
t.test('DISCOVER, OFFER, REQUEST, ACK to the station that has no address yet: exact options', (t) => {
  const { ask, request, last, server } = serverBench(t, QUICK);
  t.strictSame(ask(DHCPDISCOVER, { options: { 55: Uint8Array.of(6, 3, 1, 15), 61: Uint8Array.of(7, 8) } }), [
    '> 02:00:00:00:01:01 192.0.2.1.67 > 192.0.2.100.68: OFFER yiaddr 192.0.2.100 server 192.0.2.1',
  ]);
  t.strictSame(
    [...last().options].map(([code, value]) => `${code}: ${value.join('.')}`),
    [
      '53: 2',
      '54: 192.0.2.1',
      '61: 7.8',
      '51: 0.0.2.88',
      '58: 0.0.1.44',
      '59: 0.0.2.13',
      '1: 255.255.255.0',
      '6: 192.0.2.53',
      '3: 192.0.2.1',
      '15: 101.120.97.109.112.108.101',
    ],
  );
  t.strictSame(table(server), ['192.0.2.100 offered']);
  t.strictSame(
    request('192.0.2.100'),
    ['> all 192.0.2.1.67 > 255.255.255.255.68: NAK server 192.0.2.1'],
    'without the identifier it is another client',
  );
  t.strictSame(
    ask(DHCPREQUEST, {
      options: { 50: ip4('192.0.2.100'), 54: ip4(SERVER), 61: Uint8Array.of(7, 8), 12: Buffer.from('web') },
    }),
    ['> 02:00:00:00:01:01 192.0.2.1.67 > 192.0.2.100.68: ACK yiaddr 192.0.2.100 server 192.0.2.1'],
  );
  t.strictSame(server.save(), [
    { address: '192.0.2.100', client: 'id:0708', state: 'bound', expiresAt: 601_100, hostname: 'web' },
  ]);
  t.match(server.counters, { discovers: 1, requests: 2, offers: 1, acks: 1, naks: 1 });
  t.end();
});

// @rfc 2131 4.1
t.test('where an answer goes: broadcast flag, ciaddr, relay', (t) => {
  const { ask, peer, clock, take } = serverBench(t, {
    subnets: [SUBNET, { prefix: '198.51.100.0/24', ranges: ['198.51.100.5'] }],
    probeMs: 0,
  });
  t.strictSame(ask(DHCPDISCOVER, { change: { broadcast: true } }), [
    '> all 192.0.2.1.67 > 255.255.255.255.68: OFFER broadcast yiaddr 192.0.2.100 server 192.0.2.1',
  ]);
  const relayed = { giaddr: parseIpv4('192.0.2.9'), hops: 1 };
  const resolve = (ip: string): string[] => {
    peer.send(arp(2, macOf(9), ip, SERVER_MAC, SERVER));
    clock.drain();
    return take();
  };
  t.strictSame(ask(DHCPDISCOVER, { host: 2, change: relayed, from: '192.0.2.9', to: SERVER }), [
    '> all ARP who-has 192.0.2.9 tell 192.0.2.1',
  ]);
  t.strictSame(resolve('192.0.2.9'), [
    '> 02:00:00:00:01:09 192.0.2.1.67 > 192.0.2.9.67: OFFER yiaddr 192.0.2.101 giaddr 192.0.2.9 server 192.0.2.1',
  ]);
  t.strictSame(
    ask(DHCPREQUEST, {
      host: 3,
      from: '192.0.2.9',
      to: SERVER,
      change: relayed,
      options: { 50: ip4('203.0.113.5'), 82: Uint8Array.of(1, 1, 7) },
    }),
    ['> 02:00:00:00:01:09 192.0.2.1.67 > 192.0.2.9.67: NAK broadcast giaddr 192.0.2.9 server 192.0.2.1'],
    'a relay is told to broadcast a refusal',
  );
  const inform = { ciaddr: parseIpv4('192.0.2.77') };
  ask(DHCPINFORM, { change: inform, from: '192.0.2.77', to: SERVER });
  t.strictSame(
    resolve('192.0.2.77'),
    ['> 02:00:00:00:01:09 192.0.2.1.67 > 192.0.2.77.68: ACK ciaddr 192.0.2.77 server 192.0.2.1'],
    'no lease goes with the answer to INFORM',
  );
  t.end();
});

t.test('a relay decides on the subnet; its option 82 comes back as it was', (t) => {
  const far = { prefix: '198.51.100.0/24', ranges: ['198.51.100.5'], options: { routers: ['198.51.100.1'] } };
  const { ask, stack, peer, clock, take, last } = serverBench(t, { subnets: [SUBNET, far], probeMs: 0 });
  stack.addRoute({ to: '198.51.100.0/24', via: '192.0.2.9' });
  const change = { giaddr: parseIpv4('198.51.100.1') };
  ask(DHCPDISCOVER, { change, from: '192.0.2.9', to: SERVER, options: { 82: Uint8Array.of(1, 2, 3, 4) } });
  peer.send(arp(2, macOf(9), '192.0.2.9', SERVER_MAC, SERVER));
  clock.drain();
  t.match(take(), [/198.51.100.1.67: OFFER yiaddr 198.51.100.5 giaddr 198.51.100.1 server 192.0.2.1$/]);
  t.strictSame([...last().options].at(-1), [82, Buffer.from([1, 2, 3, 4])]);
  t.end();
});

// @rfc 2131 4.3.2
t.test("REQUEST: renewal, INIT-REBOOT, another server, another network, what is another's", (t) => {
  const { ask, lease, server, clock } = serverBench(t, QUICK);
  const address = lease(1);
  clock.advance(300_000);
  const at = parseIpv4(address);
  ask(DHCPREQUEST, { change: { ciaddr: at }, from: address, to: SERVER });
  t.equal(server.leases.at(at)?.expiresAt, clock.now() + 600_000, 'renewed');
  const boot = (host: number, text: string): string[] =>
    ask(DHCPREQUEST, { host, options: { 50: ip4(text) } });
  t.match(boot(1, address), [/ACK/]);
  t.match(boot(2, address), [/^> all .*NAK/], 'it is not his');
  t.match(boot(2, '10.0.0.1'), [/NAK/], 'another network');
  t.match(boot(2, '192.0.2.102'), [/ACK/], 'nobody has it');
  t.strictSame(ask(DHCPREQUEST, { host: 3, options: { 50: ip4('192.0.2.101'), 54: ip4('192.0.2.7') } }), []);
  t.strictSame(ask(DHCPREQUEST, { host: 3 }), []);
  t.strictSame(
    ask(DHCPREQUEST, { host: 3, options: { 50: ip4('192.0.2.101') }, change: { ciaddr: at } }),
    [],
  );
  t.match(server.counters.dropped, { otherServer: 1, inconsistent: 2 });
  t.end();
});

t.test('who chose another server frees what was offered to him', (t) => {
  const { ask, server } = serverBench(t, QUICK);
  ask(DHCPDISCOVER);
  ask(DHCPREQUEST, { options: { 50: ip4('192.0.2.200'), 54: ip4('192.0.2.7') } });
  t.strictSame(table(server), []);
  t.equal(server.leases.freeAddresses, 3);
  t.end();
});

t.test('a server that is not authoritative keeps silent about what it does not know', (t) => {
  const { ask, lease, server } = serverBench(t, { ...QUICK, authoritative: false });
  t.strictSame(ask(DHCPREQUEST, { options: { 50: ip4('192.0.2.100') } }), []);
  t.strictSame(ask(DHCPREQUEST, { options: { 50: ip4('10.0.0.1') } }), []);
  t.equal(server.counters.dropped.unknownClient, 2);
  lease(1);
  t.end();
});

t.test(
  'addresses: the one that a client had, the one that he wishes, what was free longest; then none',
  (t) => {
    const { ask, lease, server, clock, last } = serverBench(t, QUICK);
    ask(DHCPDISCOVER, { options: { 50: ip4('192.0.2.102') } });
    t.equal(formatIpv4(last().yiaddr), '192.0.2.102');
    clock.advance(60_001);
    t.strictSame(table(server), [], 'an offer is kept for a minute');
    t.equal(lease(1), '192.0.2.102', 'the same again');
    t.strictSame([lease(2), lease(3)], ['192.0.2.100', '192.0.2.101']);
    t.strictSame(ask(DHCPDISCOVER, { host: 4 }), []);
    t.equal(server.counters.dropped.noAddress, 1);
    clock.advance(600_001);
    t.equal(server.counters.expired, 3);
    t.equal(lease(4), '192.0.2.102', 'free longest');
    t.equal(lease(2), '192.0.2.100');
    t.end();
  },
);

t.test("RELEASE and DECLINE of one's own; of another's they are nothing", (t) => {
  const { ask, lease, server, clock } = serverBench(t, { ...QUICK, quarantine: 100 });
  const address = lease(1);
  const own = {
    change: { ciaddr: parseIpv4(address) },
    options: { 54: ip4(SERVER) },
    from: address,
    to: SERVER,
  };
  ask(DHCPRELEASE, { ...own, host: 2 });
  ask(DHCPDECLINE, { host: 2, options: { 50: ip4(address), 54: ip4(SERVER) } });
  t.strictSame(table(server), [`${address} bound`]);
  t.equal(server.counters.dropped.notHis, 2);
  ask(DHCPRELEASE, own);
  t.strictSame(table(server), []);
  lease(1);
  t.strictSame(ask(DHCPDECLINE, { options: { 50: ip4(address), 54: ip4(SERVER) } }), []);
  t.strictSame(table(server), [`${address} declined`]);
  t.not(lease(1), address);
  clock.advance(100_001);
  t.notOk(table(server).includes(`${address} declined`), 'until the quarantine is over');
  t.end();
});

t.test('reservations: by address or identifier, never for anybody else; with a name', (t) => {
  const reservations = [
    { mac: macOf(7), address: '192.0.2.100', hostname: 'printer' },
    { clientId: Uint8Array.of(9, 9), address: '192.0.2.7' },
  ];
  const { ask, request, lease, last } = serverBench(t, { ...QUICK, subnets: [{ ...SUBNET, reservations }] });
  t.equal(lease(1), '192.0.2.101');
  t.match(request('192.0.2.100', 1), [/NAK/]);
  t.equal(lease(7), '192.0.2.100');
  t.equal(Buffer.from(last().options.get(12) ?? []).toString(), 'printer');
  ask(DHCPDISCOVER, { host: 2, options: { 61: Uint8Array.of(9, 9) } });
  t.equal(formatIpv4(last().yiaddr), '192.0.2.7');
  t.end();
});

t.test('a reserved address that somebody else has: another one meanwhile', (t) => {
  const reservations = [{ mac: macOf(7), address: '192.0.2.7' }];
  const { ask, lease } = serverBench(t, { ...QUICK, subnets: [{ ...SUBNET, reservations }] });
  t.equal(lease(7), '192.0.2.7');
  ask(DHCPDECLINE, { host: 7, options: { 50: ip4('192.0.2.7'), 54: ip4(SERVER) } });
  t.equal(lease(7), '192.0.2.100');
  t.end();
});

t.test('lease times: what is asked for, at most the longest', (t) => {
  const { ask, last } = serverBench(t, QUICK);
  const timeFor = (asked: number): number => {
    ask(DHCPDISCOVER, { options: { 51: seconds(asked) } });
    return Buffer.from(last().options.get(51)!).readUInt32BE();
  };
  t.strictSame([100, 900, 5000, 0xffffffff].map(timeFor), [100, 900, 1200, 1200]);
  t.end();
});

t.test('an address is looked for before it is offered: ARP and ping; who answers is left in peace', (t) => {
  const { ask, peer, clock, take, server } = serverBench(t, { ...QUICK, probeMs: 500 });
  t.strictSame(ask(DHCPDISCOVER), ['> all ARP who-has 192.0.2.100 tell 192.0.2.1']);
  t.strictSame(ask(DHCPDISCOVER), [], 'a second one does not ask again');
  clock.advance(501);
  t.match(take(), [/OFFER yiaddr 192.0.2.100/], 'nobody has it');
  t.strictSame(ask(DHCPDISCOVER, { host: 2 }), ['> all ARP who-has 192.0.2.101 tell 192.0.2.1']);
  peer.send(arp(2, macOf(9), '192.0.2.101', SERVER_MAC, SERVER));
  clock.drain();
  t.match(take(), ['> 02:00:00:00:01:09 192.0.2.1 > 192.0.2.101 proto 1'], 'the ping');
  clock.advance(501);
  const asking = '> all ARP who-has 192.0.2.102 tell 192.0.2.1';
  t.ok(take().includes(asking), 'who answers ARP but no ping is there');
  peer.send(arp(2, macOf(9), '192.0.2.102', SERVER_MAC, SERVER));
  clock.drain();
  const [echo] = peer.take();
  const reply = icmp(0, 0, echo!.readUInt32BE(38), echo!.subarray(42));
  const packet = datagram({ source: '192.0.2.102', destination: SERVER, payload: reply });
  peer.send(
    Buffer.concat([
      Buffer.from('020000000001', 'hex'),
      Buffer.from(macOf(9).replaceAll(':', ''), 'hex'),
      Buffer.from([8, 0]),
      packet,
    ]),
  );
  clock.advance(501);
  t.strictSame(take(), []);
  t.strictSame(table(server), ['192.0.2.100 offered', '192.0.2.101 declined', '192.0.2.102 declined']);
  t.match(server.counters, { conflicts: 2, dropped: { noAddress: 1 } });
  t.end();
});

t.test('what the store holds is there after a restart; what is over or wrong is not', (t) => {
  const kept = new Map<string, SavedServerLease>();
  const store = {
    load: (): unknown[] => [
      ...kept.values(),
      null,
      { address: 'x' },
      { address: '10.0.0.1', client: '', state: 'bound', expiresAt: null, hostname: '' },
    ],
    put: (lease: SavedServerLease) => void kept.set(lease.address, lease),
    remove: (address: string) => void kept.delete(address),
  };
  const first = serverBench(t, { ...QUICK, store });
  const address = first.lease(1);
  first.lease(2);
  first.ask(DHCPRELEASE, {
    host: 2,
    change: { ciaddr: parseIpv4('192.0.2.101') },
    options: { 54: ip4(SERVER) },
    from: '192.0.2.101',
    to: SERVER,
  });
  t.strictSame([...kept.keys()], [address]);
  const second = serverBench(t, { ...QUICK, store });
  t.strictSame(table(second.server), [`${address} bound`]);
  t.match(second.request(address, 1), [/ACK/]);
  t.equal(second.lease(2), '192.0.2.101');
  second.ask(DHCPDISCOVER, { host: 3 });
  const moved = JSON.parse(JSON.stringify(second.server.save())) as SavedServerLease[];
  const third = serverBench(t, { ...QUICK, store: { ...store, load: () => moved } });
  t.strictSame(table(third.server), table(second.server));
  t.match(third.request('192.0.2.102', 3), [/ACK/], 'an offer holds on the other machine too');
  t.end();
});

t.test('a store that throws ends nothing', (t) => {
  const fails = (): never => {
    throw new Error('the disk is full');
  };
  const { lease, ask, server } = serverBench(t, {
    ...QUICK,
    store: { load: () => [], put: fails, remove: fails },
  });
  const address = lease(1);
  const own = { change: { ciaddr: parseIpv4(address) }, options: { 54: ip4(SERVER) } };
  ask(DHCPRELEASE, { ...own, from: address, to: SERVER });
  t.strictSame(table(server), []);
  t.end();
});

t.test('what is no request, or of no use, is counted by its reason', (t) => {
  const { ask, server, peer, clock } = serverBench(t, QUICK);
  const { dropped } = server.counters;
  t.strictSame(ask(DHCPOFFER), []);
  ask(DHCPACK);
  ask(DHCPNAK);
  ask(DHCPDISCOVER, { change: { op: 2 } });
  ask(DHCPDISCOVER, { change: { htype: 6 } });
  ask(DHCPDISCOVER, { change: { chaddr: Uint8Array.of(1, 0, 0, 0, 0, 1) } });
  ask(DHCPDISCOVER, { change: { giaddr: parseIpv4('203.0.113.1') } });
  ask(DHCPINFORM, { change: { ciaddr: parseIpv4('203.0.113.9') } });
  peer.send(udpFrame('ff:ff:ff:ff:ff:ff', macOf(1), '0.0.0.0', 68, '255.255.255.255', 67, Buffer.alloc(239)));
  clock.drain();
  t.match(dropped, { notRequest: 4, hardware: 2, noSubnet: 1, inconsistent: 1, malformed: 1 });
  t.strictSame(peer.take(), []);
  t.end();
});

t.test('options that are wrong are named', (t) => {
  const { stack, server } = serverBench(t, QUICK);
  t.throws(() => stack.serveDhcp('eth0', QUICK), /EEXIST/);
  server.close();
  const wrong =
    (change: object): (() => void) =>
    () =>
      void stack.serveDhcp('eth0', { subnets: [{ ...SUBNET, ...change }] });
  t.throws(wrong({ prefix: '192.0.2.0/31' }), /192.0.2.0\/31/);
  t.throws(wrong({ ranges: ['192.0.2.9-192.0.2.1'] }), /range/);
  t.throws(wrong({ ranges: ['192.0.3.1'] }), /no host of/);
  t.throws(wrong({ ranges: ['192.0.2.255'] }), /no host of/);
  t.throws(wrong({ leaseTime: 1 }), /lease time/);
  t.throws(wrong({ options: { dnsServers: ['x'] } }), /x is no IPv4/);
  t.throws(wrong({ options: { domain: 'a\nb' } }), /a/);
  t.throws(wrong({ options: { mtu: 20 } }), /mtu/);
  t.throws(wrong({ options: { raw: { 53: Uint8Array.of(1) } } }), /option 53/);
  t.throws(wrong({ reservations: [{ address: '192.0.2.5' }] }), /a mac or a clientId/);
  t.throws(wrong({ prefix: '10.0.0.0/8', ranges: ['10.0.0.1-10.9.0.0'] }), /more than 65536/);
  stack.serveDhcp('eth0', {
    subnets: [
      {
        ...SUBNET,
        options: {
          search: ['a.example'],
          routes: [{ to: 'default', via: SERVER }],
          staticRoutes: [{ to: '10.0.0.0/8', via: SERVER }],
          tftpServer: 't',
          bootFile: 'b',
          ntpServers: [SERVER],
          mtu: 1400,
          raw: { 43: Uint8Array.of(1) },
        },
      },
    ],
  });
  t.end();
});
