import assert from 'node:assert/strict';
import { VirtualClock } from '../../device/clock/virtual.ts';
import { ETH_HLEN } from '../../device/frame/ethernet.ts';
import { isValidMac, MAC_ZERO, setMac } from '../../device/frame/mac.ts';
import { Machine } from '../../device/machine.ts';
import type { Packet } from '../../device/memory/packet.ts';
import { PacketPool } from '../../device/memory/pool.ts';
import {
  ARPHRD_ETHER,
  ARPHRD_LOOPBACK,
  ARPHRD_NONE,
  NETDEV_TX_BUSY,
  NETDEV_TX_OK,
} from '../../device/netdevice/flags.ts';
import type { Link } from '../../device/netdevice/link.ts';
import { LinkStatistics } from '../../device/netdevice/statistics.ts';
import { SeededEntropy } from '../../device/random.ts';
import { CompliancePort } from './compliance-port.ts';
import type { DriverPeer } from './link-peer.ts';

/** Any test runner with named tests that may be asynchronous: `t` of tap, `node:test`, or an object made for the purpose. */
export interface TestRunner {
  test(name: string, run: () => Promise<void>): unknown;
}

/** One fresh link with its surroundings. */
export interface DriverFixture {
  readonly link: Link;
  /** The far end; null for a link that receives what it sends. */
  readonly peer: DriverPeer | null;
}

export interface DriverComplianceOptions {
  /** Makes a link and its far end on `machine`; called once a check. */
  create(machine: Machine): DriverFixture;
  /** The machine to run on; when left out one in virtual time, with a small pool in debug mode. */
  machine?(): Machine;
  /** Lets what is under way arrive; when left out the virtual clock moves on by a second. */
  settle?(machine: Machine): void | Promise<void>;
}

const FRAME = 100;
const FLOOD = 48;

/**
 * Checks a driver against the contract of {@link Link}, each point a test of `runner`: what a third party's driver must pass
 * before a stack runs on it. A driver with a real device behind it brings a machine on a real clock and a `settle` that waits.
 */
export function driverCompliance(runner: TestRunner, options: DriverComplianceOptions): void {
  for (const [name, check] of Object.entries(CHECKS)) {
    runner.test(name, async () => {
      const session = new Session(options);
      try {
        await check(session);
        await session.end();
      } finally {
        session.abandon();
      }
    });
  }
}

/** One link under test, from its making to the proof that it left nothing behind. */
class Session {
  readonly machine: Machine;
  readonly link: Link;
  readonly peer: DriverPeer | null;
  readonly port: CompliancePort;
  readonly #options: DriverComplianceOptions;
  readonly #timers: number;
  readonly #packets: number;
  #bound = false;
  #closed = false;

  constructor(options: DriverComplianceOptions) {
    this.#options = options;
    this.machine = options.machine?.() ?? virtualMachine();
    this.#timers = this.machine.clock.pendingTimers();
    this.#packets = this.machine.pool.inUse;
    const { link, peer } = options.create(this.machine);
    this.link = link;
    this.peer = peer;
    this.port = new CompliancePort(this.machine, link.carrier);
  }

  /** Frames that came through: at the far end, or back here. */
  get arrived(): readonly Uint8Array[] {
    return this.peer === null ? this.port.received : this.peer.received;
  }

  bind(): void {
    this.link.bind(this.port);
    this.#bound = true;
  }

  /** Binds the link, opens both ends, and waits for the carrier. */
  async start(): Promise<void> {
    this.bind();
    this.open();
    this.peer?.open();
    await this.settle();
    assert.equal(this.port.carrier, true, 'carrier with both ends open');
  }

  open(): void {
    this.port.opened = true;
    assert.equal(this.link.open(), 0, 'open');
  }

  stop(): void {
    this.link.stop();
    this.port.opened = false;
  }

  async settle(): Promise<void> {
    if (this.#options.settle !== undefined) {
      await this.#options.settle(this.machine);
      return;
    }
    const { clock } = this.machine;
    assert.ok(clock instanceof VirtualClock, 'on another clock than the virtual one, give `settle`');
    clock.advance(1000);
  }

  /** A frame that is told from others by `n`: Ethernet from a station of its own to ours, or a raw IPv4 packet. */
  frame(n: number, length = FRAME): Uint8Array {
    const bytes = new Uint8Array(Math.max(length, ETH_HLEN));
    for (let i = 0; i < length; i++) bytes[i] = (n * 31 + i) & 0xff;
    if (this.link.type === ARPHRD_NONE) {
      bytes[0] = 0x45;
      return bytes.subarray(0, length);
    }
    const view = new DataView(bytes.buffer);
    setMac(view, 0, this.link.address);
    setMac(view, 6, 0x02000000aa00 + (n & 0xff));
    view.setUint16(12, 0x88b5);
    return bytes.subarray(0, length);
  }

  packet(frame: Uint8Array): Packet {
    const packet = this.machine.pool.from(frame);
    assert.ok(packet !== null, 'a free slot for the test');
    return packet;
  }

  /** Hands one packet to the driver as a device does. Returns whether it was taken. */
  transmit(packet: Packet): boolean {
    const result = this.link.startXmit(packet);
    assert.ok(result === NETDEV_TX_OK || result === NETDEV_TX_BUSY, `startXmit answered ${result}`);
    if (result === NETDEV_TX_OK) return true;
    assert.ok(this.port.queueStopped, 'BUSY is only right after stopQueue');
    packet.release();
    return false;
  }

  async send(frame: Uint8Array): Promise<void> {
    assert.ok(this.transmit(this.packet(frame)), 'an idle link takes a frame');
    this.link.flush?.();
    await this.settle();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#bound) this.bind();
    this.link.close();
    this.port.closed = true;
  }

  async end(): Promise<void> {
    this.stop();
    this.close();
    this.peer?.close();
    await this.settle();
    assert.deepEqual(this.port.breaches, []);
    assert.equal(this.machine.pool.inUse, this.#packets, 'packets left behind');
    assert.equal(this.machine.clock.pendingTimers(), this.#timers, 'timers left behind');
  }

  /** Frees what it can after a failed check, so that the next one starts clean. */
  abandon(): void {
    this.close();
  }
}

function virtualMachine(): Machine {
  return new Machine({
    clock: new VirtualClock(),
    entropy: new SeededEntropy(1),
    pool: new PacketPool({ small: 64, large: 4, pages: 4, debug: true }),
  });
}

const CHECKS: Record<string, (session: Session) => Promise<void>> = {
  async 'describes itself'({ link }) {
    assert.match(link.kind, /^[a-z][a-z0-9_-]*$/, 'kind');
    assert.ok([ARPHRD_ETHER, ARPHRD_LOOPBACK, ARPHRD_NONE].includes(link.type), 'type');
    if (link.type === ARPHRD_ETHER) assert.ok(isValidMac(link.address), 'an Ethernet link has an address');
    else assert.equal(link.address, MAC_ZERO, 'other links have none');
    assert.ok(link.mtu >= link.minMtu, 'mtu >= minMtu');
    assert.ok(link.maxMtu === 0 || link.mtu <= link.maxMtu, 'mtu <= maxMtu');
    assert.ok(Number.isInteger(link.txQueueLength) && link.txQueueLength >= 0, 'txQueueLength');
    assert.ok(link.receiveQueueFrames > 0, 'receiveQueueFrames');
  },

  async 'closes without ever having been opened'(session) {
    session.bind();
    session.close();
  },

  async 'receives nothing before it is opened'(session) {
    session.bind();
    session.peer?.open();
    session.peer?.send(session.frame(1));
    await session.settle();
    assert.equal(session.port.received.length, 0);
  },

  async 'sends what it is given, byte for byte and in order'(session) {
    await session.start();
    const frames = [1, 2, 3].map((n) => session.frame(n));
    for (const frame of frames) assert.ok(session.transmit(session.packet(frame)));
    session.link.flush?.();
    await session.settle();
    assert.deepEqual(session.arrived.map(hex), frames.map(hex));
  },

  async 'receives what the far end sends, byte for byte and in order'(session) {
    await session.start();
    const frames = [4, 5, 6].map((n) => session.frame(n));
    for (const frame of frames) {
      if (session.peer === null) await session.send(frame);
      else session.peer.send(frame);
    }
    await session.settle();
    assert.deepEqual(session.port.received.map(hex), frames.map(hex));
  },

  async 'neither changes nor keeps a packet that others own too'(session) {
    await session.start();
    const frame = session.frame(7);
    const packet = session.packet(frame);
    const { start, end } = packet;
    assert.ok(session.transmit(packet.retain()));
    session.link.flush?.();
    await session.settle();
    assert.deepEqual([packet.start, packet.end], [start, end], 'its offsets');
    assert.equal(hex(packet.bytes()), hex(frame), 'its bytes');
    assert.equal(packet.references, 1, 'its owners');
    packet.release();
    assert.deepEqual(session.arrived.map(hex), [hex(frame)]);
  },

  async 'carries frames up to its MTU'(session) {
    await session.start();
    const { link } = session;
    const longest = link.mtu + (link.type === ARPHRD_NONE ? 0 : ETH_HLEN);
    const frame = session.frame(8, longest);
    await session.send(frame);
    assert.deepEqual(session.arrived.map(hex), [hex(frame)]);
  },

  async 'survives frames that are too short or too long'(session) {
    await session.start();
    const { link } = session;
    const tooLong = Math.min(link.mtu + 2000, 65_800);
    for (const length of [1, 13, 14, tooLong]) {
      if (session.transmit(session.packet(session.frame(9, length)))) link.flush?.();
      session.peer?.send(session.frame(9, length));
      await session.settle();
    }
    const before = session.arrived.length;
    await session.send(session.frame(10));
    assert.equal(hex(session.arrived[before]!), hex(session.frame(10)), 'and goes on');
  },

  async 'takes a flood, or stops its queue and wakes it again'(session) {
    await session.start();
    let taken = 0;
    while (taken < FLOOD && !session.port.queueStopped) {
      if (!session.transmit(session.packet(session.frame(taken)))) break;
      taken++;
    }
    session.link.flush?.();
    await session.settle();
    assert.equal(session.port.queueStopped, false, 'the queue is awake when all is sent');
    assert.ok(
      session.arrived.length + session.port.drops.length >= taken,
      'every frame arrived or was counted',
    );
    assert.ok(taken > 0);
  },

  async 'counts errors only: packets and bytes are its port’s'(session) {
    await session.start();
    await session.send(session.frame(11));
    session.peer?.send(session.frame(12));
    await session.settle();
    assert.deepEqual(session.port.statistics, new LinkStatistics());
  },

  async 'is silent after stop, and works again after another open'(session) {
    await session.start();
    session.peer?.send(session.frame(13));
    if (session.peer === null) session.transmit(session.packet(session.frame(13)));
    session.stop();
    const before = session.port.received.length;
    session.peer?.send(session.frame(14));
    await session.settle();
    assert.equal(session.port.received.length, before, 'nothing after stop');
    session.open();
    await session.settle();
    assert.equal(session.port.carrier, true, 'carrier is back');
    const sent = session.arrived.length;
    await session.send(session.frame(15));
    assert.equal(hex(session.arrived[sent]!), hex(session.frame(15)));
  },

  async 'survives an empty pool'(session) {
    await session.start();
    const { pool } = session.machine;
    const shared = session.packet(session.frame(16)).retain();
    const hoard: Packet[] = [];
    for (let packet = pool.alloc(1); packet !== null; packet = pool.alloc(1)) hoard.push(packet);
    if (session.transmit(shared)) session.link.flush?.();
    session.peer?.send(session.frame(17));
    await session.settle();
    shared.release();
    for (const packet of hoard) packet.release();
    await session.settle();
    const before = session.arrived.length;
    await session.send(session.frame(18));
    assert.equal(hex(session.arrived[before]!), hex(session.frame(18)), 'and goes on');
  },

  async 'frees what is under way when it is closed'(session) {
    await session.start();
    for (let n = 0; n < 4; n++) {
      session.transmit(session.packet(session.frame(n)));
      session.peer?.send(session.frame(n));
    }
    session.stop();
    session.close();
  },

  async 'answers settings with 0 or an error number'(session) {
    await session.start();
    const { link } = session;
    const answers = [
      link.changeMtu?.(Math.max(link.minMtu, 1400)) ?? 0,
      link.setMac?.(0x02000000ee01) ?? 0,
      link.setFeatures?.(link.features) ?? 0,
      link.validateAddress?.() ?? 0,
    ];
    assert.deepEqual(answers, [0, 0, 0, 0]);
    link.setReceiveMode?.(true, true);
    link.setReceiveMode?.(false, false);
    if (link.changeCarrier === undefined) return;
    assert.equal(link.changeCarrier(false), 0);
    assert.equal(session.port.carrier, false);
    assert.equal(link.changeCarrier(true), 0);
    assert.equal(session.port.carrier, true);
  },
};

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
