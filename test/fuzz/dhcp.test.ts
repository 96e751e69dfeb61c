import t from 'tap';
import { createVeth } from '../../device/link/veth.ts';
import { SeededEntropy } from '../../device/random.ts';
import { createStack } from '../../stack/stack.ts';
import { readDhcp, writeDhcp } from '../../stack/wire/dhcp.ts';
import { clientBench, dhcpOf, ip4, seconds, udpFrame } from '../stack/dhcp/harness.ts';
import { testMachine } from '../testing/machine.ts';
import { Station } from '../testing/station.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? 20261125);
const MUTATIONS = Number(process.env['FUZZ_MUTATIONS'] ?? 100_000);
/** Mutated messages that go the whole way, to a client and to a server. */
const ON_THE_WIRE = 3000;
const OFFER = 2;
const ACK = 5;
const TYPES = [1, 2, 3, 4, 5, 6, 7, 8];

/** Options of every kind, among them the ones whose values have a structure. */
const OPTIONS: Readonly<Record<number, Uint8Array>> = {
  3: ip4('192.0.2.1'),
  6: ip4('192.0.2.53', '192.0.2.54'),
  12: Buffer.from('host'),
  15: Buffer.from('example'),
  26: Uint8Array.of(5, 0xdc),
  28: ip4('192.0.2.255'),
  33: ip4('198.51.100.0', '192.0.2.3'),
  58: seconds(100),
  59: seconds(200),
  119: Buffer.from('\x01a\x07example\0\x01b\xc0\x02', 'latin1'),
  121: Uint8Array.of(0, 192, 0, 2, 1, 24, 198, 51, 100, 192, 0, 2, 3),
};

/** Changes a few bytes, cuts, repeats a part, plays with lengths and the overload option. */
function mutate(bytes: Uint8Array, entropy: SeededEntropy): Buffer {
  let out = Buffer.from(bytes);
  for (let left = 1 + entropy.below(4); left > 0; left--) {
    // Mostly where the options are.
    const at =
      entropy.chance(0.8) && out.length > 240
        ? 240 + entropy.below(out.length - 240)
        : entropy.below(out.length);
    switch (entropy.below(6)) {
      case 0:
        out[at] = entropy.u32();
        break;
      case 1:
        out[at] = out[at]! ^ (1 << entropy.below(8));
        break;
      case 2:
        out = out.subarray(0, Math.max(1, at));
        break;
      case 3:
        out = Buffer.concat([out.subarray(0, at), out.subarray(240 + entropy.below(60))]);
        break;
      case 4:
        out.set([52, 1, entropy.below(5)].slice(0, out.length - at), at);
        break;
      default:
        if (at + 1 < out.length) out.set([entropy.below(256), entropy.below(256)], at);
    }
    if (out.length === 0) return Buffer.from([0]);
  }
  return out.subarray(0, 1400);
}

t.test(
  'a message cut anywhere, and mutated ones: never an exception, and what is read can be written',
  (t) => {
    const entropy = new SeededEntropy(SEED);
    const bench = clientBench(t, { checkAddress: false });
    bench.next();
    const whole = Buffer.from(bench.answer(OFFER, { options: OPTIONS }));
    for (let length = 0; length <= whole.length; length++) readDhcp(whole.subarray(0, length));
    let read = 0;
    for (let i = 0; i < MUTATIONS; i++) {
      const message = readDhcp(mutate(whole, entropy));
      if (typeof message === 'string') continue;
      read++;
      const again = readDhcp(writeDhcp(message, 1472).bytes);
      if (typeof again === 'string') t.fail(`${again} when it was written again`);
    }
    t.ok(read > MUTATIONS / 100, `${read} of ${MUTATIONS} were messages`);
    t.end();
  },
);

t.test('a client in every state hears nonsense, and is one of its states still', (t) => {
  const entropy = new SeededEntropy(SEED + 1);
  const bench = clientBench(t, { checkAddress: false });
  for (let i = 0; i < ON_THE_WIRE; i++) {
    for (const frame of bench.peer.take()) bench.asked = dhcpOf(frame) ?? bench.asked;
    const type = TYPES[entropy.below(TYPES.length)]!;
    const right = bench.answer(entropy.chance(0.5) ? OFFER : type, { leaseTime: 60, options: OPTIONS });
    bench.sayBytes(
      entropy.chance(0.7) ? mutate(right, entropy) : right,
      entropy.chance(0.5) ? '255.255.255.255' : '192.0.2.100',
    );
    if (entropy.chance(0.3)) bench.sayBytes(bench.answer(ACK, { leaseTime: 60, options: OPTIONS }));
    if (entropy.chance(0.01)) bench.peer.down();
    else if (!bench.dev.carrier) bench.peer.up();
    bench.clock.advance(entropy.below(4000));
  }
  const { counters } = bench.client;
  t.ok(counters.acks > 20 && counters.dropped.malformed > 100, JSON.stringify(counters));
  t.ok(bench.addresses().length <= 1);
  bench.peer.up();
  bench.clock.advance(5000);
  bench.client.release();
  t.strictSame(
    [bench.addresses(), bench.routes(), bench.dev.mtu],
    [[], [], 1500],
    'nothing is left of all leases',
  );
  t.end();
});

t.test('a server hears nonsense from a thousand clients, and holds no more than it has', (t) => {
  const entropy = new SeededEntropy(SEED + 2);
  const { clock, machine, pool } = testMachine({ small: 128, large: 4 });
  const [one, other] = createVeth(machine);
  const stack = createStack({ machine });
  stack.addDevice(one, { name: 'eth0', addresses: ['192.0.2.1/24'] });
  const peer = new Station(machine, other);
  clock.advance(1100);
  const server = stack.serveDhcp('eth0', {
    subnets: [
      {
        prefix: '192.0.2.0/24',
        ranges: ['192.0.2.100-192.0.2.119'],
        leaseTime: 60,
        options: { raw: { 43: Buffer.alloc(300) } },
      },
    ],
    quarantine: 60,
  });
  const serverMac = '02:00:00:00:00:01';
  for (let i = 0; i < ON_THE_WIRE; i++) {
    const host = entropy.below(1000);
    const chaddr = Uint8Array.of(2, 0, 0, 1, host >> 8, host & 255);
    const address = 0xc0000264 + entropy.below(20);
    const options = new Map<number, Uint8Array>();
    if (entropy.chance(0.5)) options.set(50, seconds(address));
    if (entropy.chance(0.5)) options.set(54, ip4('192.0.2.1'));
    if (entropy.chance(0.3)) options.set(61, chaddr.subarray(3));
    if (entropy.chance(0.3)) options.set(57, Uint8Array.of(entropy.below(256), 0));
    const ciaddr = entropy.chance(0.3) ? address : 0;
    const { bytes } = writeDhcp({
      op: 1,
      type: TYPES[entropy.below(8)]!,
      htype: 1,
      hops: 0,
      xid: entropy.u32(),
      secs: 0,
      broadcast: true,
      ciaddr,
      yiaddr: 0,
      siaddr: 0,
      giaddr: entropy.chance(0.1) ? entropy.u32() : 0,
      chaddr,
      options,
    });
    const message = entropy.chance(0.5) ? mutate(bytes, entropy) : bytes;
    peer.send(udpFrame('ff:ff:ff:ff:ff:ff', serverMac, '0.0.0.0', 68, '255.255.255.255', 67, message));
    clock.advance(entropy.below(2000));
    const held = server.leases.leases;
    if (held.length + server.leases.freeAddresses !== 20) t.fail(`${held.length} held`);
    if (new Set(held.map((lease) => lease.address)).size !== held.length) t.fail('an address is given twice');
    peer.take();
  }
  const { counters } = server;
  t.ok(
    counters.offers > 50 && counters.acks > 5 && counters.dropped.malformed > 50,
    JSON.stringify(counters),
  );
  clock.advance(200_000);
  t.strictSame(server.leases.leases, [], 'all of it is over some time');
  stack.close();
  t.equal(pool.inUse, 0);
  t.end();
});
