import type { Inet } from '../inet.ts';
import type { Arp } from '../neighbour/arp.ts';
import type { Ipv4Settings } from '../sysctl/ipv4-settings.ts';
import type { AddressBook } from './addresses.ts';
import type { Fib } from './fib.ts';
import type { Icmp } from './icmp.ts';
import type { IpLayer } from './ip-layer.ts';
import type { Routes } from './routes.ts';

/** The stack as the parts of the IP layer see it: the seams with their implementations behind them. */
export interface IpContext extends Inet {
  readonly settings: Ipv4Settings;
  readonly addresses: AddressBook;
  readonly arp: Arp;
  readonly fib: Fib;
  readonly routes: Routes;
  readonly ip: IpLayer;
  readonly icmp: Icmp;
}
