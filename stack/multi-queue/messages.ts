import type { MacAddress } from '../../device/frame/mac.ts';
import type { Ipv4 } from '../wire/address.ts';

/** What members of a group tell each other: plain objects, which pass between threads. */
export type GroupMessage = NeighbourNews | NeighbourQuestion | Stray | RelayedArp | Taken;

/** From the owner of the neighbours: what became of one. */
export interface NeighbourNews {
  readonly kind: 'neighbour';
  readonly key: Ipv4;
  readonly mac: MacAddress;
  /** `NUD_PERMANENT`, `NUD_REACHABLE`, `NUD_STALE`, `NUD_FAILED`, or `NUD_NONE`: it is no longer there. */
  readonly state: number;
}

/** To the owner: a follower has frames for somebody whose address it doesn't know, or is no longer sure of. */
export interface NeighbourQuestion {
  readonly kind: 'question';
  readonly key: Ipv4;
  /** The follower has an address: whether it is still right is the question. */
  readonly probe: boolean;
}

/** A datagram for this host that the members before the addressee have no use for. It goes round once. */
export interface Stray {
  readonly kind: 'stray';
  /** Number of the member that the kernel gave it to. */
  readonly origin: number;
  /** From the IP header on. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly packetType: number;
  readonly gsoSize: number;
  readonly gsoType: number;
  readonly checksum: number;
  /** Offset in `bytes`, and from there. */
  readonly checksumStart: number;
  readonly checksumOffset: number;
}

/** To the owner: an ARP frame, link header included, that the kernel gave to another member. */
export interface RelayedArp {
  readonly kind: 'arp';
  readonly origin: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** To the origin: one of its strays, or ARP frames, was dealt with. */
export interface Taken {
  readonly kind: 'taken';
  readonly what: 'stray' | 'arp';
}
