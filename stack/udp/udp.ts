import { SOCK_DGRAM } from '../socket/abi.ts';
import type { SocketLayer } from '../socket/layer.ts';
import { IPPROTO_UDP } from '../wire/ipv4.ts';
import { UdpFlows } from './flows.ts';
import { UdpGro } from './gro.ts';
import { UdpInput } from './input.ts';
import { UdpOutput } from './output.ts';
import { UdpTable } from './table.ts';
import { UdpSocket } from './udp-socket.ts';

/** UDP (RFC 768; Linux: `net/ipv4/udp.c`), put together. */
export class Udp {
  readonly layer: SocketLayer;
  readonly table: UdpTable;
  readonly input: UdpInput;
  readonly output: UdpOutput;

  constructor(layer: SocketLayer) {
    const { context, forwarder } = layer;
    this.layer = layer;
    this.table = new UdpTable(layer.ephemeral, context.ns.entropy.fork());
    this.input = new UdpInput(context, this.table, forwarder);
    this.output = new UdpOutput(context);
    context.ip.protocols.add(IPPROTO_UDP, this.input);
    context.ip.gro.add(IPPROTO_UDP, new UdpGro(context.ns, this.table));
    layer.addProtocol(SOCK_DGRAM, IPPROTO_UDP, () => new UdpSocket(layer, this));
    forwarder.addProtocol(IPPROTO_UDP, new UdpFlows(this));
  }
}
