import type { AddressView } from './address.ts';
import type { LinkView } from './link.ts';
import type { NeighView } from './neigh.ts';
import type { RouteView } from './route.ts';

/** What `tapir monitor` can be asked for: netlink's groups, and the netdevice notifier chain. */
export const MONITOR_GROUPS = ['link', 'address', 'route', 'neigh', 'notifier'] as const;

export type MonitorGroup = (typeof MONITOR_GROUPS)[number];

interface Message {
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
  /** `RTM_NEWLINK` ... */
  readonly type: string;
  readonly deleted?: true;
}

/** One thing that happened. */
export type MonitorEvent =
  | (Message & { readonly group: 'link'; readonly link: LinkView })
  | (Message & {
      readonly group: 'address';
      readonly ifindex: number;
      readonly ifname: string;
      readonly address: AddressView;
    })
  | (Message & { readonly group: 'route'; readonly route: RouteView })
  | (Message & { readonly group: 'neigh'; readonly neigh: NeighView })
  | {
      readonly group: 'notifier';
      readonly time: number;
      /** Without its prefix: `CHANGE`. */
      readonly event: string;
      readonly dev: string;
      readonly flagsChanged?: readonly string[];
      readonly mtu?: number;
      readonly address?: string;
      readonly upper?: string;
      readonly linking?: boolean;
    };
