import { DROP_POOL_EXHAUSTED, dropReason } from '../../device/drop.ts';
import type { Packet } from '../../device/memory/packet.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { IpContext } from '../ip/context.ts';
import type { RelayedArp } from './messages.ts';

/** More ARP frames came than the owner of the neighbours deals with. */
export const DROP_ARP_RELAY_FULL: number = dropReason('arp_relay_full');

/** Frames that are on their way to the owner. */
const MOST_OUTSTANDING = 256;

/** Brings the ARP frames that come to any member of a group to the one that answers and learns. */
export class ArpRelay {
  /** Frames given to the owner, those of them that it has not dealt with yet, and those of others that were dealt with here. */
  relayed = 0;
  outstanding = 0;
  received = 0;
  readonly #context: IpContext;
  readonly #dev: NetDevice;
  readonly #index: number;
  readonly #toOwner: (frame: RelayedArp) => void;

  /** `toOwner` sends a frame, whose buffer it may give away, to whoever is the owner. */
  constructor(context: IpContext, dev: NetDevice, index: number, toOwner: (frame: RelayedArp) => void) {
    this.#context = context;
    this.#dev = dev;
    this.#index = index;
    this.#toOwner = toOwner;
  }

  /** Begins to give away what comes. */
  start(): void {
    this.outstanding = 0;
    this.#context.arp.relay = (packet, dev) => this.#relay(packet, dev);
  }

  /** What comes is dealt with here. */
  stop(): void {
    this.#context.arp.relay = null;
  }

  /** A frame of another member. */
  receive({ bytes }: RelayedArp): void {
    this.received++;
    const packet = this.#context.machine.pool.from(bytes);
    if (packet === null) this.#context.ns.dropUnmade(DROP_POOL_EXHAUSTED);
    else this.#dev.receive(packet);
  }

  /** The owner has dealt with one of ours. */
  settle(): void {
    if (this.outstanding > 0) this.outstanding--;
  }

  #relay(packet: Packet, dev: NetDevice): boolean {
    if (dev !== this.#dev) return false;
    if (this.outstanding >= MOST_OUTSTANDING) {
      dev.drop(packet, DROP_ARP_RELAY_FULL);
      return true;
    }
    this.outstanding++;
    this.relayed++;
    const bytes = packet.pool.u8.slice(packet.link, packet.end) as Uint8Array<ArrayBuffer>;
    this.#toOwner({ kind: 'arp', origin: this.#index, bytes });
    packet.release();
    return true;
  }
}
