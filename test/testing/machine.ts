import { VirtualClock } from '../../device/clock/virtual.ts';
import { type LinuxCompat, Machine } from '../../device/machine.ts';
import { PacketPool } from '../../device/memory/pool.ts';
import { netdevEventName } from '../../device/netdevice/events.ts';
import type { NetdevInfo } from '../../device/netdevice/netdev-info.ts';
import { NetDevice, type NetDeviceOptions } from '../../device/netdevice/netdevice.ts';
import { Netns } from '../../device/netdevice/netns.ts';
import type { NotifierBlock } from '../../device/netdevice/notifier.ts';
import { registerDevice } from '../../device/netdevice/registry.ts';
import { SeededEntropy } from '../../device/random.ts';
import { TestLink, type TestLinkOptions } from './test-link.ts';

export interface TestMachine {
  readonly clock: VirtualClock;
  readonly pool: PacketPool;
  readonly machine: Machine;
  readonly ns: Netns;
}

export interface TestMachineOptions {
  seed?: number;
  compat?: Partial<LinuxCompat>;
  linkwatchWindowMs?: number;
  small?: number;
  large?: number;
}

/** A machine in virtual time with a seed and a small pool in debug mode, and one namespace on it. */
export function testMachine(options: TestMachineOptions = {}): TestMachine {
  const clock = new VirtualClock();
  const pool = new PacketPool({
    small: options.small ?? 64,
    large: options.large ?? 4,
    pages: 4,
    debug: true,
  });
  const machine = new Machine({
    clock,
    pool,
    entropy: new SeededEntropy(options.seed ?? 1),
    linkwatchWindowMs: options.linkwatchWindowMs ?? 1000,
    compat: options.compat ?? {},
  });
  return { clock, pool, machine, ns: new Netns(machine) };
}

/** A registered device on a {@link TestLink}. Throws when registration fails. */
export function testDevice(
  ns: Netns,
  options: NetDeviceOptions & { link?: TestLinkOptions } = {},
): { dev: NetDevice; link: TestLink } {
  const link = new TestLink(options.link);
  const dev = new NetDevice(ns, link, options);
  const result = registerDevice(dev);
  if (result < 0) throw new Error(`registerDevice: ${result}`);
  return { dev, link };
}

/** A notifier block that writes each event as `NAME dev`, and answers what `verdict` says (nothing: DONE). */
export class EventLog implements NotifierBlock<NetdevInfo> {
  readonly priority: number;
  readonly events: string[] = [];
  readonly infos: NetdevInfo[] = [];
  verdict: (event: number, info: NetdevInfo) => number | void = () => {};

  constructor(priority = 0) {
    this.priority = priority;
  }

  notify(event: number, info: NetdevInfo): number | void {
    this.events.push(`${netdevEventName(event)} ${info.dev.name}`);
    this.infos.push(info);
    return this.verdict(event, info);
  }

  /** The events so far, which are then forgotten. */
  take(): string[] {
    this.infos.length = 0;
    return this.events.splice(0);
  }
}
