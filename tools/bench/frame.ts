import { ETH_HLEN, ETH_P_IP, ETH_TYPE, ethernetLayout } from '../../device/frame/ethernet.ts';
import { getMac, setMac } from '../../device/frame/mac.ts';
import type { Packet } from '../../device/memory/packet.ts';
import { PacketPool } from '../../device/memory/pool.ts';
import { Incoming, readIncoming } from '../../stack/tcp/incoming.ts';
import {
  IP_DESTINATION,
  IP_FRAGMENT,
  IP_HLEN,
  IP_IDENTIFICATION,
  IP_PROTOCOL,
  IP_SOURCE,
  IP_TOS,
  IP_TOTAL_LENGTH,
  IP_TTL,
  IP_VERSION_IHL,
  ipv4Layout,
} from '../../stack/wire/ipv4.ts';
import {
  TCP_ACKNOWLEDGMENT,
  TCP_DATA_OFFSET,
  TCP_DESTINATION_PORT,
  TCP_FLAGS,
  TCP_HLEN,
  TCP_SEQUENCE,
  TCP_SOURCE_PORT,
  TCP_URGENT,
  TCP_WINDOW,
  tcpLayout,
} from '../../stack/wire/tcp.ts';
import { type Bench, type Round, summarise } from './result.ts';

const FRAMES = 200_000;
const HEADERS = ETH_HLEN + IP_HLEN + TCP_HLEN;
const [SOURCE, DESTINATION] = [0xc0000201, 0xc6336407];
const [OUR_MAC, PEER_MAC] = [0x020000000001, 0x020000000002];
const ACK = 0x10;

/** The headers of a TCP segment as {@link build} writes them; `sequence` changes from frame to frame. */
function build(packet: Packet, sequence: number): void {
  const { view } = packet.pool;
  const at = packet.start;
  setMac(view, at, PEER_MAC);
  setMac(view, at + 6, OUR_MAC);
  view.setUint16(at + ETH_TYPE, ETH_P_IP);
  const ip = at + ETH_HLEN;
  view.setUint8(ip + IP_VERSION_IHL, 0x45);
  view.setUint8(ip + IP_TOS, 0);
  view.setUint16(ip + IP_TOTAL_LENGTH, IP_HLEN + TCP_HLEN);
  view.setUint16(ip + IP_IDENTIFICATION, sequence & 0xffff);
  view.setUint16(ip + IP_FRAGMENT, 0x4000);
  view.setUint8(ip + IP_TTL, 64);
  view.setUint8(ip + IP_PROTOCOL, 6);
  view.setUint32(ip + IP_SOURCE, SOURCE);
  view.setUint32(ip + IP_DESTINATION, DESTINATION);
  const tcp = ip + IP_HLEN;
  view.setUint16(tcp + TCP_SOURCE_PORT, 80);
  view.setUint16(tcp + TCP_DESTINATION_PORT, 50_000);
  view.setUint32(tcp + TCP_SEQUENCE, sequence);
  view.setUint32(tcp + TCP_ACKNOWLEDGMENT, 1);
  view.setUint8(tcp + TCP_DATA_OFFSET, 0x50);
  view.setUint8(tcp + TCP_FLAGS, ACK);
  view.setUint16(tcp + TCP_WINDOW, 1024);
  view.setUint16(tcp + TCP_URGENT, 0);
}

function buildByLayout(packet: Packet, sequence: number): void {
  const u8 = regionOf(packet);
  const at = packet.start;
  ethernetLayout.encode({ destination: PEER_MAC, source: OUR_MAC, type: ETH_P_IP }, u8, at);
  const ip = {
    versionIhl: 0x45,
    tos: 0,
    totalLength: IP_HLEN + TCP_HLEN,
    identification: sequence & 0xffff,
    fragment: 0x4000,
    ttl: 64,
    protocol: 6,
    checksum: 0,
    source: SOURCE,
    destination: DESTINATION,
  };
  ipv4Layout.encode(ip, u8, at + ETH_HLEN);
  const tcp = {
    sourcePort: 80,
    destinationPort: 50_000,
    sequence,
    acknowledgment: 1,
    dataOffset: 0x50,
    flags: ACK,
    window: 1024,
    checksum: 0,
    urgent: 0,
  };
  tcpLayout.encode(tcp, u8, at + ETH_HLEN + IP_HLEN);
}

/** buffer-layout works on Buffers. */
function regionOf({ pool }: Packet): Buffer {
  region ??= Buffer.from(pool.u8.buffer);
  return region;
}
let region: Buffer | undefined;

const incoming = new Incoming();

/** Reads what a stack reads of a segment on its way to the connection. */
function parse(packet: Packet): number {
  const { view } = packet.pool;
  const at = packet.start;
  let sum = getMac(view, at) === PEER_MAC ? view.getUint16(at + ETH_TYPE) : 0;
  const ip = at + ETH_HLEN;
  sum += view.getUint8(ip + IP_VERSION_IHL) + view.getUint16(ip + IP_TOTAL_LENGTH);
  sum +=
    view.getUint8(ip + IP_PROTOCOL) + view.getUint32(ip + IP_SOURCE) + view.getUint32(ip + IP_DESTINATION);
  packet.pull(ETH_HLEN + IP_HLEN);
  readIncoming(packet, incoming);
  packet.push(ETH_HLEN + IP_HLEN);
  return sum + incoming.seq + incoming.ack + incoming.window + incoming.flags + incoming.localPort;
}

function parseByLayout(packet: Packet): number {
  const u8 = regionOf(packet);
  const at = packet.start;
  const ethernet = ethernetLayout.decode(u8, at);
  const ip = ipv4Layout.decode(u8, at + ETH_HLEN);
  const tcp = tcpLayout.decode(u8, at + ETH_HLEN + IP_HLEN);
  const sum = ethernet.destination === PEER_MAC ? ethernet.type : 0;
  const addresses = ip.protocol + ip.source + ip.destination;
  const segment = (tcp.sequence | 0) + tcp.acknowledgment + tcp.window + tcp.flags + tcp.destinationPort;
  return sum + ip.versionIhl + ip.totalLength + addresses + segment;
}

/** Nanoseconds a frame. */
function measure(
  packets: readonly Packet[],
  act: (packet: Packet, sequence: number) => number | void,
): number {
  const begin = performance.now();
  for (let i = 0; i < FRAMES; i++) act(packets[i & (packets.length - 1)]!, i);
  return ((performance.now() - begin) * 1e6) / FRAMES;
}

/** Headers of a segment read and written by `DataView` at constant offsets, as on every packet's path, beside buffer-layout's objects. */
export function benchFrame({ rounds, report }: Bench): void {
  const pool = new PacketPool({ small: 64, large: 1, pages: 0 });
  const packets = Array.from({ length: 64 }, () => pool.alloc(HEADERS)!);
  for (const packet of packets) {
    packet.put(HEADERS);
    build(packet, 0x80000001);
    const same = parse(packet) === parseByLayout(packet);
    const bytes = packet.bytes();
    buildByLayout(packet, 0x80000001);
    if (!same || !bytes.equals(packet.bytes())) throw new Error('both ways must read and write the same');
  }
  const pairs = { parse: [parse, parseByLayout], build: [build, buildByLayout] } as const;
  for (const [name, [ours, reference]] of Object.entries(pairs)) {
    const measured: Round[] = [];
    for (let i = -2; i < rounds; i++) {
      const round = { reference: measure(packets, reference), ours: measure(packets, ours) };
      if (i >= 0) measured.push(round);
    }
    report(summarise(`frame-${name}`, 'ns', 'buffer-layout', measured));
  }
}
