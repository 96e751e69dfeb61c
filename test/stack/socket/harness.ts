import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import type { DeviceOptions } from '../../../stack/options.ts';
import {
  AF_INET,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  POLLPRI,
  POLLRDHUP,
  SOCK_DGRAM,
} from '../../../stack/socket/abi.ts';
import { SocketAddress } from '../../../stack/socket/address.ts';
import type { SocketLayer } from '../../../stack/socket/layer.ts';
import { Message, readInt } from '../../../stack/socket/message.ts';
import type { Stack } from '../../../stack/stack.ts';
import { formatIpv4, parseIpv4 } from '../../../stack/wire/address.ts';
import type { TestLink } from '../../testing/test-link.ts';
import { type Bench, bench, datagram, rawStack, sum } from '../ip/harness.ts';

/** A stack with one raw-IP device, 192.0.2.1/24, and its sockets. */
export interface Host {
  readonly on: Bench;
  readonly stack: Stack;
  readonly dev: NetDevice;
  readonly link: TestLink;
  readonly sockets: SocketLayer;
}

export function host(options: DeviceOptions = { addresses: ['192.0.2.1/24'] }, on: Bench = bench()): Host {
  const { stack, dev, link } = rawStack(on, options);
  return { on, stack, dev, link, sockets: stack.sockets };
}

/** `192.0.2.1:7`. */
export function address(text: string): SocketAddress {
  const [ip, port] = text.split(':');
  return new SocketAddress(AF_INET, parseIpv4(ip!), Number(port ?? 0));
}

export function show(of: SocketAddress): string {
  return of.family === AF_INET ? `${formatIpv4(of.address)}:${of.port}` : `family ${of.family}`;
}

/** A UDP socket, bound when `local` is given and connected when `remote` is. Throws when a call fails. */
export function udpSocket(sockets: SocketLayer, local?: string, remote?: string): number {
  const fd = sockets.socket(AF_INET, SOCK_DGRAM, 0);
  const results = [fd];
  if (local !== undefined) results.push(sockets.bind(fd, address(local)));
  if (remote !== undefined) results.push(sockets.connect(fd, address(remote)));
  for (const result of results) if (result < 0) throw new Error(`udpSocket: ${result}`);
  return fd;
}

/** What one receive gives: `address: text`, or the errno. */
export function receive(sockets: SocketLayer, fd: number, flags = 0, room = 2048): string | number {
  const buffer = new Uint8Array(room);
  const from = new SocketAddress();
  const result = sockets.recvfrom(fd, buffer, flags, from);
  if (result < 0) return result;
  return `${show(from)} ${Buffer.from(buffer.subarray(0, Math.min(result, room))).toString('latin1')}`;
}

/** An int option's value, or the negated errno. */
export function option(sockets: SocketLayer, fd: number, level: number, name: number): number {
  const out = new Uint8Array(4);
  const result = sockets.getsockopt(fd, level, name, out);
  return result < 0 ? result : readInt(out);
}

export const text = (bytes: string): Uint8Array => Buffer.from(bytes, 'latin1');

export interface UdpDatagram {
  source?: string;
  destination?: string;
  from?: number;
  to?: number;
  data?: string | Uint8Array;
  /** What the header says, when it lies. */
  length?: number;
  checksum?: number;
  ttl?: number;
  tos?: number;
}

/** A UDP datagram in IPv4, from 192.0.2.2:9 to 192.0.2.1:7 unless told otherwise. */
export function udp(d: UdpDatagram = {}): Buffer {
  const data = typeof d.data === 'string' ? text(d.data) : (d.data ?? new Uint8Array());
  const segment = Buffer.alloc(8 + data.length);
  segment.writeUInt16BE(d.from ?? 9, 0);
  segment.writeUInt16BE(d.to ?? 7, 2);
  segment.writeUInt16BE(d.length ?? segment.length, 4);
  segment.set(data, 8);
  const source = d.source ?? '192.0.2.2';
  const destination = d.destination ?? '192.0.2.1';
  segment.writeUInt16BE(d.checksum ?? udpSum(source, destination, segment), 6);
  const more: { ttl?: number; tos?: number } = {};
  if (d.ttl !== undefined) more.ttl = d.ttl;
  if (d.tos !== undefined) more.tos = d.tos;
  return datagram({ source, destination, protocol: 17, payload: segment, ...more });
}

/** The checksum field of a UDP segment, its present field left out when that is 0. */
function udpSum(source: string, destination: string, segment: Buffer): number {
  const pseudo = Buffer.alloc(12);
  pseudo.writeUInt32BE(parseIpv4(source), 0);
  pseudo.writeUInt32BE(parseIpv4(destination), 4);
  pseudo[9] = 17;
  pseudo.writeUInt16BE(segment.length, 10);
  return sum(Buffer.concat([pseudo, segment])) || 0xffff;
}

/** A sent UDP datagram in one line, its checksum checked: `192.0.2.1:7 > 192.0.2.2:9 abc`. */
export function line(frame: Buffer): string {
  const segment = frame.subarray((frame[0]! & 0xf) * 4);
  const at = (offset: number): string => [...frame.subarray(offset, offset + 4)].join('.');
  if (frame[9] !== 17) return `${at(12)} > ${at(16)} protocol ${frame[9]}`;
  const checksum = segment.readUInt16BE(6);
  const pseudo = udpSum(at(12), at(16), segment);
  const right = checksum === 0 ? ' no checksum' : pseudo === 0xffff || pseudo === 0 ? '' : ' bad checksum';
  const data = segment.subarray(8).toString('latin1');
  return `${at(12)}:${segment.readUInt16BE(0)} > ${at(16)}:${segment.readUInt16BE(2)} ${data}${right}`;
}

/** The names of poll bits, in order: `IN OUT`. */
export function events(bits: number): string {
  const names: [number, string][] = [
    [POLLIN, 'IN'],
    [POLLPRI, 'PRI'],
    [POLLOUT, 'OUT'],
    [POLLERR, 'ERR'],
    [POLLHUP, 'HUP'],
    [POLLNVAL, 'NVAL'],
    [POLLRDHUP, 'RDHUP'],
  ];
  return names
    .filter(([bit]) => (bits & bit) !== 0)
    .map(([, name]) => name)
    .join(' ');
}

/** A message with one buffer of `room` bytes and room for control messages. */
export function message(room = 2048, control = 512): { message: Message; buffer: Uint8Array } {
  const buffer = new Uint8Array(room);
  const out = new Message([buffer], new SocketAddress());
  out.controlRoom = control;
  return { message: out, buffer };
}
