import type { MacAddress } from '../../../device/frame/mac.ts';
import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import type { NotifierBlock } from '../../../device/netdevice/notifier.ts';
import { Neighbour, NO_ADDRESS } from '../../neighbour/neighbour.ts';
import { NETEVENT_NEIGH_UPDATE } from '../../neighbour/netevent.ts';
import {
  NEIGH_UPDATE_F_ADMIN,
  NEIGH_UPDATE_F_OVERRIDE,
  NUD_PROBE,
  NUD_REACHABLE,
  NUD_VALID,
} from '../../neighbour/nud.ts';
import type { Ipv4 } from '../../wire/address.ts';
import type { DhcpHost } from '../host.ts';

/**
 * Remembers the link-layer address of a lease's gateway, and asks that very station after the link came back whether it is still
 * there: then the network is the one that the lease is for (RFC 4436). The question is the neighbour's own unicast probe.
 */
export class GatewayProbe implements NotifierBlock<unknown> {
  /** What is known of the gateway, {@link NO_ADDRESS}: nothing. */
  mac: MacAddress = NO_ADDRESS;
  readonly #host: DhcpHost;
  readonly #dev: NetDevice;
  readonly #reached: () => void;
  #gateway: Ipv4 = 0;
  #asking = false;

  constructor(host: DhcpHost, dev: NetDevice, reached: () => void) {
    this.#host = host;
    this.#dev = dev;
    this.#reached = reached;
  }

  /** Watches a gateway from now on, 0: none. */
  watch(gateway: Ipv4): void {
    const { neteventChain } = this.#host;
    if (gateway === this.#gateway) return;
    if (this.#gateway === 0) neteventChain.register(this);
    else if (gateway === 0) neteventChain.unregister(this);
    this.#gateway = gateway;
    this.#asking = false;
    const known = gateway === 0 ? null : this.#host.arp.table.lookup(this.#dev, gateway);
    this.mac = known !== null && (known.state & NUD_VALID) !== 0 ? known.mac : NO_ADDRESS;
  }

  /** Asks the gateway, when it is known who it is. */
  ask(): void {
    const { table } = this.#host.arp;
    if (this.mac === NO_ADDRESS) return;
    const entry = table.lookup(this.#dev, this.#gateway) ?? table.create(this.#dev, this.#gateway, false);
    if (typeof entry === 'number') return;
    this.#asking = true;
    entry.update(this.mac, NUD_PROBE, NEIGH_UPDATE_F_ADMIN | NEIGH_UPDATE_F_OVERRIDE);
  }

  notify(event: number, info: unknown): void {
    if (event !== NETEVENT_NEIGH_UPDATE || !(info instanceof Neighbour)) return;
    if (info.dev !== this.#dev || info.key !== this.#gateway || (info.state & NUD_VALID) === 0) return;
    if (!this.#asking) {
      this.mac = info.mac;
    } else if (info.state === NUD_REACHABLE && info.mac === this.mac) {
      this.#asking = false;
      this.#reached();
    }
  }

  /** What it asked is of no interest any more. */
  endAsking(): void {
    this.#asking = false;
  }
}
