import t from 'tap';
import { openDevice } from '../../device/netdevice/admin.ts';
import { NetDevice } from '../../device/netdevice/netdevice.ts';
import { registerDevice } from '../../device/netdevice/registry.ts';
import type { RoomWaiter } from '../../device/netdevice/transmit-room.ts';
import { type TestMachine, testMachine } from '../testing/machine.ts';
import { TestLink } from '../testing/test-link.ts';

/** A link whose peer answers each frame at once, into a queue of ten frames. */
class AnsweringLink extends TestLink {
  override readonly receiveQueueFrames: number = 10;
  look(): void {
    this.calls.push('look');
  }
}

interface Rig extends TestMachine {
  readonly link: TestLink;
  readonly dev: NetDevice;
  /** Names of those who were told of room, in order. */
  readonly told: string[];
}

function rig(link: TestLink): Rig {
  const parts = testMachine({ small: 256 });
  const dev = new NetDevice(parts.ns, link, { name: 'eth0' });
  registerDevice(dev);
  openDevice(dev);
  parts.clock.drain();
  link.calls.length = 0;
  return { ...parts, link, dev, told: [] };
}

function send({ dev, pool }: Rig, frames: number): void {
  for (let i = 0; i < frames; i++) dev.transmit(pool.from(Buffer.alloc(60))!);
}

/** One who sends `frames` when told of room, and waits again when there is none. */
function waiter(r: Rig, name: string, frames = 0): RoomWaiter {
  return {
    waitsForRoom: false,
    roomAvailable() {
      r.told.push(name);
      send(r, frames);
      if (r.dev.room.crowded) r.dev.room.wait(this);
    },
  };
}

t.test('a stopped driver: crowded from 64 packets on, room when they are gone', (t) => {
  const r = rig(new TestLink());
  const { dev, clock, told } = r;
  dev.stopQueue();
  send(r, 63);
  t.notOk(dev.room.crowded);
  send(r, 1);
  t.ok(dev.room.crowded);
  const a = waiter(r, 'a');
  dev.room.wait(a);
  dev.room.wait(a);
  clock.drain();
  t.same(told, []);
  dev.wakeQueue();
  clock.drain();
  t.same(told, ['a'], 'once, though it asked twice');
  t.notOk(a.waitsForRoom);
  t.notOk(dev.room.crowded);
  t.end();
});

t.test('first come, first served, also when the first fills it up again', (t) => {
  const r = rig(new TestLink());
  const { dev, clock, link, told } = r;
  dev.stopQueue();
  send(r, 64);
  for (const name of ['a', 'b', 'c']) dev.room.wait(waiter(r, name, 64));
  for (let round = 0; round < 4; round++) {
    dev.wakeQueue();
    dev.stopQueue();
    clock.drain();
  }
  t.same(told, ['a', 'b', 'c', 'a']);
  t.equal(link.sent.length, 64 * 4);
  dev.wakeQueue();
  t.end();
});

t.test('carrier is lost: those who wait are told, since nothing is ahead of them any more', (t) => {
  const r = rig(new TestLink());
  const { dev, clock, link, told } = r;
  dev.stopQueue();
  send(r, 64);
  dev.room.wait(waiter(r, 'a'));
  link.port.carrierOff();
  clock.advance(2000);
  t.same(told, ['a']);
  t.equal(r.pool.inUse, 0);
  t.end();
});

t.test('a link that answers at once: half of its queue in frames, then it is read first', (t) => {
  const r = rig(new AnsweringLink());
  const { dev, clock, link, told } = r;
  send(r, 4);
  t.notOk(dev.room.crowded);
  send(r, 1);
  t.ok(dev.room.crowded);
  t.equal(dev.discipline.backlog, 0, 'others go on');
  send(r, 1);
  t.equal(link.sent.length, 6);
  dev.room.wait(waiter(r, 'a', 5));
  dev.room.wait(waiter(r, 'b', 5));
  t.same(link.calls, ['look', 'look']);
  link.port.looked?.(1);
  clock.drain();
  t.same(told, [], 'five are still unanswered');
  link.port.looked?.(1);
  clock.drain();
  t.same(told, ['a']);
  t.equal(link.calls.at(-1), 'look', 'b waits, and is told at the next turn');
  link.port.looked?.(Number.POSITIVE_INFINITY);
  clock.drain();
  t.same(told, ['a', 'b']);
  t.end();
});
