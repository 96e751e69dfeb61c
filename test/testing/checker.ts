import { formatMac } from '../../device/frame/mac.ts';
import { formatIpv4 } from '../../stack/wire/address.ts';
import { type Check, Dissection, FrameError } from './dissection.ts';

// An independent judge: it reads frames by the numbers in the RFCs and sums checksums byte by byte, with nothing of the code
// that it judges.

/** A MAC address as text or as a 48-bit number. */
type Mac = string | number;
/** An IPv4 address as text or as a 32-bit number. */
type Address = string | number;

const macText = (mac: Mac | undefined) => (typeof mac === 'number' ? formatMac(mac) : mac?.toLowerCase());
const addressText = (address: Address | undefined) =>
  typeof address === 'number' ? formatIpv4(address) : address;

const LAYERS: Readonly<Record<number, string>> = { 2054: 'ARP', 2048: 'IPv4', 32821: 'RARP', 33024: 'VLAN' };
const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'ICMP' };
const layerName = (type: number) => LAYERS[type] ?? `ethertype 0x${type.toString(16).padStart(4, '0')}`;

/**
 * Checks a frame layer by layer: `checkFrame(bytes, ether({ destination }), ipv4({ ttl: 64 }), icmp({ type: 8 }))`. Lengths,
 * versions and checksums are checked of every layer named, fields only where something is expected of them. Throws a
 * {@link FrameError} with all that differs.
 */
export function checkFrame(bytes: Uint8Array, ...checks: readonly Check[]): void {
  const frame = new Dissection(bytes);
  for (const check of checks) {
    check(frame);
    if (frame.broken) break;
  }
  if (frame.problems.length > 0) throw new FrameError(bytes, frame.problems);
}

export interface EtherExpectation {
  destination?: Mac;
  source?: Mac;
  /** EtherType. */
  type?: number;
}

/** An Ethernet II header. */
export function ether(expected: EtherExpectation = {}): Check {
  return (frame) => {
    if (!frame.has('ether', 14)) return;
    frame.expect('ether.destination', macAt(frame, 0), macText(expected.destination));
    frame.expect('ether.source', macAt(frame, 6), macText(expected.source));
    const type = frame.view.getUint16(frame.at + 12);
    frame.expect(
      'ether.type',
      layerName(type),
      expected.type === undefined ? undefined : layerName(expected.type),
    );
    frame.announced = layerName(type);
    frame.at += 14;
  };
}

export interface VlanExpectation {
  id?: number;
  priority?: number;
}

/** An 802.1Q tag behind the Ethernet header. */
export function vlan(expected: VlanExpectation = {}): Check {
  return (frame) => {
    frame.follows('VLAN');
    if (!frame.has('vlan', 4)) return;
    const tci = frame.view.getUint16(frame.at);
    frame.expect('vlan.id', tci & 0x0fff, expected.id);
    frame.expect('vlan.priority', tci >>> 13, expected.priority);
    frame.announced = layerName(frame.view.getUint16(frame.at + 2));
    frame.at += 4;
  };
}

export interface ArpExpectation {
  operation?: number;
  sha?: Mac;
  spa?: Address;
  tha?: Mac;
  tpa?: Address;
}

/** An ARP message for IPv4 over Ethernet (RFC 826); what follows it must be zeros. */
export function arp(expected: ArpExpectation = {}): Check {
  return arpMessage('ARP', expected);
}

/** A reverse ARP message (RFC 903), which has the same form. */
export function rarp(expected: ArpExpectation = {}): Check {
  return arpMessage('RARP', expected);
}

function arpMessage(layer: string, expected: ArpExpectation): Check {
  return (frame) => {
    frame.follows(layer);
    if (!frame.has('arp', 28)) return;
    const { view, at } = frame;
    frame.expect('arp.hrd', view.getUint16(at), 1);
    frame.expect('arp.pro', view.getUint16(at + 2), 0x0800);
    frame.expect('arp.hln', view.getUint8(at + 4), 6);
    frame.expect('arp.pln', view.getUint8(at + 5), 4);
    frame.expect('arp.op', view.getUint16(at + 6), expected.operation);
    frame.expect('arp.sha', macAt(frame, 8), macText(expected.sha));
    frame.expect('arp.spa', addressAt(frame, 14), addressText(expected.spa));
    frame.expect('arp.tha', macAt(frame, 18), macText(expected.tha));
    frame.expect('arp.tpa', addressAt(frame, 24), addressText(expected.tpa));
    frame.at += 28;
    frame.end = frame.at;
    zeroPadding(frame);
  };
}

export interface Ipv4Expectation {
  source?: Address;
  destination?: Address;
  protocol?: number;
  ttl?: number;
  tos?: number;
  identification?: number;
  dontFragment?: boolean;
  moreFragments?: boolean;
  /** Bytes into the datagram. */
  fragmentOffset?: number;
  /** Bytes of header and payload. */
  totalLength?: number;
  /** Bytes of the options, padding included. */
  options?: Uint8Array;
}

/** An IPv4 header (RFC 791): version, lengths and checksum always; what follows the datagram must be zeros. */
export function ipv4(expected: Ipv4Expectation = {}): Check {
  return (frame) => {
    frame.follows('IPv4');
    if (!frame.has('ipv4', 20)) return;
    const { view, at } = frame;
    frame.expect('ipv4.version', view.getUint8(at) >>> 4, 4);
    const header = (view.getUint8(at) & 0x0f) * 4;
    const total = view.getUint16(at + 2);
    if (header < 20 || total < header || total > frame.end - at) {
      frame.problems.push(`ipv4: header of ${header} and total of ${total} in ${frame.end - at} bytes`);
      frame.broken = true;
      return;
    }
    frame.expect('ipv4 sum with checksum', frame.sum(at, at + header), 0xffff);
    frame.expect('ipv4.source', addressAt(frame, 12), addressText(expected.source));
    frame.expect('ipv4.destination', addressAt(frame, 16), addressText(expected.destination));
    frame.expect('ipv4.protocol', view.getUint8(at + 9), expected.protocol);
    frame.expect('ipv4.ttl', view.getUint8(at + 8), expected.ttl);
    frame.expect('ipv4.tos', view.getUint8(at + 1), expected.tos);
    frame.expect('ipv4.identification', view.getUint16(at + 4), expected.identification);
    frame.expect('ipv4.totalLength', total, expected.totalLength);
    const fragment = view.getUint16(at + 6);
    frame.expect('ipv4.reserved flag', (fragment & 0x8000) !== 0, false);
    frame.expect('ipv4.dontFragment', (fragment & 0x4000) !== 0, expected.dontFragment);
    frame.expect('ipv4.moreFragments', (fragment & 0x2000) !== 0, expected.moreFragments);
    frame.expect('ipv4.fragmentOffset', (fragment & 0x1fff) * 8, expected.fragmentOffset);
    frame.expect('ipv4.options', hex(frame.bytes(at + 20, at + header)), hexOf(expected.options));
    frame.fragment = (fragment & 0x3fff) !== 0;
    frame.announced = protocolName(view.getUint8(at + 9));
    frame.at = at + header;
    frame.end = at + total;
    zeroPadding(frame);
  };
}

export interface IcmpExpectation {
  type?: number;
  code?: number;
  identifier?: number;
  sequence?: number;
  /** Fragmentation needed: the next hop's MTU. */
  mtu?: number;
  /** Redirect: where to. */
  gateway?: Address;
  /** Parameter problem: the octet at fault. */
  pointer?: number;
  payload?: Uint8Array;
}

/** An ICMP message (RFC 792); its checksum always, unless it is a fragment. */
export function icmp(expected: IcmpExpectation = {}): Check {
  return (frame) => {
    frame.follows('ICMP');
    if (!frame.has('icmp', 8)) return;
    const { view, at, end } = frame;
    if (!frame.fragment) frame.expect('icmp sum with checksum', frame.sum(at, end), 0xffff);
    frame.expect('icmp.type', view.getUint8(at), expected.type);
    frame.expect('icmp.code', view.getUint8(at + 1), expected.code);
    frame.expect('icmp.identifier', view.getUint16(at + 4), expected.identifier);
    frame.expect('icmp.sequence', view.getUint16(at + 6), expected.sequence);
    frame.expect('icmp.mtu', view.getUint16(at + 6), expected.mtu);
    frame.expect('icmp.gateway', addressAt(frame, 4), addressText(expected.gateway));
    frame.expect('icmp.pointer', view.getUint8(at + 4), expected.pointer);
    frame.at += 8;
    if (expected.payload !== undefined) payload(expected.payload)(frame);
  };
}

/** The datagram that an ICMP error quotes, checked by its own checks; it may be cut short behind its header. */
export function quotes(expected: Ipv4Expectation = {}): Check {
  return (frame) => {
    if (!frame.has('quoted ipv4', 20)) return;
    const { view, at } = frame;
    frame.expect('quoted version', view.getUint8(at) >>> 4, 4);
    const header = (view.getUint8(at) & 0x0f) * 4;
    if (!frame.has('quoted ipv4', Math.max(20, header))) return;
    frame.expect('quoted sum with checksum', frame.sum(at, at + header), 0xffff);
    frame.expect('quoted source', addressAt(frame, 12), addressText(expected.source));
    frame.expect('quoted destination', addressAt(frame, 16), addressText(expected.destination));
    frame.expect('quoted protocol', view.getUint8(at + 9), expected.protocol);
    frame.expect('quoted ttl', view.getUint8(at + 8), expected.ttl);
    frame.expect('quoted totalLength', view.getUint16(at + 2), expected.totalLength);
    frame.at = at + header;
  };
}

/** What is left of the frame, exactly, padding aside. */
export function payload(expected: Uint8Array): Check {
  return (frame) => {
    frame.expect('payload', hex(frame.bytes(frame.at, frame.end)), hexOf(expected));
    frame.at = frame.end;
  };
}

/** How many bytes are left, padding aside. */
export function payloadLength(expected: number): Check {
  return (frame) => {
    frame.expect('payload length', frame.end - frame.at, expected);
    frame.at = frame.end;
  };
}

/** The length of the whole frame in bytes. */
export function frameLength(expected: number): Check {
  return (frame) => frame.expect('frame length', frame.view.byteLength, expected);
}

function macAt(frame: Dissection, offset: number): string {
  const at = frame.at + offset;
  return hex(frame.bytes(at, at + 6)).replace(/..(?!$)/g, '$&:');
}

function addressAt(frame: Dissection, offset: number): string {
  const at = frame.at + offset;
  return frame.bytes(at, at + 4).join('.');
}

function protocolName(protocol: number): string {
  return PROTOCOLS[protocol] ?? `protocol ${protocol}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function hexOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : hex(bytes);
}

/** Whatever lies behind `frame.end` must be zeros: anything else is a leak of memory. */
function zeroPadding(frame: Dissection): void {
  const padding = frame.bytes(frame.end, frame.view.byteLength);
  if (padding.some((byte) => byte !== 0)) frame.problems.push(`padding: ${hex(padding)}, expected zeros`);
}
