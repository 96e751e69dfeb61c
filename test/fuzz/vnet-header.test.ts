import t from 'tap';
import { Switch } from '../../device/link/switch/switch.ts';
import { TapLink } from '../../device/link/tap.ts';
import { vnetLayout } from '../../device/link/vnet-header.ts';
import { SeededEntropy } from '../../device/random.ts';
import { createStack } from '../../stack/stack.ts';
import { setIpv4Checksum } from '../../stack/wire/ipv4.ts';
import { FakeDriver, type FakeQueue } from '../device/fake-tap.ts';
import { rawDevice } from '../stack/ip/harness.ts';
import { testMachine } from '../testing/machine.ts';
import { TestLink } from '../testing/test-link.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? 20261125);
const FRAMES = Number(process.env['FUZZ_VNET'] ?? 6000);
const LONG_MS = 700_000;
const MAC = Buffer.from('020000000002020000000001', 'hex');

/** A frame of IPv4 to us or, by us, to a host on the other side. */
function frame(protocol: number, payload: number, forwarded: boolean, dontFragment: boolean): Buffer {
  const header = protocol === 6 ? 32 : 8;
  const bytes = Buffer.alloc(14 + 20 + header + payload, 0x5a);
  MAC.copy(bytes);
  bytes.writeUInt16BE(0x0800, 12);
  bytes.fill(0, 14, 14 + 20 + header);
  bytes[14] = 0x45;
  bytes.writeUInt16BE(bytes.length - 14, 16);
  bytes.writeUInt16BE(dontFragment ? 0x4000 : 0, 20);
  bytes[22] = 64;
  bytes[23] = protocol;
  bytes.writeUInt32BE(0x0a000001, 26);
  bytes.writeUInt32BE(forwarded ? 0xc0000207 : 0x0a000002, 30);
  setIpv4Checksum(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 14, 20);
  bytes.writeUInt16BE(1000, 34);
  bytes.writeUInt16BE(80, 36);
  if (protocol === 6) bytes.set([0x80, 0x10, 4, 0], 46);
  else bytes.writeUInt16BE(8 + payload, 38);
  return bytes;
}

/** A header that fits the frame. */
function fitting(bytes: Buffer, gsoSize: number): Buffer {
  const isTcp = bytes[23] === 6;
  const header = Buffer.alloc(vnetLayout.span);
  const several = bytes.length > 34 + (isTcp ? 32 : 8) + gsoSize;
  vnetLayout.encode(
    {
      flags: 1,
      gsoType: several ? (isTcp ? 1 : 5) : 0,
      headerLength: several ? (isTcp ? 66 : 42) : 0,
      gsoSize: several ? gsoSize : 0,
      checksumStart: 34,
      checksumOffset: isTcp ? 16 : 6,
    },
    header,
  );
  return header;
}

/** Changes up to three bytes at random places of the header, of the frame's headers, or both. */
function mutate(entropy: SeededEntropy, header: Buffer, bytes: Buffer): Buffer {
  const kind = entropy.u32() % 4;
  for (let n = entropy.u32() % 3; n >= 0; n--) {
    const value = [0, 1, 0x7f, 0x80, 0xff, entropy.u32() & 0xff][entropy.u32() % 6]!;
    if (kind !== 1) header[entropy.u32() % header.length] = value;
    if (kind === 1 || kind === 2) bytes[12 + (entropy.u32() % 60)] = value;
  }
  const whole = Buffer.concat([header, bytes]);
  return kind === 3 ? whole.subarray(0, entropy.u32() % whole.length) : whole;
}

/** Random frames with headers that fit at first, of which every second is left as it is. */
function* hostile(): Generator<Buffer> {
  const entropy = new SeededEntropy(SEED);
  for (let n = 0; n < FRAMES; n++) {
    const payload = [0, 1, 100, 1448, 1449, 4000, 20_000][entropy.u32() % 7]!;
    const bytes = frame(
      entropy.u32() % 2 === 0 ? 6 : 17,
      payload,
      entropy.u32() % 3 !== 0,
      entropy.u32() % 2 === 0,
    );
    const header = fitting(
      bytes,
      [50, 500, 1448, 3000][payload > 1449 ? 1 + (entropy.u32() % 3) : entropy.u32() % 4]!,
    );
    yield n % 2 === 0 ? Buffer.concat([header, bytes]) : mutate(entropy, header, bytes);
  }
}

function tap(
  machine: ReturnType<typeof testMachine>['machine'],
  mac: number,
): { link: TapLink; queue: FakeQueue } {
  const driver = new FakeDriver();
  const link = new TapLink(machine, { mac }, driver);
  return { link, queue: driver.queues[0]! };
}

t.test(
  'a router between virtio headers and a link without offloads: no exception, no leak, whole frames',
  (t) => {
    const { clock, pool, machine } = testMachine({ seed: SEED, small: 1024, large: 16 });
    const stack = createStack({ machine, sysctl: { 'net.ipv4.ip_forward': 1 } });
    const { link, queue } = tap(machine, 0x020000000002);
    stack.addDevice(link, { name: 'tap0', addresses: ['10.0.0.2/24'] });
    const out = rawDevice(stack, { name: 'out0', addresses: ['192.0.2.1/24'] }).link;
    clock.advance(1);
    const posted = link.rx.posted;
    let longest = 0;
    for (const bytes of hostile()) {
      queue.incoming.push(bytes);
      queue.ready(1, 0);
      for (const sent of out.sent.splice(0)) longest = Math.max(longest, sent.length);
      queue.written.length = 0;
    }
    clock.advance(LONG_MS);
    t.ok(longest > 1400 && longest <= 1500, `frames of at most ${longest} bytes went on`);
    const { drops } = stack.counters();
    for (const reason of [
      'vnet_checksum',
      'vnet_gso_size',
      'vnet_gso_type',
      'vnet_header_length',
      'tap_vnet_header',
    ])
      t.ok(drops[reason]! > 10, `${reason} ${drops[reason]}`);
    t.equal(pool.inUse, posted, 'every slot is back');
    stack.close();
    t.equal(pool.inUse, 0);
    t.end();
  },
);

t.test('a switch between virtio headers and a port without offloads', (t) => {
  const { clock, pool, machine } = testMachine({ seed: SEED, small: 1024, large: 16 });
  const stack = createStack({ machine });
  const bridge = new Switch(machine);
  const { link, queue } = tap(machine, 0x02000000000a);
  const out = new TestLink({ address: 0x020000000003, features: 0 });
  bridge.attach(link, 'in');
  bridge.attach(out, 'out');
  let sent = 0;
  for (const bytes of hostile()) {
    queue.incoming.push(bytes);
    queue.ready(1, 0);
    sent += out.sent.splice(0).length;
  }
  clock.advance(1);
  t.ok(sent > FRAMES / 2, `${sent} frames`);
  t.ok(bridge.drops.toJSON()['segment_unknown']! > 10, 'headers that say something else than the frame');
  bridge.close();
  stack.close();
  t.equal(pool.inUse, 0, 'every slot is back');
  t.end();
});
