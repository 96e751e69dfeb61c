import { EINVAL } from '../../device/errno.ts';
import { ETH_P_IP } from '../../device/frame/ethernet.ts';
import type { Packet } from '../../device/memory/packet.ts';
import { IFF_LOOPBACK, IFF_NOARP, IFF_POINTOPOINT } from '../../device/netdevice/flags.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Inet } from '../inet.ts';
import {
  formatIpv4,
  INADDR_ANY,
  type Ipv4,
  isMulticast,
  multicastMac,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  SCOPE_LINK,
} from '../wire/address.ts';
import { IP_HLEN, IP_SOURCE } from '../wire/ipv4.ts';
import type { ArpOutput } from './arp-output.ts';
import { DROP_NEIGH_FAILED, type Neighbour } from './neighbour.ts';
import { NUD_NOARP, NUD_VALID } from './nud.ts';
import type { NeighbourOps } from './ops.ts';

/** What ARP brings to the neighbour table (Linux: `arp_tbl`, `arp_generic_ops`). */
export class ArpOps implements NeighbourOps {
  readonly protocol = ETH_P_IP;
  /** Asks a program for the address instead of the link, `app_solicit` times (Linux: `neigh_app_ns`). */
  appSolicit: ((entry: Neighbour) => void) | null = null;
  readonly #inet: Inet;
  readonly #output: ArpOutput;

  constructor(inet: Inet, output: ArpOutput) {
    this.#inet = inet;
    this.#output = output;
  }

  keyOn(dev: NetDevice, key: Ipv4): Ipv4 {
    return (dev.flags & (IFF_LOOPBACK | IFF_POINTOPOINT)) !== 0 ? INADDR_ANY : key;
  }

  /** Linux: `arp_constructor`. */
  construct(entry: Neighbour): number {
    const { dev, key } = entry;
    if (this.#inet.addresses.inetDevice(dev) === null) return -EINVAL;
    entry.type = this.#inet.routes.addressType(key);
    if (dev.hardHeaderLength === 0) {
      entry.state = NUD_NOARP;
    } else if (entry.type === RTN_MULTICAST) {
      entry.state = NUD_NOARP;
      entry.setMac(multicastMac(key));
    } else if ((dev.flags & (IFF_NOARP | IFF_LOOPBACK)) !== 0) {
      entry.state = NUD_NOARP;
      entry.setMac(dev.address);
    } else if (entry.type === RTN_BROADCAST || (dev.flags & IFF_POINTOPOINT) !== 0) {
      entry.state = NUD_NOARP;
      entry.setMac(dev.broadcast);
    }
    return 0;
  }

  /** Linux: `arp_solicit`. Unicast first, `ucast_solicit` times, then the program's turn, then broadcast. */
  solicit(entry: Neighbour, packet: Packet | null): void {
    const { dev, key, parms } = entry;
    const source = this.#source(dev, key, packet);
    if (source < 0) return;
    const turn = entry.probes - parms.ucastProbes;
    if (turn >= 0 && turn < parms.appProbes) {
      this.appSolicit?.(entry);
      return;
    }
    const template = this.#output.template(dev, source);
    if (turn < 0 && (entry.state & NUD_VALID) !== 0)
      this.#output.requestUnicast(dev, template, key, entry.mac);
    else this.#output.request(dev, template, key);
  }

  errorReport(entry: Neighbour, packet: Packet): void {
    packet.retain();
    this.#inet.ip.linkFailure(packet);
    entry.dev.drop(packet, DROP_NEIGH_FAILED);
  }

  isMulticast(key: Ipv4): boolean {
    return isMulticast(key);
  }

  formatKey(key: Ipv4): string {
    return formatIpv4(key);
  }

  /** The sender's address of a request, by `arp_announce`; -1 when the device has no IPv4 state. */
  #source(dev: NetDevice, target: Ipv4, packet: Packet | null): Ipv4 {
    const inetDevice = this.#inet.addresses.inetDevice(dev);
    if (inetDevice === null) return -1;
    const announce = inetDevice.conf.values.arp_announce;
    if (announce < 2 && packet !== null && packet.end - packet.start >= IP_HLEN) {
      const source = packet.pool.view.getUint32(packet.start + IP_SOURCE);
      const local = this.#inet.routes.addressType(source) === RTN_LOCAL;
      if (local && (announce === 0 || inetDevice.onLink(target, source))) return source;
    }
    return this.#inet.addresses.select(dev, target, SCOPE_LINK);
  }
}
