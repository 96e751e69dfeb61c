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
    template.write(packet.pool.view, packet.start, target);
    this.#inet.mib.add(MIB.ArpOutRequests);
    return dev.transmit(packet);
  }

  /** Announces the template's address (RFC 5227, section 2.3; Linux: a gratuitous ARP). */
  announce(dev: NetDevice, template: ArpTemplate): number {
    const packet = this.#frame(dev, ARP_FRAME_LENGTH, ETH_P_ARP);
    if (packet === null) return 0;
    template.writeAnnouncement(packet.pool.view, packet.start);
    this.#inet.mib.add(MIB.ArpOutRequests);
    return dev.transmit(packet);
  }

  /** Sends the request for `target` to one station only, as a probe whether it is still there. */
  requestUnicast(dev: NetDevice, template: ArpTemplate, target: number, destination: MacAddress): number {
    const packet = this.#frame(dev, ARP_FRAME_LENGTH, ETH_P_ARP);
    if (packet === null) return 0;
    const view = packet.pool.view;
    template.write(view, packet.start, target);
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
   * Answers a request: `spa` is at our address, says the frame to the one who asked. It is written over the request when
   * nobody else holds that; takes the request's ownership either way.
   */
  reply(request: Packet, dev: NetDevice, spa: Ipv4, tpa: Ipv4, tha: MacAddress): number {
    const packet = this.#reuse(request);
    if (packet === null) {
      request.release();
      return this.send(dev, ARPOP_REPLY, spa, tpa, tha, tha);
    }
    writeArp(packet.pool.view, packet.start, ARPOP_REPLY, dev.address, spa, tha, tpa);
    dev.pushHeader(packet, tha, dev.address, ETH_P_ARP);
    this.#inet.mib.add(MIB.ArpOutReplies);
    return dev.transmit(packet);
  }

  /** A packet of `bytes`, or null when the device does without ARP, or the pool is empty. */
  #frame(dev: NetDevice, bytes: number, protocol: number): Packet | null {
    if ((dev.flags & IFF_NOARP) !== 0 || dev.hardHeaderLength === 0) return null;
    const packet = this.#inet.machine.pool.alloc(bytes);
    if (packet === null) {
      this.#inet.ns.drops.add(DROP_POOL_EXHAUSTED);
      return null;
    }
    packet.link = packet.put(bytes);
    packet.network = packet.link + ETH_HLEN;
    packet.protocol = protocol;
    return packet;
  }

  /** The received packet as an empty one of our own, its message in place; null when others hold it too. */
  #reuse(packet: Packet): Packet | null {
    const { pool } = this.#inet.machine;
    if (packet.references !== 1 || packet.pool !== pool || packet.payloadLength > 0) return null;
    if (packet.headroom < ETH_HLEN) return null;
    packet.trim(ARP_LENGTH);
    packet.network = packet.start;
    packet.vlanTci = -1;
    packet.ifindex = 0;
    packet.packetType = 0;
    packet.priority = 0;
    packet.mark = 0;
    packet.timestamp = 0;
    packet.gsoSize = 0;
    packet.gsoType = GSO_NONE;
    packet.checksum = CHECKSUM_NONE;
    return packet;
  }
}
