import { ETH_P_IP } from '../../device/frame/ethernet.ts';
import type { Packet } from '../../device/memory/packet.ts';
import type { IpSeam, SendOptions } from '../inet.ts';
import { ICMP_DEST_UNREACH, ICMP_HOST_UNREACH } from '../wire/icmp.ts';
import { IP_HLEN, ipv4HeaderLength, isIpv4Header } from '../wire/ipv4.ts';
import type { IpContext } from './context.ts';
import { Ipv4Gro } from './gro.ts';
import { IpInput } from './input.ts';
import { IpOptions, OPTIONS_OK } from './options.ts';
import { IpOutput } from './output.ts';
import { PeerTable } from './peers.ts';
import { ProtocolRegistry } from './protocols.ts';
import { Reassembly } from './reassembly.ts';
import { addSegmenters } from './segmentation.ts';

/** IPv4, put together: what protocols above and ARP use. */
export class IpLayer implements IpSeam {
  readonly protocols: ProtocolRegistry = new ProtocolRegistry();
  readonly gro: Ipv4Gro;
  readonly peers: PeerTable = new PeerTable();
  readonly input: IpInput;
  readonly output: IpOutput;
  readonly reassembly: Reassembly;
  readonly #context: IpContext;
  readonly #failed = new IpOptions();

  constructor(context: IpContext) {
    this.#context = context;
    this.gro = new Ipv4Gro(context.ns);
    this.input = new IpInput(context);
    this.output = new IpOutput(context);
    this.reassembly = new Reassembly(context);
  }

  /** Begins to receive. */
  start(): void {
    addSegmenters(this.#context.machine);
    this.#context.ns.addProtocol(ETH_P_IP, (packet, dev) => this.input.receive(packet, dev));
  }

  /** Gives back all packets and timers. */
  close(): void {
    this.reassembly.close();
    this.output.close();
    this.peers.clear();
  }

  send(packet: Packet, options: SendOptions): number {
    return this.output.send(packet, options);
  }

  linkFailure(packet: Packet): void {
    const { icmp } = this.#context;
    const { view } = packet.pool;
    const at = packet.network;
    this.#failed.reset();
    const readable = isIpv4Header(packet.pool, at, packet.end - at);
    const hasOptions = readable && ipv4HeaderLength(view, at) > IP_HLEN;
    const known = hasOptions ? this.input.options.compile(packet, null, null, this.#failed) : OPTIONS_OK;
    if (readable && known === OPTIONS_OK)
      icmp.error(packet, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, null, this.#failed);
    packet.release();
  }
}
