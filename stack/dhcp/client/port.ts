import { MAC_BROADCAST } from '../../../device/frame/mac.ts';
import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import { NUD_VALID } from '../../neighbour/nud.ts';
import { INADDR_BROADCAST, type Ipv4 } from '../../wire/address.ts';
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT } from '../../wire/dhcp.ts';
import { IPPROTO_UDP } from '../../wire/ipv4.ts';
import { datagramFor, type Ends, transmitDatagram, udpDatagram } from '../frame.ts';
import type { DhcpHost } from '../host.ts';
import { Inbox } from '../inbox.ts';
import { UdpPort } from '../udp-port.ts';
import type { ClientCounters } from './counters.ts';
import type { DhcpState } from './table.ts';

/** How a client hears: from the device's frames while it has no address, through a socket when it has. */
export type Hearing = 'nothing' | 'frames' | 'socket';

const HEARING: Readonly<Record<DhcpState, Hearing>> = {
  STOPPED: 'nothing',
  INIT: 'nothing',
  SELECTING: 'frames',
  REQUESTING: 'frames',
  CHECKING: 'nothing',
  BOUND: 'socket',
  RENEWING: 'socket',
  REBINDING: 'socket',
  'INIT-REBOOT': 'nothing',
  REBOOTING: 'frames',
};

/** How a client hears in a state. One that begins anew may have its address still. */
export function hearingIn(state: DhcpState, hasAddress: boolean): Hearing {
  return state === 'REBOOTING' && hasAddress ? 'socket' : HEARING[state];
}

/** A client's way to the wire. Frames are only looked at while there is no address, so that it costs nothing afterwards. */
export class ClientPort {
  readonly #inbox: Inbox;
  readonly #host: DhcpHost;
  readonly #dev: NetDevice;
  readonly #socket: UdpPort;
  #removeTap: (() => void) | null = null;

  constructor(
    host: DhcpHost,
    dev: NetDevice,
    receive: (message: Uint8Array) => void,
    counters: ClientCounters,
  ) {
    this.#host = host;
    this.#dev = dev;
    this.#inbox = new Inbox(host.machine.clock, receive, () => {
      counters.dropped.overrun++;
    });
    this.#socket = new UdpPort(host, receive);
  }

  /** Hears this way from now on; through frames too where the socket's port is another's. */
  hear(how: Hearing): void {
    if (how !== 'socket') this.#socket.close();
    const frames =
      how === 'frames' || (how === 'socket' && this.#socket.open(this.#dev, DHCP_CLIENT_PORT) < 0);
    if (frames && this.#removeTap === null) {
      this.#removeTap = this.#host.ns.addTap((packet, dev, outgoing) => {
        if (outgoing || dev !== this.#dev) return;
        const message = datagramFor(packet, DHCP_CLIENT_PORT);
        if (message !== null) this.#inbox.push(message);
      });
    } else if (!frames) {
      this.#removeTap?.();
      this.#removeTap = null;
    }
    if (how === 'nothing') this.#inbox.clear();
  }

  /** Broadcasts from `source`, 0 for a client without address; whether it was sent. */
  broadcast(message: Uint8Array, source: Ipv4): boolean {
    return transmitDatagram(this.#dev, message, ends(source, INADDR_BROADCAST), MAC_BROADCAST) === 0;
  }

  /** Sends to one server, as the routes say; whether it was sent. */
  unicast(message: Uint8Array, source: Ipv4, destination: Ipv4): boolean {
    const packet = udpDatagram(this.#host.machine.pool, message, ends(source, destination));
    if (packet === null) return false;
    const how = { source, destination, protocol: IPPROTO_UDP, oif: this.#dev.ifindex };
    return this.#host.ip.send(packet, how) >= 0;
  }

  /**
   * The same when the address is about to go, with all that waits for a neighbour: a server on the link whose link-layer address is
   * not known gets the datagram in a broadcast frame.
   */
  unicastAtOnce(message: Uint8Array, source: Ipv4, destination: Ipv4): boolean {
    const { routes, arp } = this.#host;
    const route = routes.output(destination, source, this.#dev.ifindex, 0);
    if (typeof route === 'number') return false;
    const neighbour = arp.table.lookup(this.#dev, route.gateway === 0 ? destination : route.gateway);
    if (neighbour !== null && (neighbour.state & NUD_VALID) !== 0)
      return this.unicast(message, source, destination);
    if (route.gateway !== 0) return false;
    return transmitDatagram(this.#dev, message, ends(source, destination), MAC_BROADCAST) === 0;
  }
}

function ends(source: Ipv4, destination: Ipv4): Ends {
  return { source, sourcePort: DHCP_CLIENT_PORT, destination, destinationPort: DHCP_SERVER_PORT };
}
