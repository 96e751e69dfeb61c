import { EADDRNOTAVAIL, EINVAL, ENODEV } from '../../device/errno.ts';
import { setAllMulticast, setPromiscuity } from '../../device/netdevice/admin.ts';
import type { Netns } from '../../device/netdevice/netns.ts';

export const PACKET_ADD_MEMBERSHIP = 1;
export const PACKET_DROP_MEMBERSHIP = 2;

/** Kinds of membership: one group, all frames, all groups. */
const PACKET_MR_MULTICAST = 0;
const PACKET_MR_PROMISC = 1;
const PACKET_MR_ALLMULTI = 2;

interface PacketMembership {
  readonly ifindex: number;
  readonly type: number;
  users: number;
}

/** What a packet socket asked devices to receive beside their own frames (Linux: `packet_mclist`). */
export class PacketMemberships {
  readonly #ns: Netns;
  #list: readonly PacketMembership[] = [];

  constructor(ns: Netns) {
    this.#ns = ns;
  }

  /** Linux: `packet_mc_add`. Devices here pass every group up, so that one group needs nothing more. */
  add(ifindex: number, type: number): number {
    if (type < PACKET_MR_MULTICAST || type > PACKET_MR_ALLMULTI) return -EINVAL;
    if (this.#ns.deviceByIndex(ifindex) === undefined) return -ENODEV;
    const known = this.#list.find((entry) => entry.ifindex === ifindex && entry.type === type);
    if (known !== undefined) {
      known.users++;
      return 0;
    }
    this.#list = [...this.#list, { ifindex, type, users: 1 }];
    this.#apply(ifindex, type, 1);
    return 0;
  }

  /** Linux: `packet_mc_drop`. */
  drop(ifindex: number, type: number): number {
    const known = this.#list.find((entry) => entry.ifindex === ifindex && entry.type === type);
    if (known === undefined) return -EADDRNOTAVAIL;
    if (--known.users > 0) return 0;
    this.#list = this.#list.filter((entry) => entry !== known);
    this.#apply(ifindex, type, -1);
    return 0;
  }

  dropAll(): void {
    for (const { ifindex, type } of this.#list) this.#apply(ifindex, type, -1);
    this.#list = [];
  }

  #apply(ifindex: number, type: number, increment: number): void {
    const dev = this.#ns.deviceByIndex(ifindex);
    if (dev === undefined) return;
    if (type === PACKET_MR_PROMISC) setPromiscuity(dev, increment);
    else if (type === PACKET_MR_ALLMULTI) setAllMulticast(dev, increment);
  }
}
