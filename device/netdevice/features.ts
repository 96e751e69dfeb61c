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
/** The other side of the link may hand us super-segments. */
export const NETIF_F_GRO_HW: number = 1 << 12;
/** Datagrams are merged also for those that are not received here. */
export const NETIF_F_GRO_UDP_FWD: number = 1 << 13;

/** What the core itself does for every device: on at first. */
export const SOFT_FEATURES: number = NETIF_F_GSO | NETIF_F_GRO;
/** The same, but off until it is asked for. */
export const SOFT_FEATURES_OFF: number = NETIF_F_GRO_UDP_FWD;

/** Any way to leave the checksum of a sent packet to the device. */
export const ANY_CSUM: number = NETIF_F_HW_CSUM | NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM;
const ALL_TSO = NETIF_F_TSO | NETIF_F_TSO_ECN | NETIF_F_TSO6;

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
  [NETIF_F_GRO_HW, 'rx-gro-hw'],
  [NETIF_F_GRO_UDP_FWD, 'rx-udp-gro-forwarding'],
];

/** Short names that stand for several features, as `ethtool -K` takes them; `all` leaves out what is no work taken over. */
const FEATURE_GROUPS: Readonly<Record<string, number>> = {
  all: NETIF_F_RXCSUM | ANY_CSUM | ALL_TSO | NETIF_F_GSO_UDP_L4 | SOFT_FEATURES | NETIF_F_GRO_HW,
  rx: NETIF_F_RXCSUM,
  tx: ANY_CSUM,
  sg: NETIF_F_SG,
  tso: ALL_TSO,
  uso: NETIF_F_GSO_UDP_L4,
  gso: NETIF_F_GSO,
  gro: NETIF_F_GRO,
};

/**
 * Whether what comes to a device may come in super-segments: a link says so by GRO_HW, and where it has no such switch the other end
 * is one of ours, which sends as this one does.
 */
export function receivesSegments(dev: { readonly features: number; readonly hwFeatures: number }): boolean {
  const switched = (dev.hwFeatures & NETIF_F_GRO_HW) !== 0 ? NETIF_F_GRO_HW : NETIF_F_TSO;
  return (dev.features & switched) !== 0;
}

/** The features that a name of `ethtool` stands for; 0: none. */
export function featuresNamed(name: string): number {
  if (Object.hasOwn(FEATURE_GROUPS, name)) return FEATURE_GROUPS[name]!;
  return FEATURE_NAMES.find(([, known]) => known === name)?.[0] ?? 0;
}

/**
 * What the core never lets stand together (Linux: `netdev_fix_features`): generic checksumming excludes the per-protocol
 * kinds; segmentation needs scatter-gather and checksumming; software GSO needs scatter-gather, which by itself needs nothing;
 * super-segments come with open checksums, so that GRO_HW needs RXCSUM.
 */
export function fixFeatures(wished: number): number {
  let features = wished;
  if ((features & NETIF_F_HW_CSUM) !== 0) features &= ~(NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM);
  const canTso4 = (features & NETIF_F_SG) !== 0 && (features & (NETIF_F_HW_CSUM | NETIF_F_IP_CSUM)) !== 0;
  const canTso6 = (features & NETIF_F_SG) !== 0 && (features & (NETIF_F_HW_CSUM | NETIF_F_IPV6_CSUM)) !== 0;
  if (!canTso4) features &= ~(NETIF_F_TSO | NETIF_F_TSO_ECN);
  if (!canTso6) features &= ~NETIF_F_TSO6;
  if ((features & NETIF_F_SG) === 0) features &= ~NETIF_F_GSO;
  if ((features & ALL_TSO) === NETIF_F_TSO_ECN) features &= ~NETIF_F_TSO_ECN;
  if (!canTso4 || !canTso6) features &= ~NETIF_F_GSO_UDP_L4;
  if ((features & NETIF_F_RXCSUM) === 0) features &= ~NETIF_F_GRO_HW;
  return features;
}
