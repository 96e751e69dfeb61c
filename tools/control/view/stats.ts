import type { PacketPool } from '../../../device/memory/pool.ts';
import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import type { Inet } from '../../../stack/inet.ts';

/** Everything that the stack counts. */
export interface StatsView {
  /** Under the names of `nstat`, zeros included. */
  readonly mib: Readonly<Record<string, number>>;
  /** Dropped packets by reason; reasons that never occurred are left out. */
  readonly drops: Readonly<Record<string, number>>;
  readonly pool: Readonly<Record<string, number>>;
  /** By device: the 25 counters of `struct rtnl_link_stats64`, carrier changes, the transmit queue. */
  readonly devices: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Announcements of this stack's addresses. */
  readonly announcer: Readonly<Record<string, unknown>>;
}

export function statsView(inet: Inet, announcer: Readonly<Record<string, unknown>>): StatsView {
  return {
    mib: inet.mib.toJSON(),
    drops: inet.ns.drops.toJSON(),
    pool: poolView(inet.machine.pool),
    devices: Object.fromEntries(inet.ns.devices.map((dev) => [dev.name, deviceCounters(dev)])),
    announcer,
  };
}

function poolView(pool: PacketPool): Record<string, number> {
  return {
    inUse: pool.inUse,
    highWater: pool.highWater,
    allocated: pool.allocated,
    smallSlots: pool.smallSlots,
    smallFree: pool.smallFree,
    smallExhausted: pool.smallExhausted,
    largeSlots: pool.largeSlots,
    largeFree: pool.largeFree,
    largeExhausted: pool.largeExhausted,
  };
}

function deviceCounters(dev: NetDevice): Record<string, number> {
  return {
    ...Object.fromEntries(Object.entries(dev.statistics)),
    carrierUpCount: dev.carrierUpCount,
    carrierDownCount: dev.carrierDownCount,
    queued: dev.discipline.backlog,
    queueDrops: dev.discipline.drops,
    requeues: dev.discipline.requeues,
  };
}
