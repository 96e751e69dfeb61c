import { VirtualClock } from '../../../device/clock/virtual.ts';
import { Machine } from '../../../device/machine.ts';
import type { Packet } from '../../../device/memory/packet.ts';
import { PacketPool } from '../../../device/memory/pool.ts';
import { ARPHRD_NONE, IFF_NOARP } from '../../../device/netdevice/flags.ts';
import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import { SeededEntropy } from '../../../device/random.ts';
import type { Ping, PingOptions, PingReply } from '../../../stack/ip/ping.ts';
import type { DeviceOptions, StackOptions } from '../../../stack/options.ts';
import { createStack, type Stack } from '../../../stack/stack.ts';
import { parseIpv4 } from '../../../stack/wire/address.ts';
import { TestLink } from '../../testing/test-link.ts';

export interface Bench {
  readonly clock: VirtualClock;
  readonly pool: PacketPool;
  readonly machine: Machine;
  /** Timers that were armed before the first stack. */
  readonly baseline: number;
}

/** Virtual time, a seed, and a pool in debug mode. */
export function bench(seed = 1, small = 256): Bench {
  const clock = new VirtualClock();
  const pool = new PacketPool({ small, large: 8, pages: 4, debug: true });
  const machine = new Machine({ clock, pool, entropy: new SeededEntropy(seed) });
  return { clock, pool, machine, baseline: clock.pendingTimers() };
}

/** A stack with a raw-IP device, whose frames are IP datagrams without link header and which needs no ARP. */
export function rawStack(
  on: Bench,
  options: DeviceOptions = { addresses: ['192.0.2.1/24'] },
  stackOptions: StackOptions = {},
): { stack: Stack; dev: NetDevice; link: TestLink } {
  const stack = createStack({ machine: on.machine, ...stackOptions });
  const { dev, link } = rawDevice(stack, { name: 'tun0', ...options });
  return { stack, dev, link };
}

/** One more such device. */
export function rawDevice(stack: Stack, options: DeviceOptions): { dev: NetDevice; link: TestLink } {
  const link = new TestLink({ type: ARPHRD_NONE, address: 0, flags: IFF_NOARP, minMtu: 0 });
  return { dev: stack.addDevice(link, options), link };
}

export interface Datagram {
  source?: string;
  destination?: string;
  protocol?: number;
  ttl?: number;
  tos?: number;
  id?: number;
  /** Flags and offset as they are on the wire. */
  fragment?: number;
  options?: readonly number[];
  payload?: Uint8Array;
}

/** An IPv4 datagram as bytes, from 192.0.2.2 to 192.0.2.1 unless told otherwise. */
export function datagram(d: Datagram): Buffer {
  const options = Buffer.from(d.options ?? []);
  const payload = d.payload ?? new Uint8Array();
  const header = Buffer.alloc(20 + options.length);
  header[0] = 0x40 | (header.length >>> 2);
  header[1] = d.tos ?? 0;
  header.writeUInt16BE(header.length + payload.length, 2);
  header.writeUInt16BE(d.id ?? 0x1234, 4);
  header.writeUInt16BE(d.fragment ?? 0, 6);
  header[8] = d.ttl ?? 64;
  header[9] = d.protocol ?? 1;
  header.writeUInt32BE(parseIpv4(d.source ?? '192.0.2.2'), 12);
  header.writeUInt32BE(parseIpv4(d.destination ?? '192.0.2.1'), 16);
  options.copy(header, 20);
  header.writeUInt16BE(sum(header), 10);
  return Buffer.concat([header, payload]);
}

/** An ICMP message with its checksum. */
export function icmp(type: number, code: number, word: number, data: Uint8Array = new Uint8Array()): Buffer {
  const message = Buffer.alloc(8 + data.length);
  message[0] = type;
  message[1] = code;
  message.writeUInt32BE(word >>> 0, 4);
  message.set(data, 8);
  message.writeUInt16BE(sum(message), 2);
  return message;
}

/** The Internet checksum of bytes; 0 over bytes that contain a right one. */
export function sum(bytes: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}

/** Receives one frame on a device, and does what follows from it. */
export function inject(stack: Stack, dev: NetDevice, frame: Uint8Array): void {
  const packet: Packet | null = stack.machine.pool.from(frame);
  if (packet === null) throw new Error('the test pool is empty');
  dev.receive(packet);
  stack.machine.clock.settle();
}

/** Frames that were sent since the last call. */
export function sent(link: TestLink): Buffer[] {
  return link.sent.splice(0);
}

/** One line of what a datagram says, after checking its checksums: `192.0.2.1 > 192.0.2.2: ICMP 0/0 len 28 ttl 64`. */
export function describe(frame: Buffer): string {
  const header = (frame[0]! & 0xf) * 4;
  if (sum(frame.subarray(0, header)) !== 0) return 'bad IP checksum';
  const field = frame.readUInt16BE(6);
  const at = (offset: number): string => [...frame.subarray(offset, offset + 4)].join('.');
  const flags = `${(field & 0x4000) !== 0 ? ' DF' : ''}${(field & 0x3fff) !== 0 ? ` frag ${(field & 0x1fff) * 8}${(field & 0x2000) !== 0 ? '+' : ''}` : ''}`;
  const message = frame.subarray(header);
  let what = `proto ${frame[9]}`;
  if (frame[9] === 1 && (field & 0x3fff) === 0) {
    if (sum(message) !== 0) return 'bad ICMP checksum';
    what = `ICMP ${message[0]}/${message[1]}`;
  }
  return `${at(12)} > ${at(16)}: ${what} len ${frame.readUInt16BE(2)} ttl ${frame[8]}${flags}`;
}

/** The drops of a stack that happened, by name. */
export function drops(stack: Stack): Record<string, number> {
  return stack.counters().drops;
}

/** Sends pings and collects their results. */
export function pingLog(
  stack: Stack,
  to: string,
  options: PingOptions = {},
): { ping: Ping; replies: PingReply[] } {
  const replies: PingReply[] = [];
  const ping = stack.ping(to, options).onReply((reply) => replies.push(reply));
  return { ping, replies };
}

/** A result in one line. */
export function replyLine(reply: PingReply): string {
  const more = reply.kind === 'error' ? ` ${reply.reason}` : '';
  return `${reply.sequence} ${reply.kind} ${reply.from}${more}`;
}

/** Whether nothing is left of the stacks on a bench. */
export function leftovers(on: Bench): string {
  return `${on.pool.inUse} packets, ${on.clock.pendingTimers() - on.baseline} timers`;
}
