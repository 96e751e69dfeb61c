/**
 * One frame of every kind that a host on this link may send, built by hand from the RFCs, independently of the stack's own
 * code. The stack under test is 10.0.0.2 at 02:00:00:00:00:02, its peer 10.0.0.1 at 02:00:00:00:00:01.
 */
export const OUR_MAC = '020000000002';
export const PEER_MAC = '020000000001';
const BROADCAST_MAC = 'ffffffffffff';
const OUR_IP = [10, 0, 0, 2];
const PEER_IP = [10, 0, 0, 1];
const GATEWAY_IP = [10, 0, 0, 254];
const FAR_IP = [192, 0, 2, 7];

export interface Specimen {
  readonly name: string;
  readonly frame: Buffer;
}

function hex(text: string): Buffer {
  return Buffer.from(text.replace(/\s/g, ''), 'hex');
}

function u16(value: number): number[] {
  return [(value >> 8) & 255, value & 255];
}

function internetChecksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) sum += bytes[i]! << (i % 2 === 0 ? 8 : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

function ethernet(destination: string, type: number, payload: Buffer, source = PEER_MAC): Buffer {
  return Buffer.concat([hex(destination), hex(source), Buffer.from(u16(type)), payload]);
}

function arp(
  operation: number,
  sha: string,
  spa: number[],
  tha: string,
  tpa: number[],
  head = '0001080006 04',
): Buffer {
  return Buffer.concat([
    hex(head),
    Buffer.from(u16(operation)),
    hex(sha),
    Buffer.from(spa),
    hex(tha),
    Buffer.from(tpa),
  ]);
}

interface IpFields {
  source?: number[];
  destination?: number[];
  protocol: number;
  ttl?: number;
  id?: number;
  /** Flags and fragment offset, as the 16-bit field. */
  fragment?: number;
  options?: Buffer;
}

function ipv4(fields: IpFields, payload: Buffer): Buffer {
  const options = fields.options ?? Buffer.alloc(0);
  const header = Buffer.concat([
    Buffer.from([0x45 + options.length / 4, 0, ...u16(20 + options.length + payload.length)]),
    Buffer.from([
      ...u16(fields.id ?? 0x1234),
      ...u16(fields.fragment ?? 0),
      fields.ttl ?? 64,
      fields.protocol,
      0,
      0,
    ]),
    Buffer.from(fields.source ?? PEER_IP),
    Buffer.from(fields.destination ?? OUR_IP),
    options,
  ]);
  header.writeUInt16BE(internetChecksum(header), 10);
  return Buffer.concat([header, payload]);
}

function icmp(type: number, code: number, rest: number[], payload: Buffer): Buffer {
  const message = Buffer.concat([Buffer.from([type, code, 0, 0, ...rest]), payload]);
  message.writeUInt16BE(internetChecksum(message), 2);
  return message;
}

function packet(fields: IpFields, payload: Buffer, destination = OUR_MAC): Buffer {
  return ethernet(destination, 0x0800, ipv4(fields, payload));
}

const data = Buffer.from(Array.from({ length: 56 }, (_, i) => i));
const echo = icmp(8, 0, [0x12, 0x34, 0, 1], data);
/** What an ICMP error about a packet of ours would quote. */
const quoted = ipv4(
  { source: OUR_IP, destination: FAR_IP, protocol: 17 },
  hex('0035 1234 0010 0000 0102030405060708'),
);
const tcpSyn = hex('0400 0050 00000001 00000000 5002 ffff 0000 0000');
const udp = hex('0400 0035 000c 0000 61626364');

function echoWith(options: string): Buffer {
  return packet({ protocol: 1, options: hex(options) }, echo);
}

/** Every kind, by name. */
export const CORPUS: readonly Specimen[] = [
  ['arp request', ethernet(BROADCAST_MAC, 0x0806, arp(1, PEER_MAC, PEER_IP, '000000000000', OUR_IP))],
  [
    'arp request, padded',
    ethernet(
      BROADCAST_MAC,
      0x0806,
      Buffer.concat([arp(1, PEER_MAC, PEER_IP, '000000000000', OUR_IP), Buffer.alloc(18)]),
    ),
  ],
  ['arp reply', ethernet(OUR_MAC, 0x0806, arp(2, PEER_MAC, PEER_IP, OUR_MAC, OUR_IP))],
  ['arp gratuitous', ethernet(BROADCAST_MAC, 0x0806, arp(1, PEER_MAC, PEER_IP, '000000000000', PEER_IP))],
  ['arp probe', ethernet(BROADCAST_MAC, 0x0806, arp(1, PEER_MAC, [0, 0, 0, 0], '000000000000', OUR_IP))],
  [
    'arp claim of our address',
    ethernet(BROADCAST_MAC, 0x0806, arp(2, PEER_MAC, OUR_IP, BROADCAST_MAC, OUR_IP)),
  ],
  [
    'arp for ieee 802',
    ethernet(BROADCAST_MAC, 0x0806, arp(1, PEER_MAC, PEER_IP, '000000000000', OUR_IP, '0006080006 04')),
  ],
  [
    'arp, priority tagged',
    ethernet(
      BROADCAST_MAC,
      0x8100,
      Buffer.concat([hex('e000 0806'), arp(1, PEER_MAC, PEER_IP, '000000000000', OUR_IP)]),
    ),
  ],
  [
    'arp, vlan 10',
    ethernet(
      BROADCAST_MAC,
      0x8100,
      Buffer.concat([hex('000a 0806'), arp(1, PEER_MAC, PEER_IP, '000000000000', OUR_IP)]),
    ),
  ],
  ['rarp', ethernet(BROADCAST_MAC, 0x8035, arp(3, PEER_MAC, [0, 0, 0, 0], PEER_MAC, [0, 0, 0, 0]))],
  ['icmp echo request', packet({ protocol: 1 }, echo)],
  ['icmp echo reply', packet({ protocol: 1 }, icmp(0, 0, [0x12, 0x34, 0, 1], data))],
  ['icmp echo to broadcast', packet({ protocol: 1, destination: [10, 0, 0, 255] }, echo, BROADCAST_MAC)],
  [
    'icmp echo for another station',
    packet({ protocol: 1, destination: [10, 0, 0, 9] }, echo, '020000000009'),
  ],
  ['icmp echo to forward', packet({ protocol: 1, destination: FAR_IP }, echo)],
  ['icmp echo, ttl 1, to forward', packet({ protocol: 1, destination: FAR_IP, ttl: 1 }, echo)],
  ['icmp timestamp', packet({ protocol: 1 }, icmp(13, 0, [0, 1, 0, 1], Buffer.alloc(12)))],
  ['icmp address mask request', packet({ protocol: 1 }, icmp(17, 0, [0, 1, 0, 1], Buffer.alloc(4)))],
  ['icmp unreachable', packet({ protocol: 1 }, icmp(3, 1, [0, 0, 0, 0], quoted))],
  ['icmp frag needed', packet({ protocol: 1 }, icmp(3, 4, [0, 0, 0x04, 0xb0], quoted))],
  ['icmp time exceeded', packet({ protocol: 1 }, icmp(11, 0, [0, 0, 0, 0], quoted))],
  ['icmp parameter problem', packet({ protocol: 1 }, icmp(12, 0, [20, 0, 0, 0], quoted))],
  ['icmp redirect', packet({ protocol: 1, source: GATEWAY_IP }, icmp(5, 1, PEER_IP, quoted))],
  ['icmp source quench', packet({ protocol: 1 }, icmp(4, 0, [0, 0, 0, 0], quoted))],
  ['icmp of an unknown type', packet({ protocol: 1 }, icmp(200, 0, [0, 0, 0, 0], data))],
  [
    'icmp error inside an icmp error',
    packet(
      { protocol: 1 },
      icmp(
        3,
        1,
        [0, 0, 0, 0],
        ipv4({ source: OUR_IP, destination: FAR_IP, protocol: 1 }, icmp(3, 3, [0, 0, 0, 0], quoted)),
      ),
    ),
  ],
  ['options: record route', echoWith('07 0b 04 00000000 00000000 00')],
  ['options: timestamp', echoWith('44 0c 05 00 00000000 00000000')],
  ['options: timestamp with addresses', echoWith('44 14 05 01 00000000 00000000 00000000 00000000')],
  ['options: loose source route', echoWith('83 0b 04 c0000207 c0000208 00')],
  ['options: strict source route', echoWith('89 0b 04 c0000207 c0000208 00')],
  ['options: router alert', echoWith('94 04 0000')],
  ['options: unknown, and padding', echoWith('01 88 04 0001 00 0000')],
  ['fragment, first', packet({ protocol: 1, fragment: 0x2000 }, echo)],
  ['fragment, middle', packet({ protocol: 1, fragment: 0x2008 }, data)],
  ['fragment, last', packet({ protocol: 1, fragment: 0x0010 }, data)],
  ['fragment, overlapping', packet({ protocol: 1, fragment: 0x2007 }, data)],
  ['fragment, beyond 65535', packet({ protocol: 1, fragment: 0x1fff }, data)],
  ['udp', packet({ protocol: 17 }, udp)],
  ['udp to multicast', packet({ protocol: 17, destination: [224, 0, 0, 251] }, udp, '01005e0000fb')],
  ['tcp syn', packet({ protocol: 6 }, tcpSyn)],
  [
    'igmp query',
    packet({ protocol: 2, destination: [224, 0, 0, 1], ttl: 1 }, hex('1164ee9b00000000'), '01005e000001'),
  ],
  ['an unknown protocol', packet({ protocol: 253 }, data)],
  ['from our own address', packet({ protocol: 1, source: OUR_IP }, echo)],
  ['from a broadcast address', packet({ protocol: 1, source: [255, 255, 255, 255] }, echo)],
  ['from loopback', packet({ protocol: 1, source: [127, 0, 0, 1] }, echo)],
  [
    'ipv6',
    ethernet(
      '333300000001',
      0x86dd,
      hex(
        '6000000000083aff fe80000000000000 0000000000000001 ff02000000000000 0000000000000001 8000 0000 00000000',
      ),
    ),
  ],
  ['ieee 802.3 with llc', ethernet('0180c2000000', 0x0026, hex('424203 0000000000 8000020000000001'))],
  ['an unknown ethertype', ethernet(OUR_MAC, 0x88b5, data)],
].map(([name, frame]) => ({ name: name as string, frame: frame as Buffer }));
