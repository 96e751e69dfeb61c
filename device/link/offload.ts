import { completeChecksum } from '../memory/complete-checksum.ts';
import {
  CHECKSUM_PARTIAL,
  GSO_ECN,
  GSO_TCPV4,
  GSO_TCPV6,
  GSO_UDP_L4,
  type Packet,
} from '../memory/packet.ts';
import {
  NETIF_F_GSO_UDP_L4,
  NETIF_F_HW_CSUM,
  NETIF_F_IP_CSUM,
  NETIF_F_IPV6_CSUM,
  NETIF_F_SG,
  NETIF_F_TSO,
  NETIF_F_TSO6,
} from '../netdevice/features.ts';
import { takeLinear } from './crossing.ts';

/** What a super-segment needs of the device that is to carry it. */
const GSO_FEATURE: Readonly<Record<number, number>> = {
  [GSO_TCPV4]: NETIF_F_TSO,
  [GSO_TCPV6]: NETIF_F_TSO6,
  [GSO_UDP_L4]: NETIF_F_GSO_UDP_L4,
};

const ANY_CSUM = NETIF_F_HW_CSUM | NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM;

/** Whether a link with these features carries this packet as the super-segment that it is. */
export function carriesSegments(packet: Packet, features: number): boolean {
  return packet.gsoSize === 0 || (features & (GSO_FEATURE[packet.gsoType & ~GSO_ECN] ?? 0)) !== 0;
}

/** Whether {@link fitOffloads} has nothing to do. */
export function fits(packet: Packet, features: number): boolean {
  return (
    (packet.checksum !== CHECKSUM_PARTIAL || (features & ANY_CSUM) !== 0) &&
    (packet.payloadLength === 0 || (features & NETIF_F_SG) !== 0)
  );
}

/**
 * The packet as a link with these features can take it (Linux: `validate_xmit_skb`): gathered payload made linear, an open
 * transport checksum computed. Null when no slot was free; the original is then still the caller's.
 */
export function fitOffloads(packet: Packet, features: number): Packet | null {
  const own = takeLinear(packet.pool, packet);
  if (own === null) return null;
  if (own.checksum === CHECKSUM_PARTIAL && (features & ANY_CSUM) === 0) completeChecksum(own);
  return own;
}
