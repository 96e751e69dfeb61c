import { ETH_P_IP } from '../../device/frame/ethernet.ts';
import { checksum, fold } from '../../device/memory/checksum.ts';
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  type Packet,
} from '../../device/memory/packet.ts';
import type { HeldPacket, Merger } from '../../device/netdevice/gro.ts';
import type { Netns } from '../../device/netdevice/netns.ts';
import {
  IP_DESTINATION,
  IP_DF,
  IP_FRAGMENT,
  IP_HLEN,
  IP_IDENTIFICATION,
  IP_MF,
  IP_OFFSET_MASK,
  IP_PROTOCOL,
  IP_SOURCE,
  IP_TOS,
  IP_TOTAL_LENGTH,
  IP_TTL,
  IP_VERSION_IHL,
  ipv4HeaderSum,
  pseudoHeaderSum,
  setIpv4Checksum,
} from '../wire/ipv4.ts';

/** Version 4, a header without options. */
const PLAIN_HEADER = 0x45;

/** Merges received packets of IPv4 in a namespace: those of a protocol as its merger has it (Linux: `inet_gro_receive`). */
export class Ipv4Gro {
  readonly #mergers: (Merger | null)[] = new Array<Merger | null>(256).fill(null);

  constructor(ns: Netns) {
    ns.mergers.set(ETH_P_IP, (packet) => this.#choose(packet));
  }

  add(protocol: number, merger: Merger): void {
    this.#mergers[protocol] = merger;
  }

  /** Nothing in pieces, with options, of another length than it says, or with a wrong header checksum. */
  #choose(packet: Packet): Merger | null {
    const at = packet.start;
    const bytes = packet.end - at;
    if (bytes < IP_HLEN || (packet.payloadLength | packet.gsoSize) !== 0) return null;
    const { view } = packet.pool;
    const merger = this.#mergers[view.getUint8(at + IP_PROTOCOL)]!;
    if (merger === null || view.getUint8(at + IP_VERSION_IHL) !== PLAIN_HEADER) return null;
    if (view.getUint16(at + IP_TOTAL_LENGTH) !== bytes) return null;
    if ((view.getUint16(at + IP_FRAGMENT) & (IP_MF | IP_OFFSET_MASK)) !== 0) return null;
    if (ipv4HeaderSum(view, at, IP_HLEN) !== 0xffff) return null;
    packet.network = at;
    packet.transport = at + IP_HLEN;
    return merger;
  }
}

/** Whether the transport checksum is right; it need not be computed again then (Linux: `skb_gro_checksum_validate`). */
export function validatesChecksum(packet: Packet, protocol: number): boolean {
  if (packet.checksum !== CHECKSUM_NONE) return true;
  const at = packet.transport;
  const bytes = packet.end - at;
  if (checksum(packet.pool, at, bytes, transportPseudoSum(packet, protocol, bytes)) !== 0) return false;
  packet.checksum = CHECKSUM_UNNECESSARY;
  return true;
}

/** Whether both packets are from one address and port to another, ports being the first four bytes behind the IP header. */
export function sameEnds(held: Packet, packet: Packet): boolean {
  const { view } = packet.pool;
  const a = held.network;
  const b = packet.network;
  return (
    view.getUint32(held.transport) === view.getUint32(packet.transport) &&
    view.getUint32(a + IP_SOURCE) === view.getUint32(b + IP_SOURCE) &&
    view.getUint32(a + IP_DESTINATION) === view.getUint32(b + IP_DESTINATION)
  );
}

/**
 * Whether a packet's IP header says nothing new: TTL, TOS, DF, and an identification that counts up, or, with DF, stays as it is
 * (Linux: `inet_gro_flush`).
 */
export function headerContinues(held: HeldPacket, packet: Packet): boolean {
  const { view } = packet.pool;
  const a = held.packet!.network;
  const b = packet.network;
  const fragment = view.getUint16(b + IP_FRAGMENT);
  if (
    view.getUint8(a + IP_TTL) !== view.getUint8(b + IP_TTL) ||
    view.getUint8(a + IP_TOS) !== view.getUint8(b + IP_TOS) ||
    view.getUint16(a + IP_FRAGMENT) !== fragment
  )
    return false;
  const ahead = (view.getUint16(b + IP_IDENTIFICATION) - view.getUint16(a + IP_IDENTIFICATION)) & 0xffff;
  if (held.count === 1 && ahead === 0 && (fragment & IP_DF) !== 0) held.fixedId = true;
  return ahead === (held.fixedId ? 0 : held.count);
}

/** Makes a super-segment of a packet that others were merged into, with its checksum left open (Linux: `inet_gro_complete`). */
export function completeSuperSegment(
  held: HeldPacket,
  protocol: number,
  gsoType: number,
  field: number,
): void {
  const packet = held.packet!;
  const { view } = packet.pool;
  const bytes = packet.end - packet.transport;
  view.setUint16(packet.network + IP_TOTAL_LENGTH, bytes + IP_HLEN);
  setIpv4Checksum(view, packet.network, IP_HLEN);
  view.setUint16(packet.transport + field, fold(transportPseudoSum(packet, protocol, bytes)));
  packet.checksum = CHECKSUM_PARTIAL;
  packet.checksumStart = packet.transport;
  packet.checksumOffset = field;
  packet.gsoSize = held.segment;
  packet.gsoType = gsoType;
}

function transportPseudoSum(packet: Packet, protocol: number, bytes: number): number {
  const { view } = packet.pool;
  const at = packet.network;
  const source = view.getUint32(at + IP_SOURCE);
  return pseudoHeaderSum(source, view.getUint32(at + IP_DESTINATION), protocol, bytes);
}
