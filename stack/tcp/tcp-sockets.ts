import { EINVAL } from '../../device/errno.ts';
import { SOCK_STREAM } from '../socket/abi.ts';
import type { FlowAcceptor, OfferedFlow } from '../socket/forward.ts';
import type { SocketLayer } from '../socket/layer.ts';
import type { Socket } from '../socket/socket.ts';
import { IPPROTO_TCP } from '../wire/ipv4.ts';
import { TCP_HLEN } from '../wire/tcp.ts';
import { parseTcpOptions, TcpOptions } from '../wire/tcp-options.ts';
import { TcpGro } from './gro.ts';
import { Incoming, readIncoming } from './incoming.ts';
import { DROP_TCP_NO_SOCKET, Tcp } from './tcp.ts';
import { TcpSocket } from './tcp-socket.ts';

/** Gives a stack TCP and its sockets. */
export function addTcp(layer: SocketLayer): Tcp {
  const tcp = new Tcp(layer.context, layer.ephemeral, layer.core.somaxconn);
  layer.context.ip.gro.add(IPPROTO_TCP, new TcpGro());
  layer.addProtocol(SOCK_STREAM, IPPROTO_TCP, () => new TcpSocket(layer, tcp));
  layer.forwarder.addProtocol(IPPROTO_TCP, new TcpFlows(layer, tcp));
  tcp.offerFlows(layer.forwarder);
  return tcp;
}

/** TCP's part of the transparent forwarder: an accepted flow is a socket whose handshake is under way. */
class TcpFlows implements FlowAcceptor {
  readonly #layer: SocketLayer;
  readonly #tcp: Tcp;
  readonly #incoming = new Incoming();
  readonly #options = new TcpOptions();

  constructor(layer: SocketLayer, tcp: Tcp) {
    this.#layer = layer;
    this.#tcp = tcp;
  }

  accept(flow: OfferedFlow): Socket | number {
    const incoming = this.#incoming;
    const { packet } = flow;
    if (!readIncoming(packet, incoming)) {
      packet.release();
      return -EINVAL;
    }
    const length = incoming.headerLength - TCP_HLEN;
    parseTcpOptions(packet.pool.view, incoming.at + TCP_HLEN, length, true, this.#options);
    const socket = new TcpSocket(this.#layer, this.#tcp);
    const result = socket.answer(flow, incoming, this.#options);
    packet.release();
    if (result === 0) return socket;
    socket.close();
    return result;
  }

  reject(flow: OfferedFlow): void {
    const incoming = this.#incoming;
    if (readIncoming(flow.packet, incoming)) {
      incoming.local = flow.local;
      incoming.remote = flow.remote;
      this.#tcp.replyReset(flow.packet, incoming);
    }
    this.#tcp.drop(flow.packet, DROP_TCP_NO_SOCKET);
  }
}
