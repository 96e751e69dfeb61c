import { EventEmitter } from 'node:events';
import t from 'tap';
import { ENODEV } from '../../device/errno.ts';
import { fromTuntap2, isTuntap2, type Tuntap2Options } from '../../device/link/tuntap2.ts';
import { openDevice } from '../../device/netdevice/admin.ts';
import { ARPHRD_NONE } from '../../device/netdevice/flags.ts';
import { NetDevice } from '../../device/netdevice/netdevice.ts';
import { registerDevice, unregisterDevice } from '../../device/netdevice/registry.ts';
import { testMachine } from '../testing/machine.ts';

type Written = (error?: Error | null) => void;

/**
 * An object with the API of tuntap2's `Tap`, quirks included: neither stream nor emitter, a callback is only seen in third
 * place, getters throw strings while the device is down, and `release` waits for one more frame.
 */
class Tuntap2Double {
  readonly name = 'tap3';
  readonly isTap: boolean;
  isUp = true;
  room = true;
  readonly written: Buffer[] = [];
  readonly callbacks: Written[] = [];
  readonly #events = new EventEmitter();
  #release: (() => void) | undefined;

  constructor(isTap = true) {
    this.isTap = isTap;
  }

  get mtu(): number {
    return 1400;
  }

  get mac(): string[] {
    if (!this.isUp) throw 'device is not up'; // eslint-disable-line no-throw-literal
    return ['e2:00:00:00:00:01'];
  }

  on(event: string, listener: (argument: unknown) => void): this {
    this.#events.on(event, listener);
    return this;
  }

  write(chunk: Uint8Array, encoding: unknown, callback?: Written): boolean {
    if (typeof encoding === 'function') throw new Error('a callback in second place is lost');
    this.written.push(Buffer.from(chunk));
    if (callback !== undefined) this.callbacks.push(callback);
    return this.room;
  }

  release(callback?: () => void): void {
    this.#release = callback;
  }

  emit(event: string, argument?: unknown): void {
    this.#events.emit(event, argument);
    if (event !== 'data' || this.#release === undefined) return;
    this.#release();
    this.#events.emit('close');
  }
}

const FRAME = Buffer.concat([Buffer.from('ffffffffffff02000000000988b5', 'hex'), Buffer.alloc(46, 5)]);

function rig(double = new Tuntap2Double(), options: Tuntap2Options = {}, small = 8) {
  const parts = testMachine({ small, large: 0 });
  const link = fromTuntap2(parts.machine, double, options);
  const dev = new NetDevice(parts.ns, link, { name: 'tap3' });
  const frames: Buffer[] = [];
  dev.receiveHandler = (packet) => {
    frames.push(Buffer.from(parts.pool.u8.subarray(packet.link, packet.end)));
    packet.release();
    return true;
  };
  registerDevice(dev);
  openDevice(dev);
  return { ...parts, double, link, dev, frames };
}

t.test('what counts as a tuntap2 device is its shape', (t) => {
  t.ok(isTuntap2(new Tuntap2Double()));
  const { machine } = testMachine();
  for (const other of [
    null,
    undefined,
    5,
    'tap0',
    {},
    new EventEmitter(),
    Object.assign({}, new Tuntap2Double()),
  ]) {
    t.notOk(isTuntap2(other));
    t.throws(() => fromTuntap2(machine, other), { code: 'EINVAL', syscall: 'tuntap2' });
  }
  t.end();
});

t.test('address and MTU: ours differs from the kernel side, whose getters may throw strings', (t) => {
  const up = rig();
  t.equal(up.link.name, 'tap3');
  t.equal(up.dev.mtu, 1400);
  t.not(up.dev.address, 0xe20000000001);
  t.equal(Math.floor(up.dev.address / 2 ** 40) & 3, 2, 'locally administered, unicast');
  const down = new Tuntap2Double();
  down.isUp = false;
  t.equal(rig(down, { mac: 0x020000000007, mtu: 1300 }).dev.address, 0x020000000007);
  t.equal(rig(down).dev.mtu, 1400);
  const raw = rig(new Tuntap2Double(false));
  t.equal(raw.dev.type, ARPHRD_NONE);
  t.equal(raw.dev.address, 0);
  t.end();
});

t.test('one chunk is one frame, both ways', (t) => {
  const { double, dev, frames, pool, link } = rig();
  double.emit('data', FRAME);
  double.emit('data', FRAME.subarray(0, 30));
  double.emit('data', 'no bytes');
  t.same(frames, [FRAME, FRAME.subarray(0, 30)]);
  t.equal(dev.statistics.rxPackets, 2);

  dev.transmit(pool.from(FRAME)!);
  t.same(double.written, [FRAME]);
  t.equal(pool.inUse, 0, 'the frame was copied out');
  t.equal(link.pendingWrites, 1);
  double.callbacks.shift()!();
  t.equal(link.pendingWrites, 0);
  t.end();
});

t.test('flow control: write says no, drain says go', (t) => {
  const { double, dev, pool } = rig();
  double.room = false;
  dev.transmit(pool.from(FRAME)!);
  t.ok(dev.queueStopped);
  dev.transmit(pool.from(FRAME)!);
  dev.transmit(pool.from(FRAME)!);
  t.equal(double.written.length, 1);
  t.equal(dev.discipline.backlog, 2);
  double.room = true;
  double.emit('drain');
  t.equal(double.written.length, 3);
  t.notOk(dev.queueStopped);
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('errors are counted once, and throw nothing', (t) => {
  const { double, dev, pool, ns } = rig();
  dev.transmit(pool.from(FRAME)!);
  const error = Object.assign(new Error('write EIO'), { errno: -5 });
  double.callbacks.shift()!(error);
  double.emit('error', error);
  t.equal(dev.statistics.txErrors, 1);
  t.equal(dev.statistics.txCarrierErrors, 1);
  double.emit('error', 'a string');
  t.equal(dev.statistics.txErrors, 2);

  double.write = () => {
    throw new Error('write after end');
  };
  dev.transmit(pool.from(FRAME)!);
  t.equal(dev.statistics.txErrors, 3);
  t.same(ns.drops.toJSON(), { transmit_error: 1 });
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('an empty pool drops and counts', (t) => {
  const { double, dev, link, pool } = rig(new Tuntap2Double(), {}, 1);
  const held = pool.alloc(60)!;
  double.emit('data', FRAME);
  t.equal(dev.statistics.rxDropped, 1);
  t.equal(link.exhausted, 1);
  held.release();
  double.emit('data', FRAME);
  t.equal(dev.statistics.rxPackets, 1);
  t.end();
});

t.test('the device closes by itself', (t) => {
  const { double, dev, pool, link, ns } = rig();
  double.emit('close');
  t.equal(dev.carrier, false);
  t.equal(link.startXmit(pool.from(FRAME)!), 0);
  t.same(ns.drops.toJSON(), { tuntap2_closed: 1 });
  t.equal(pool.inUse, 0);
  t.equal(link.open(), -ENODEV);
  t.end();
});

t.test('closing does not wait for the frame that release waits for', (t) => {
  const { double, dev, frames, pool } = rig();
  unregisterDevice(dev);
  double.emit('data', FRAME);
  t.same(frames, [], 'and nothing is delivered after it');
  t.equal(dev.carrier, true, 'nor is its end a lost carrier');
  t.equal(pool.inUse, 0);
  t.end();
});
