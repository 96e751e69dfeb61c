import { formatMac } from '../../../device/frame/mac.ts';
import { qdiscName } from '../../../device/netdevice/discipline.ts';
import { FEATURE_NAMES } from '../../../device/netdevice/features.ts';
import { ARPHRD_ETHER, ARPHRD_LOOPBACK, flagNames } from '../../../device/netdevice/flags.ts';
import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import { IF_OPER_DOWN, operstateName } from '../../../device/netdevice/operstate.ts';
import type { LinkStatistics } from '../../../device/netdevice/statistics.ts';

/** A device as `ip -json link show` prints it, key by key; `-s` adds `stats64`, `-d` the rest. */
export interface LinkView {
  readonly ifindex: number;
  /** Name of the device below, or at the other end of a pair. */
  readonly link?: string;
  /** Its index, where it is in another namespace. */
  readonly link_index?: number;
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly qdisc: string;
  readonly master?: string;
  readonly operstate: string;
  readonly linkmode?: string;
  readonly group: string;
  readonly txqlen?: number;
  readonly link_type: string;
  readonly address?: string;
  readonly broadcast?: string;
  readonly promiscuity?: number;
  readonly allmulti?: number;
  readonly min_mtu?: number;
  readonly max_mtu?: number;
  /** As `ethtool --json -k` has it. */
  readonly offload?: Readonly<Record<string, FeatureView>>;
  readonly linkinfo?: { readonly info_kind: string };
  readonly ifalias?: string;
  readonly stats64?: Stats64;
  readonly altnames?: readonly string[];
}

export interface FeatureView {
  readonly active: boolean;
  /** Nobody can toggle it. */
  readonly fixed: boolean;
  readonly requested: boolean;
}

export interface Stats64 {
  readonly rx: Readonly<Record<string, number>>;
  readonly tx: Readonly<Record<string, number>>;
}

/** How much of a device is asked for. */
export interface LinkDetail {
  /** 1: the usual counters, 2: all. */
  readonly stats?: number;
  readonly details?: boolean;
}

const LINK_MODES = ['DEFAULT', 'DORMANT', 'TESTING'];

/** What `ip -json link show` prints of a device. */
export function linkView(dev: NetDevice, detail: LinkDetail = {}): LinkView {
  const head = deviceView(dev);
  return {
    ...head.identity,
    linkmode: LINK_MODES[dev.linkMode] ?? String(dev.linkMode),
    ...head.address,
    ...(detail.details === true && {
      promiscuity: dev.promiscuity,
      allmulti: dev.allMulticast,
      min_mtu: dev.minMtu,
      max_mtu: dev.maxMtu,
      offload: offload(dev),
      linkinfo: { info_kind: dev.link.kind },
    }),
    ...(dev.alias !== '' && { ifalias: dev.alias }),
    ...((detail.stats ?? 0) > 0 && { stats64: stats64(dev, detail.stats ?? 0) }),
    ...(dev.altNames.length > 0 && { altnames: dev.altNames }),
  };
}

function offload(dev: NetDevice): Record<string, FeatureView> {
  return Object.fromEntries(
    FEATURE_NAMES.map(([bit, name]) => {
      const active = (dev.features & bit) !== 0;
      const fixed = (dev.hwFeatures & bit) === 0;
      return [name, { active, fixed, requested: fixed ? active : (dev.wantedFeatures & bit) !== 0 }];
    }),
  );
}

/** The part of a device that `ip link` and `ip address` both print. */
export function deviceView(dev: NetDevice): { identity: IdentityView; address: AddressPart } {
  return {
    identity: {
      ifindex: dev.ifindex,
      ...linkPart(dev),
      ifname: dev.name,
      flags: flagNames(dev.reportedFlags),
      mtu: dev.mtu,
      qdisc: qdiscName(dev.discipline.configured),
      ...(dev.master !== null && { master: dev.master.name }),
      operstate: operstateName(dev.running ? dev.operstate : IF_OPER_DOWN),
    },
    address: {
      group: dev.group === 0 ? 'default' : String(dev.group),
      ...(dev.txQueueLen > 0 && { txqlen: dev.txQueueLen }),
      link_type: linkType(dev.type),
      ...(dev.addressLength > 0 && {
        address: formatMac(dev.address),
        broadcast: formatMac(dev.type === ARPHRD_LOOPBACK ? 0 : dev.broadcast),
      }),
    },
  };
}

export type IdentityView = Pick<
  LinkView,
  'ifindex' | 'link' | 'ifname' | 'flags' | 'mtu' | 'qdisc' | 'master' | 'operstate'
>;
export type AddressPart = Pick<LinkView, 'group' | 'txqlen' | 'link_type' | 'address' | 'broadcast'>;

function linkType(type: number): string {
  if (type === ARPHRD_ETHER) return 'ether';
  return type === ARPHRD_LOOPBACK ? 'loopback' : 'none';
}

/** Counters under iproute2's keys: `-s` shows those of {@link USUAL}, `-s -s` the others too. */
function stats64(dev: NetDevice, level: number): Stats64 {
  const s = dev.statistics;
  const all = level > 1;
  return {
    rx: { ...pick(s, USUAL_RX), ...(all && pick(s, OTHER_RX)) },
    tx: { ...pick(s, USUAL_TX), ...(all && { ...pick(s, OTHER_TX), carrier_changes: dev.carrierChanges }) },
  };
}

type Named = readonly (readonly [string, keyof LinkStatistics])[];

const USUAL_RX: Named = [
  ['bytes', 'rxBytes'],
  ['packets', 'rxPackets'],
  ['errors', 'rxErrors'],
  ['dropped', 'rxDropped'],
  ['over_errors', 'rxOverErrors'],
  ['multicast', 'multicast'],
];
const OTHER_RX: Named = [
  ['length_errors', 'rxLengthErrors'],
  ['crc_errors', 'rxCrcErrors'],
  ['frame_errors', 'rxFrameErrors'],
  ['fifo_errors', 'rxFifoErrors'],
  ['missed_errors', 'rxMissedErrors'],
  ['nohandler', 'rxNohandler'],
  ['otherhost_dropped', 'rxOtherhostDropped'],
];
const USUAL_TX: Named = [
  ['bytes', 'txBytes'],
  ['packets', 'txPackets'],
  ['errors', 'txErrors'],
  ['dropped', 'txDropped'],
  ['carrier_errors', 'txCarrierErrors'],
  ['collisions', 'collisions'],
];
const OTHER_TX: Named = [
  ['aborted_errors', 'txAbortedErrors'],
  ['fifo_errors', 'txFifoErrors'],
  ['window_errors', 'txWindowErrors'],
  ['heartbeat_errors', 'txHeartbeatErrors'],
];

function pick(statistics: LinkStatistics, names: Named): Record<string, number> {
  return Object.fromEntries(names.map(([key, field]) => [key, statistics[field]]));
}

/** The device below or at the other end, by name where it is of this namespace, else by index; nothing for most devices. */
function linkPart(dev: NetDevice): { link?: string; link_index?: number } {
  const { iflink } = dev;
  if (iflink === dev.ifindex) return {};
  const other = dev.ns.deviceByIndex(iflink);
  return other === undefined ? { link_index: iflink } : { link: other.name };
}
