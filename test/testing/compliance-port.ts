import { dropReasonName } from '../../device/drop.ts';
import type { Machine } from '../../device/machine.ts';
import type { Packet } from '../../device/memory/packet.ts';
import type { LinkPort } from '../../device/netdevice/link.ts';
import { LinkStatistics } from '../../device/netdevice/statistics.ts';

/**
 * The user of a link under test. It keeps copies of what it receives, then writes all over the packet, as a receiver may, so
 * that a driver which still shares it is found out; and it notes every breach of the contract.
 */
export class CompliancePort implements LinkPort {
  readonly machine: Machine;
  readonly statistics: LinkStatistics = new LinkStatistics();
  readonly received: Buffer[] = [];
  /** Names of drop reasons, in order. */
  readonly drops: string[] = [];
  /** What the driver did against the rules. */
  readonly breaches: string[] = [];
  /** Whether the driver may call `receive` now. */
  opened = false;
  closed = false;
  carrier: boolean;
  queueStopped = false;

  constructor(machine: Machine, carrier: boolean) {
    this.machine = machine;
    this.carrier = carrier;
  }

  receive(packet: Packet): void {
    this.#take(packet, 'receive');
  }

  enqueue(packet: Packet): void {
    this.#take(packet, 'enqueue');
  }

  drop(packet: Packet, reason: number): void {
    this.#live('drop');
    this.drops.push(dropReasonName(reason));
    packet.release();
  }

  carrierOn(): void {
    this.#live('carrierOn');
    this.carrier = true;
  }

  carrierOff(): void {
    this.#live('carrierOff');
    this.carrier = false;
  }

  stopQueue(): void {
    this.#live('stopQueue');
    this.queueStopped = true;
  }

  wakeQueue(): void {
    this.#live('wakeQueue');
    this.queueStopped = false;
  }

  notifyPeers(): void {
    this.#live('notifyPeers');
  }

  #take(packet: Packet, call: string): void {
    this.#live(call);
    if (!this.opened) this.breaches.push(`${call} while the link is not open`);
    if (packet.pool !== this.machine.pool) this.breaches.push(`${call} of a packet from another pool`);
    if (packet.references !== 1) this.breaches.push(`${call} of a packet with ${packet.references} owners`);
    this.received.push(packet.bytes());
    packet.pool.u8.fill(0xee, packet.start, packet.end);
    packet.start = packet.end;
    packet.release();
  }

  #live(call: string): void {
    if (this.closed) this.breaches.push(`${call} after close`);
  }
}
