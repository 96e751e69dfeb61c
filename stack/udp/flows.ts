import type { FlowAcceptor, OfferedFlow } from '../socket/forward.ts';
import type { Socket } from '../socket/socket.ts';
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
    this.#udp.input.unreachable(flow.packet, flow.path);
    flow.packet.release();
  }
}
