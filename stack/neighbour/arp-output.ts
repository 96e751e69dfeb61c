import { DROP_POOL_EXHAUSTED } from '../../device/drop.ts';
import { ETH_DESTINATION, ETH_HLEN, ETH_P_ARP, ETH_P_RARP } from '../../device/frame/ethernet.ts';
import { MAC_BROADCAST, MAC_ZERO, type MacAddress, setMac } from '../../device/frame/mac.ts';
import { CHECKSUM_NONE, GSO_NONE, type Packet } from '../../device/memory/packet.ts';
import { IFF_NOARP } from '../../device/netdevice/flags.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { MIB } from '../counters.ts';
import type { Inet } from '../inet.ts';
import type { Ipv4 } from '../wire/address.ts';
import {
  ARP_FRAME_LENGTH,
  ARP_LENGTH,
  ARP_SHA,
  ARP_SPA,
  ARP_THA,
  ARP_TPA,
  ARPOP_REPLY,
  ARPOP_REQUEST,
  ArpTemplate,
  writeArp,
} from '../wire/arp.ts';
import { RARP_FRAME_LENGTH, writeRarp } from '../wire/rarp.ts';

/** Templates kept for one device; beyond that they are made anew. */
const TEMPLATES = 256;

/**
 * Sends ARP frames. Requests come from a template per device and address: eleven stores into a slot of the pool, nothing
 * allocated, nothing copied. A device with `IFF_NOARP` sends none (Linux: `arp_send_dst`).
 */
export class ArpOutput {
  readonly #inet: Inet;
  readonly #templates = new Map<NetDevice, Map<Ipv4, ArpTemplate>>();

  constructor(inet: Inet) {
    this.#inet = inet;
  }

  /** The template for requests of `address` on `dev`, kept as long as the device has its link-layer address. */
  template(dev: NetDevice, address: Ipv4): ArpTemplate {
    let templates = this.#templates.get(dev);
    if (templates === undefined) {
      templates = new Map();
      this.#templates.set(dev, templates);
    }
    const known = templates.get(address);
    if (known !== undefined && known.source === dev.address) return known;
    if (templates.size >= TEMPLATES) templates.clear();
    const template = new ArpTemplate(dev.address, address);
    templates.set(address, template);
    return template;
  }

  /** The device is gone. */
  forget(dev: NetDevice): void {
    this.#templates.delete(dev);
  }

  /** Broadcasts the request for `target` (host order; a signed word will do). A `NET_XMIT_*` code, or 0 when it can't be sent. */
  request(dev: NetDevice, template: ArpTemplate, target: number): number {
    const packet = this.#frame(dev, ARP_FRAME_LENGTH, ETH_P_ARP);
    if (packet === null) return 0;
    template.write(packet.pool, packet.start, target);
    this.#inet.mib.add(MIB.ArpOutRequests);
    return dev.transmit(packet);
  }

  /** Announces the template's address (RFC 5227, section 2.3; Linux: a gratuitous ARP). */
  announce(dev: NetDevice, template: ArpTemplate): number {
    const packet = this.#frame(dev, ARP_FRAME_LENGTH, ETH_P_ARP);
    if (packet === null) return 0;
    template.writeAnnouncement(packet.pool, packet.start);
    this.#inet.mib.add(MIB.ArpOutRequests);
    return dev.transmit(packet);
  }

  /** Sends the request for `target` to one station only, as a probe whether it is still there. */
  requestUnicast(dev: NetDevice, template: ArpTemplate, target: number, destination: MacAddress): number {
    const packet = this.#frame(dev, ARP_FRAME_LENGTH, ETH_P_ARP);
    if (packet === null) return 0;
    const view = packet.pool.view;
    template.write(packet.pool, packet.start, target);
    setMac(view, packet.start + ETH_DESTINATION, destination);
    this.#inet.mib.add(MIB.ArpOutRequests);
    return dev.transmit(packet);
  }

  /** Sends any message, with the device's own address as the sender's (Linux: `arp_send`). */
  send(
    dev: NetDevice,
    op: number,
    spa: Ipv4,
    tpa: Ipv4,
    tha: MacAddress = MAC_ZERO,
    destination: MacAddress = MAC_BROADCAST,
  ): number {
    const packet = this.#frame(dev, ARP_FRAME_LENGTH, ETH_P_ARP);
    if (packet === null) return 0;
    writeArp(packet.pool.view, packet.pull(ETH_HLEN), op, dev.address, spa, tha, tpa);
    dev.pushHeader(packet, destination, dev.address, ETH_P_ARP);
    if (op === ARPOP_REQUEST) this.#inet.mib.add(MIB.ArpOutRequests);
    else if (op === ARPOP_REPLY) this.#inet.mib.add(MIB.ArpOutReplies);
    return dev.transmit(packet);
  }

  /** Broadcasts QEMU's reverse-ARP announcement of the device's link-layer address. */
  announceRarp(dev: NetDevice): number {
    const packet = this.#frame(dev, RARP_FRAME_LENGTH, ETH_P_RARP);
    if (packet === null) return 0;
    writeRarp(packet.pool.view, packet.start, dev.address);
    return dev.transmit(packet);
  }

  /**
   * Answers the request whose message is at `start`: the target that it asks for is at the device's address. The answer is
   * written over the request when nobody else holds that. Takes the request's ownership.
   */
  reply(request: Packet, dev: NetDevice): number {
    const from = request.pool.view;
    const asked = request.start;
    // As words, read before the answer is written over them.
    const shaHigh = from.getUint16(asked + ARP_SHA);
    const shaLow = from.getInt32(asked + ARP_SHA + 2);
    const spa = from.getInt32(asked + ARP_SPA);
    const tpa = from.getInt32(asked + ARP_TPA);
    const packet = this.#answerIn(request, dev);
    if (packet === null) return 0;
    const view = packet.pool.view;
    const at = packet.start;
    writeArp(view, at, ARPOP_REPLY, dev.address, tpa, MAC_ZERO, spa);
    view.setUint16(at + ARP_THA, shaHigh);
    view.setInt32(at + ARP_THA + 2, shaLow);
    dev.pushHeader(packet, MAC_ZERO, dev.address, ETH_P_ARP);
    view.setUint16(packet.start + ETH_DESTINATION, shaHigh);
    view.setInt32(packet.start + ETH_DESTINATION + 2, shaLow);
    this.#inet.mib.add(MIB.ArpOutReplies);
    return dev.transmit(packet);
  }

  /** A packet of `bytes`, or null when the device does without ARP, or the pool is empty. */
  #frame(dev: NetDevice, bytes: number, protocol: number): Packet | null {
    if ((dev.flags & IFF_NOARP) !== 0 || dev.hardHeaderLength === 0) return null;
    const packet = this.#inet.machine.pool.alloc(bytes);
    if (packet === null) {
      this.#inet.ns.dropUnmade(DROP_POOL_EXHAUSTED);
      return null;
    }
    packet.link = packet.put(bytes);
    packet.network = packet.link + ETH_HLEN;
    packet.protocol = protocol;
    return packet;
  }

  /** The packet that takes the answer to `request`, its `start` at the message: the request itself, or one in its place. */
  #answerIn(request: Packet, dev: NetDevice): Packet | null {
    const { pool } = this.#inet.machine;
    const exclusive = request.references === 1 && request.pool === pool && request.payloadLength === 0;
    if (!exclusive || request.headroom < ETH_HLEN) {
      request.release();
      const packet = this.#frame(dev, ARP_FRAME_LENGTH, ETH_P_ARP);
      packet?.pull(ETH_HLEN);
      return packet;
    }
    request.trim(ARP_LENGTH);
    request.network = request.start;
    request.vlanTci = -1;
    request.ifindex = 0;
    request.packetType = 0;
    request.priority = 0;
    request.mark = 0;
    request.timestamp = 0;
    request.gsoSize = 0;
    request.gsoType = GSO_NONE;
    request.checksum = CHECKSUM_NONE;
    return request;
  }
}
