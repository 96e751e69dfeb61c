import type { Clock } from './clock/clock.ts';
import { RealClock } from './clock/real.ts';
import { type PacketPool, sharedPool } from './memory/pool.ts';
import { Linkwatch } from './netdevice/linkwatch.ts';
import type { NetdevInfo } from './netdevice/netdev-info.ts';
import type { Netns } from './netdevice/netns.ts';
import { NotifierChain, type NotifierFault } from './netdevice/notifier.ts';
import { Rtnl } from './netdevice/rtnl.ts';
import type { Segmenter } from './netdevice/segment.ts';
import { type Entropy, RealEntropy } from './random.ts';

/** Where tapir differs from Linux on purpose, a switch an item that brings Linux's behaviour back. All are off by default. */
export interface LinuxCompat {
  /** A notifier block that is removed mid-walk still runs when it had been fetched as the next one. */
  notifierRunsRemovedSuccessor: boolean;
  /** A veto on REGISTER sends UNREGISTER and PRE_UNINIT to every block, also to those never told REGISTER. */
  registerVetoTellsAll: boolean;
  /** PRECHANGEMTU does not carry the proposed MTU. */
  prechangemtuWithoutValue: boolean;
  /** CHANGEADDR is raised also when the address set is the one it was. */
  changeaddrWhenUnchanged: boolean;
  /** Unregistration waits for references, sending UNREGISTER again every second. */
  waitForReferences: boolean;
  /** Milliseconds to which protocol timers are rounded up, 4 for a kernel with HZ=250; 0: no rounding. */
  jiffyMs: number;
  /** Least milliseconds of `retrans_time`, 10 in Linux; 0: no floor. */
  retransFloorMs: number;
  /** The unresolved queue's limit counts a packet's whole buffer (`truesize`) instead of its bytes. */
  unresolvedByTruesize: boolean;
}

const NO_COMPAT: LinuxCompat = {
  notifierRunsRemovedSuccessor: false,
  registerVetoTellsAll: false,
  prechangemtuWithoutValue: false,
  changeaddrWhenUnchanged: false,
  waitForReferences: false,
  jiffyMs: 0,
  retransFloorMs: 0,
  unresolvedByTruesize: false,
};

/** Every switch set to what Linux does. */
export const LINUX_COMPAT: LinuxCompat = {
  notifierRunsRemovedSuccessor: true,
  registerVetoTellsAll: true,
  prechangemtuWithoutValue: true,
  changeaddrWhenUnchanged: true,
  waitForReferences: true,
  jiffyMs: 4,
  retransFloorMs: 10,
  unresolvedByTruesize: true,
};

export interface MachineOptions {
  /** A {@link RealClock} when left out. */
  clock?: Clock;
  /** The operating system's when left out. */
  entropy?: Entropy;
  /** The thread's shared pool when left out. */
  pool?: PacketPool;
  /** Frames that a device's backlog holds (Linux: `net.core.netdev_max_backlog`); 1000 when left out. */
  maxBacklog?: number;
  /** Milliseconds between two runs of linkwatch for events that are not urgent; 1000 as in Linux, 0: at once. */
  linkwatchWindowMs?: number;
  compat?: Partial<LinuxCompat>;
  /** Hears of listeners that misbehave. */
  fault?: NotifierFault;
}

/**
 * What several namespaces share, and on which the protocols run: time, chance, memory, the configuration lock, the link
 * watcher, and the notifier chain that sees every namespace.
 */
export class Machine {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly pool: PacketPool;
  readonly maxBacklog: number;
  readonly compat: LinuxCompat;
  readonly fault: NotifierFault;
  readonly rtnl: Rtnl;
  readonly linkwatch: Linkwatch;
  /** The global netdev chain (Linux: `netdev_chain`); register through `registerNetdevNotifier` for the replay. */
  readonly chain: NotifierChain<NetdevInfo>;
  readonly namespaces: Netns[] = [];
  /** How super-segments of a kind (`GSO_*`) are cut for links that can't carry them (Linux: `dev_add_offload`). */
  readonly segmenters: Map<number, Segmenter> = new Map();

  constructor(options: MachineOptions = {}) {
    this.clock = options.clock ?? new RealClock();
    this.entropy = options.entropy ?? new RealEntropy();
    this.pool = options.pool ?? sharedPool();
    this.maxBacklog = options.maxBacklog ?? 1000;
    this.compat = { ...NO_COMPAT, ...options.compat };
    this.fault = options.fault ?? (() => {});
    this.chain = new NotifierChain(this.fault);
    this.chain.runRemovedSuccessor = this.compat.notifierRunsRemovedSuccessor;
    this.rtnl = new Rtnl();
    this.linkwatch = new Linkwatch(this.clock, options.linkwatchWindowMs ?? 1000);
  }
}
