/** Offload features, one bit each; names as `ethtool -k` shows them. */
export const NETIF_F_SG: number = 1 << 0;
export const NETIF_F_IP_CSUM: number = 1 << 1;
export const NETIF_F_IPV6_CSUM: number = 1 << 2;
export const NETIF_F_HW_CSUM: number = 1 << 3;
export const NETIF_F_RXCSUM: number = 1 << 4;
export const NETIF_F_TSO: number = 1 << 5;
export const NETIF_F_TSO_ECN: number = 1 << 6;
export const NETIF_F_TSO6: number = 1 << 7;
export const NETIF_F_GSO: number = 1 << 8;
export const NETIF_F_GSO_UDP_L4: number = 1 << 9;
export const NETIF_F_GRO: number = 1 << 10;
export const NETIF_F_HIGHDMA: number = 1 << 11;

/** `ethtool -k` names. */
export const FEATURE_NAMES: readonly (readonly [number, string])[] = [
  [NETIF_F_SG, 'tx-scatter-gather'],
  [NETIF_F_IP_CSUM, 'tx-checksum-ipv4'],
  [NETIF_F_IPV6_CSUM, 'tx-checksum-ipv6'],
  [NETIF_F_HW_CSUM, 'tx-checksum-ip-generic'],
  [NETIF_F_RXCSUM, 'rx-checksum'],
  [NETIF_F_TSO, 'tx-tcp-segmentation'],
  [NETIF_F_TSO_ECN, 'tx-tcp-ecn-segmentation'],
  [NETIF_F_TSO6, 'tx-tcp6-segmentation'],
  [NETIF_F_GSO, 'tx-generic-segmentation'],
  [NETIF_F_GSO_UDP_L4, 'tx-udp-segmentation'],
  [NETIF_F_GRO, 'rx-gro'],
  [NETIF_F_HIGHDMA, 'highdma'],
];

/**
 * What the core never lets stand together (Linux: `netdev_fix_features`): generic checksumming excludes the per-protocol
 * kinds; segmentation needs scatter-gather and checksumming; software GSO needs scatter-gather, which by itself needs nothing.
 */
export function fixFeatures(wished: number): number {
  let features = wished;
  if ((features & NETIF_F_HW_CSUM) !== 0) features &= ~(NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM);
  const canTso4 = (features & NETIF_F_SG) !== 0 && (features & (NETIF_F_HW_CSUM | NETIF_F_IP_CSUM)) !== 0;
  const canTso6 = (features & NETIF_F_SG) !== 0 && (features & (NETIF_F_HW_CSUM | NETIF_F_IPV6_CSUM)) !== 0;
  if (!canTso4) features &= ~(NETIF_F_TSO | NETIF_F_TSO_ECN);
  if (!canTso6) features &= ~NETIF_F_TSO6;
  if ((features & NETIF_F_SG) === 0) features &= ~NETIF_F_GSO;
  if (!canTso4 || !canTso6) features &= ~NETIF_F_GSO_UDP_L4;
  return features;
}
