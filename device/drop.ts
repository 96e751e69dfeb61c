/**
 * Why packets are dropped. Each layer declares its reasons once, at load time; a drop then costs one addition to a
 * `Float64Array`, and shows under its name everywhere (`tapir stats`, captures, tests).
 */
const names: string[] = [];

/** Declares a reason; names are unique in the process, lower case, layer first: `arp_malformed`. */
export function dropReason(name: string): number {
  if (names.includes(name)) throw new Error(`drop reason ${name} is declared twice`);
  names.push(name);
  return names.length - 1;
}

/** The name of a reason. */
export function dropReasonName(reason: number): string {
  return names[reason] ?? `reason_${reason}`;
}

/** The pool had no free slot. */
export const DROP_POOL_EXHAUSTED: number = dropReason('pool_exhausted');
/** A received frame is shorter than its link header. */
export const DROP_FRAME_TOO_SHORT: number = dropReason('frame_too_short');
/** A frame arrived on a device that is not running. */
export const DROP_DEVICE_NOT_RUNNING: number = dropReason('device_not_running');
/** No handler for the EtherType (Linux: `UNHANDLED_PROTO`, counted in `rx_dropped`). */
export const DROP_UNHANDLED_PROTOCOL: number = dropReason('unhandled_protocol');
/** A frame for another station, heard in promiscuous mode or flooded by a switch (Linux: `OTHERHOST`). */
export const DROP_OTHER_HOST: number = dropReason('other_host');
/** Tagged for a VLAN that this device does not have. */
export const DROP_VLAN_UNKNOWN: number = dropReason('vlan_unknown');
/** The device's backlog of received frames is full (Linux: `net.core.netdev_max_backlog`). */
export const DROP_BACKLOG_FULL: number = dropReason('backlog_full');
/** Sent while the queue discipline is noop: no carrier, or the device is down. */
export const DROP_NO_CARRIER: number = dropReason('no_carrier');
/** The transmit queue is full (pfifo limit). */
export const DROP_QUEUE_FULL: number = dropReason('queue_full');
/** The transmit queue was purged when the device went down or lost its carrier. */
export const DROP_QUEUE_PURGED: number = dropReason('queue_purged');
/** Larger than the device can carry. */
export const DROP_FRAME_TOO_LONG: number = dropReason('frame_too_long');
/** The driver could not send it. */
export const DROP_TRANSMIT_ERROR: number = dropReason('transmit_error');

/** Sees every drop before the packet is released, which it may read but not keep. */
export type DropListener<P, D> = (reason: number, packet: P, device: D | null) => void;

/** Drops counted by reason. */
export class DropCounters {
  #counts = new Float64Array(128);

  add(reason: number, packets = 1): void {
    if (reason >= this.#counts.length) {
      const grown = new Float64Array(reason * 2);
      grown.set(this.#counts);
      this.#counts = grown;
    }
    this.#counts[reason]! += packets;
  }

  get(reason: number): number {
    return this.#counts[reason] ?? 0;
  }

  /** Packets dropped in all. */
  total(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** The reasons that occurred, by name. */
  toJSON(): Record<string, number> {
    const out: Record<string, number> = {};
    names.forEach((name, reason) => {
      const count = this.get(reason);
      if (count > 0) out[name] = count;
    });
    return out;
  }

  /** Puts back what {@link toJSON} gave; unknown names are ignored. */
  load(counts: Readonly<Record<string, number>>): void {
    this.#counts.fill(0);
    for (const [name, count] of Object.entries(counts)) {
      const reason = names.indexOf(name);
      if (reason >= 0) this.add(reason, count);
    }
  }
}
