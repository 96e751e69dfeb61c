import type { Packet } from '../../device/memory/packet.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Neighbour } from './neighbour.ts';

/** What a protocol (ARP, NDP) brings to its neighbour table (Linux: `neigh_ops` and `neigh_table`'s functions). */
export interface NeighbourOps {
  /** EtherType of the packets that go through the table's entries. */
  readonly protocol: number;
  /** The key under which `key` stands on `dev` (Linux: `INADDR_ANY` for all of a point-to-point link). */
  keyOn(dev: NetDevice, key: number): number;
  /** Sets up a new entry, those that need no resolution with state and address; 0 or a negated errno. */
  construct(entry: Neighbour): number;
  /** Asks for the entry's address; `packet`, which it may read but not keep, is the newest that waits. */
  solicit(entry: Neighbour, packet: Packet | null): void;
  /** Tells the sender of a packet that it was not delivered; takes the packet's ownership. */
  errorReport(entry: Neighbour, packet: Packet): void;
  isMulticast(key: number): boolean;
  formatKey(key: number): string;
}
