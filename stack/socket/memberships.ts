import { EADDRINUSE, EADDRNOTAVAIL, EINVAL, ENOBUFS, ENODEV } from '../../device/errno.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { IpContext } from '../ip/context.ts';
import { inetDevice } from '../ip/inet-device.ts';
import { type Ipv4, isMulticast } from '../wire/address.ts';

/** Which senders a membership hears: all but those listed, or those alone. */
export const MCAST_EXCLUDE = 0;
export const MCAST_INCLUDE = 1;

/** One socket's membership in one group. */
export interface Membership {
  readonly group: Ipv4;
  readonly ifindex: number;
  /** `MCAST_EXCLUDE`, `MCAST_INCLUDE`, and the senders listed; null: no list was ever made, so that the mode may change. */
  readonly mode: number;
  readonly sources: readonly Ipv4[] | null;
}

/** Hears when the host joins a group on an interface or leaves it: what reports it to routers (IGMP). */
export type MembershipListener = (dev: NetDevice, group: Ipv4, joined: boolean) => void;

/** How many sockets hold each group of each interface; the first joins it for the host, the last leaves it (Linux: `ip_mc_list`). */
export class HostGroups {
  readonly #context: IpContext;
  readonly #users = new Map<NetDevice, Map<Ipv4, number>>();
  #listeners: readonly MembershipListener[] = [];

  constructor(context: IpContext) {
    this.#context = context;
  }

  /** Adds a listener; returns the function that removes it. */
  onChange(listener: MembershipListener): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  /** The device that a membership is for: by index, by own address, or by the route to the group (Linux: `ip_mc_find_dev`). */
  deviceFor(group: Ipv4, ifindex: number, local: Ipv4): NetDevice | undefined {
    const { ns, routes } = this.#context;
    if (ifindex !== 0) return ns.deviceByIndex(ifindex);
    if (local !== 0) return ns.devices.find((dev) => inetDevice(dev)?.has(local) === true);
    const path = routes.output(group, 0, 0, 0);
    return typeof path === 'number' ? undefined : path.dev;
  }

  join(dev: NetDevice, group: Ipv4): number {
    const inet = inetDevice(dev);
    if (inet === null) return -ENODEV;
    let groups = this.#users.get(dev);
    if (groups === undefined) {
      groups = new Map();
      this.#users.set(dev, groups);
    }
    // A group that the host is in of its own accord, as 224.0.0.1, stays when the last socket leaves.
    const held = groups.get(group) ?? (inet.groups.has(group) ? 1 : 0);
    groups.set(group, held + 1);
    if (held === 0) {
      inet.groups.add(group);
      this.#tell(dev, group, true);
    }
    return 0;
  }

  leave(ifindex: number, group: Ipv4): void {
    for (const [dev, groups] of this.#users) {
      if (dev.ifindex !== ifindex) continue;
      const held = groups.get(group);
      if (held === undefined) continue;
      if (held > 1) {
        groups.set(group, held - 1);
        return;
      }
      groups.delete(group);
      if (groups.size === 0) this.#users.delete(dev);
      inetDevice(dev)?.groups.delete(group);
      this.#tell(dev, group, false);
      return;
    }
  }

  #tell(dev: NetDevice, group: Ipv4, joined: boolean): void {
    for (const listener of this.#listeners) listener(dev, group, joined);
  }
}

/** The groups that one socket is in (Linux: `ip_mc_socklist`). */
export class Memberships {
  readonly #groups: HostGroups;
  #list: readonly Membership[] = [];

  constructor(groups: HostGroups) {
    this.#groups = groups;
  }

  /** Linux: `ip_mc_join_group_ssm`. `most`: groups that it may be in. */
  join(group: Ipv4, ifindex: number, local: Ipv4, most: number, mode = MCAST_EXCLUDE): number {
    if (!isMulticast(group)) return -EINVAL;
    const dev = this.#groups.deviceFor(group, ifindex, local);
    if (dev === undefined) return -ENODEV;
    if (this.#find(group, dev.ifindex) !== undefined) return -EADDRINUSE;
    if (this.#list.length >= most) return -ENOBUFS;
    const joined = this.#groups.join(dev, group);
    if (joined < 0) return joined;
    this.#list = [...this.#list, { group, ifindex: dev.ifindex, mode, sources: null }];
    return 0;
  }

  /** Linux: `ip_mc_leave_group`. */
  leave(group: Ipv4, ifindex: number, local: Ipv4): number {
    const dev = this.#groups.deviceFor(group, ifindex, local);
    if (dev === undefined && ifindex === 0 && local === 0) return -ENODEV;
    // By the index alone, a membership of a device that is gone can be left too.
    const found = this.#find(group, dev?.ifindex ?? ifindex);
    if (found === undefined) return -EADDRNOTAVAIL;
    this.#list = this.#list.filter((entry) => entry !== found);
    this.#groups.leave(found.ifindex, found.group);
    return 0;
  }

  leaveAll(): void {
    for (const { ifindex, group } of this.#list) this.#groups.leave(ifindex, group);
    this.#list = [];
  }

  /**
   * Lists a sender with a membership of the given mode, or takes it off the list; without the last sender it hears, a membership is left
   * (Linux: `ip_mc_source`). `most`: senders of a list.
   */
  changeSource(
    group: Ipv4,
    ifindex: number,
    local: Ipv4,
    source: Ipv4,
    mode: number,
    add: boolean,
    most: number,
  ): number {
    const found = this.#membership(group, ifindex, local);
    if (typeof found === 'number') return found === -EADDRNOTAVAIL ? -EINVAL : found;
    if (found.sources !== null && found.mode !== mode) return -EINVAL;
    const sources = found.sources ?? [];
    const listed = sources.includes(source);
    if (!add) {
      if (!listed) {
        this.#replace(found, { ...found, mode });
        return -EADDRNOTAVAIL;
      }
      if (sources.length === 1 && mode === MCAST_INCLUDE) return this.leave(group, ifindex, local);
      this.#replace(found, { ...found, sources: sources.filter((other) => other !== source) });
      return 0;
    }
    if (sources.length >= most) return -ENOBUFS;
    if (listed) return -EADDRNOTAVAIL;
    this.#replace(found, { ...found, mode, sources: [...sources, source] });
    return 0;
  }

  /** Sets the whole filter of a membership; one that hears nobody is left (Linux: `ip_mc_msfilter`). */
  setFilter(group: Ipv4, ifindex: number, local: Ipv4, mode: number, sources: readonly Ipv4[]): number {
    if (mode !== MCAST_INCLUDE && mode !== MCAST_EXCLUDE) return -EINVAL;
    if (!isMulticast(group)) return -EINVAL;
    if (mode === MCAST_INCLUDE && sources.length === 0) return this.leave(group, ifindex, local);
    const found = this.#membership(group, ifindex, local);
    if (typeof found === 'number') return found === -EADDRNOTAVAIL ? -EINVAL : found;
    this.#replace(found, { ...found, mode, sources: sources.length > 0 ? sources : null });
    return 0;
  }

  /** A membership with its filter; `-EADDRNOTAVAIL` when there is none (Linux: `ip_mc_msfget`). */
  filter(group: Ipv4, ifindex: number, local: Ipv4): Membership | number {
    return this.#membership(group, ifindex, local);
  }

  /**
   * Whether what `source` sent to `group` and came by `ifindex` is for the socket: `all`, or it joined and hears the sender (Linux:
   * `ip_mc_sf_allow`).
   */
  allows(group: Ipv4, source: Ipv4, ifindex: number, all: boolean): boolean {
    const list = this.#list;
    for (let i = 0; i < list.length; i++) {
      const { group: joined, ifindex: by, mode, sources } = list[i]!;
      if (joined !== group || by !== ifindex) continue;
      return (sources?.includes(source) ?? false) === (mode === MCAST_INCLUDE);
    }
    return all;
  }

  #membership(group: Ipv4, ifindex: number, local: Ipv4): Membership | number {
    if (!isMulticast(group)) return -EINVAL;
    const dev = this.#groups.deviceFor(group, ifindex, local);
    if (dev === undefined) return -ENODEV;
    return this.#find(group, dev.ifindex) ?? -EADDRNOTAVAIL;
  }

  #replace(old: Membership, entry: Membership): void {
    this.#list = this.#list.map((other) => (other === old ? entry : other));
  }

  #find(group: Ipv4, ifindex: number): Membership | undefined {
    return this.#list.find((entry) => entry.group === group && entry.ifindex === ifindex);
  }
}
