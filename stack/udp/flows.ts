import type { FlowAcceptor, OfferedFlow } from '../socket/forward.ts';
import type { Socket } from '../socket/socket.ts';
import { RTN_LOCAL } from '../wire/address.ts';
import { ICMP_DEST_UNREACH, ICMP_PORT_UNREACH } from '../wire/icmp.ts';
import type { Udp } from './udp.ts';
import { UdpSocket } from './udp-socket.ts';

/** UDP's part of the transparent forwarder: an accepted flow is a socket that is connected to its sender. */
export class UdpFlows implements FlowAcceptor {
  readonly #udp: Udp;

  constructor(udp: Udp) {
    this.#udp = udp;
  }

  accept(flow: OfferedFlow): Socket | number {
    const udp = this.#udp;
    const socket = new UdpSocket(udp.layer, udp);
    socket.openFlow(flow.local, flow.localPort, flow.remote, flow.remotePort);
    const queued = socket.enqueue(flow.packet);
    if (queued < 0) {
      flow.packet.release();
      socket.close();
      return queued;
    }
    return socket;
  }

  reject(flow: OfferedFlow): void {
    const { icmp, routes } = this.#udp.layer.context;
    // Of an address that is not this host's nothing can come, so the error comes from here, as a router's would.
    const path = routes.addressType(flow.local) === RTN_LOCAL ? flow.path : null;
    icmp.error(flow.packet, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, path);
    flow.packet.release();
  }
}
