import {
  ETH_DESTINATION,
  ETH_HLEN,
  ETH_P_802_3_MIN,
  ETH_P_8021AD,
  ETH_P_8021Q,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  ETH_P_RARP,
  ETH_SOURCE,
  ETH_TYPE,
} from '../../device/frame/ethernet.ts';
import { formatMac, getMac } from '../../device/frame/mac.ts';
import { VLAN_HLEN, VLAN_ID_MASK, VLAN_TCI, VLAN_TYPE } from '../../device/frame/vlan.ts';
import { formatIpv4 } from './address.ts';
import {
  ARP_LENGTH,
  ARP_OP,
  ARP_SHA,
  ARP_SPA,
  ARP_THA,
  ARP_TPA,
  ARPOP_REPLY,
  ARPOP_REQUEST,
  ARPOP_RREPLY,
  ARPOP_RREQUEST,
  arpHasLengths,
  arpIsInet,
} from './arp.ts';
import {
  ICMP_CODE,
  ICMP_DEST_UNREACH,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  ICMP_FRAG_NEEDED,
  ICMP_HLEN,
  ICMP_IDENTIFIER,
  ICMP_INFO,
  ICMP_MTU,
  ICMP_PARAMETERPROB,
  ICMP_REDIRECT,
  ICMP_SEQUENCE,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
  ICMP_TYPE,
  icmpName,
} from './icmp.ts';
import {
  IP_DESTINATION,
  IP_FRAGMENT,
  IP_HLEN,
  IP_IDENTIFICATION,
  IP_MF,
  IP_OFFSET_MASK,
  IP_PROTOCOL,
  IP_SOURCE,
  IP_TOTAL_LENGTH,
  IP_VERSION_IHL,
  IPPROTO_ICMP,
  IPPROTO_IGMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  ipv4HeaderLength,
  ipv4HeaderSum,
} from './ipv4.ts';

// Text for people: one line a frame, in the words of `tcpdump -ent`. Bytes are whatever came off a wire, so every read is
// behind a check of its length; what is cut short shows as `[|arp]`.

const ETHERTYPE_NAMES: Readonly<Record<number, string>> = {
  [ETH_P_IP]: 'IPv4',
  [ETH_P_ARP]: 'ARP',
  [ETH_P_RARP]: 'Reverse ARP',
  [ETH_P_8021Q]: '802.1Q',
  [ETH_P_8021AD]: '802.1Q-QinQ',
  [ETH_P_IPV6]: 'IPv6',
};

const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  [IPPROTO_ICMP]: 'ICMP',
  [IPPROTO_IGMP]: 'IGMP',
  [IPPROTO_TCP]: 'TCP',
  [IPPROTO_UDP]: 'UDP',
};

/** Errors that quote the datagram which they are about. */
const QUOTING: ReadonlySet<number> = new Set([
  ICMP_DEST_UNREACH,
  ICMP_SOURCE_QUENCH,
  ICMP_REDIRECT,
  ICMP_TIME_EXCEEDED,
  ICMP_PARAMETERPROB,
]);

/**
 * An Ethernet frame in one line, as `tcpdump -ent` prints it, with fragments and what ICMP errors quote told in full:
 * `02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ethertype ARP (0x0806), length 42: Request who-has 10.0.0.2 tell 10.0.0.1, length 28`.
 * Takes any bytes.
 */
export function describeFrame(bytes: Uint8Array): string {
  const { length } = bytes;
  if (length < ETH_HLEN) return `[|ether], length ${length}`;
  const view = viewOf(bytes);
  const stations = `${mac(view, ETH_SOURCE)} > ${mac(view, ETH_DESTINATION)}`;
  const type = view.getUint16(ETH_TYPE);
  if (type < ETH_P_802_3_MIN) return `${stations}, 802.3, length ${type}`;
  return `${stations}, ${ethertype(type)}, length ${length}: ${describeUpper(view, type, ETH_HLEN)}`;
}

/** An IPv4 datagram without link header in one line: `10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 64`. */
export function describeIpv4(bytes: Uint8Array): string {
  return ipv4(viewOf(bytes), 0, true);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function mac(view: DataView, at: number): string {
  return formatMac(getMac(view, at));
}

function address(view: DataView, at: number): string {
  return formatIpv4(view.getUint32(at));
}

function ethertype(type: number): string {
  const hex = `0x${type.toString(16).padStart(4, '0')}`;
  return `ethertype ${ETHERTYPE_NAMES[type] ?? 'Unknown'} (${hex})`;
}

function describeUpper(view: DataView, type: number, at: number): string {
  switch (type) {
    case ETH_P_ARP:
    case ETH_P_RARP:
      return arp(view, at);
    case ETH_P_IP:
      return ipv4(view, at, true);
    case ETH_P_8021Q:
    case ETH_P_8021AD:
      return vlan(view, at);
    default:
      return `${ETHERTYPE_NAMES[type] ?? 'unknown'}, length ${view.byteLength - at}`;
  }
}

function vlan(view: DataView, at: number): string {
  if (view.byteLength - at < VLAN_HLEN) return '[|vlan]';
  const tci = view.getUint16(at + VLAN_TCI);
  const type = view.getUint16(at + VLAN_TYPE);
  const dropEligible = (tci & 0x1000) === 0 ? '' : ', DEI';
  const tag = `vlan ${tci & VLAN_ID_MASK}, p ${tci >>> 13}${dropEligible}`;
  return `${tag}, ${ethertype(type)}, ${describeUpper(view, type, at + VLAN_HLEN)}`;
}

function arp(view: DataView, at: number): string {
  const length = view.byteLength - at;
  if (length < ARP_LENGTH) return '[|arp]';
  if (!arpHasLengths(view, at) || !arpIsInet(view, at))
    return `ARP not of IPv4 over Ethernet, length ${length}`;
  return `${arpMessage(view, at)}, length ${length}`;
}

function arpMessage(view: DataView, at: number): string {
  const spa = address(view, at + ARP_SPA);
  const tpa = address(view, at + ARP_TPA);
  const sha = mac(view, at + ARP_SHA);
  const tha = mac(view, at + ARP_THA);
  const op = view.getUint16(at + ARP_OP);
  switch (op) {
    case ARPOP_REQUEST: {
      const known = getMac(view, at + ARP_THA) === 0 ? '' : ` (${tha})`;
      return `Request who-has ${tpa}${known} tell ${spa}`;
    }
    case ARPOP_REPLY:
      return `Reply ${spa} is-at ${sha}`;
    case ARPOP_RREQUEST:
      return `Reverse Request who-is ${tha} tell ${sha}`;
    case ARPOP_RREPLY:
      return `Reverse Reply ${tha} at ${tpa}`;
    default:
      return `operation ${op} ${spa} (${sha}) to ${tpa} (${tha})`;
  }
}

/** `outer`: not a datagram quoted by an error, which is cut short and quotes nothing itself. */
function ipv4(view: DataView, at: number, outer: boolean): string {
  const available = view.byteLength - at;
  if (available < IP_HLEN) return '[|ip]';
  const version = view.getUint8(at + IP_VERSION_IHL) >>> 4;
  if (version !== 4) return `IP version ${version}, length ${available}`;
  const header = ipv4HeaderLength(view, at);
  if (header < IP_HLEN || header > available) return `[|ip] header length ${header}`;
  const total = view.getUint16(at + IP_TOTAL_LENGTH);
  if (total < header) return `IP total length ${total} < header length ${header}`;

  const missing = outer && total > available ? `truncated-ip - ${total - available} bytes missing! ` : '';
  const wrong = ipv4HeaderSum(view, at, header) === 0xffff ? '' : ', bad header checksum';
  const hosts = `${address(view, at + IP_SOURCE)} > ${address(view, at + IP_DESTINATION)}`;
  const end = at + Math.min(total, available);
  return `${missing}${hosts}: ${datagram(view, at, at + header, end, outer)}, length ${total - header}${wrong}`;
}

function datagram(view: DataView, at: number, payload: number, end: number, outer: boolean): string {
  const protocol = view.getUint8(at + IP_PROTOCOL);
  const name = PROTOCOL_NAMES[protocol] ?? `ip-proto-${protocol}`;
  const fragment = view.getUint16(at + IP_FRAGMENT);
  const offset = (fragment & IP_OFFSET_MASK) * 8;
  const more = (fragment & IP_MF) !== 0;
  const said = protocol === IPPROTO_ICMP && offset === 0 ? icmp(view, payload, end, outer) : name;
  if (offset === 0 && !more) return said;
  return `${said}, fragment ${offset}${more ? '+' : ''} of id ${view.getUint16(at + IP_IDENTIFICATION)}`;
}

function icmp(view: DataView, at: number, end: number, outer: boolean): string {
  if (end - at < ICMP_HLEN) return '[|icmp]';
  const type = view.getUint8(at + ICMP_TYPE);
  const code = view.getUint8(at + ICMP_CODE);
  const name = `ICMP ${icmpName(type, code)}`;
  if (type === ICMP_ECHO || type === ICMP_ECHOREPLY)
    return `${name}, id ${view.getUint16(at + ICMP_IDENTIFIER)}, seq ${view.getUint16(at + ICMP_SEQUENCE)}`;
  const detail = icmpDetail(view, at, type, code);
  const quoted = outer && QUOTING.has(type) ? ` [${ipv4(view, at + ICMP_HLEN, false)}]` : '';
  return `${name}${detail}${quoted}`;
}

function icmpDetail(view: DataView, at: number, type: number, code: number): string {
  if (type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED)
    return ` (mtu ${view.getUint16(at + ICMP_MTU)})`;
  if (type === ICMP_REDIRECT) return ` to ${address(view, at + ICMP_INFO)}`;
  if (type === ICMP_PARAMETERPROB) return ` - octet ${view.getUint8(at + ICMP_INFO)}`;
  return '';
}
