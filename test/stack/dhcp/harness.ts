import type { Test } from 'tap';
import { formatMac } from '../../../device/frame/mac.ts';
import { createVeth } from '../../../device/link/veth.ts';
import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import type { DhcpClient } from '../../../stack/dhcp/client/client.ts';
import type { DhcpClientOptions } from '../../../stack/dhcp/client/options.ts';
import { createStack, type Stack } from '../../../stack/stack.ts';
import { formatIpv4, parseIpv4 } from '../../../stack/wire/address.ts';
import {
  BOOTREPLY,
  DHCPACK,
  DHCPNAK,
  DHCPOFFER,
  type DhcpMessage,
  dhcpTypeName,
  readDhcp,
  writeDhcp,
} from '../../../stack/wire/dhcp.ts';
import { testMachine } from '../../testing/machine.ts';
import { Station } from '../../testing/station.ts';
import { traced } from '../../testing/trace.ts';
import { datagram, sum } from '../ip/harness.ts';

export const CLIENT_MAC = '02:00:00:00:00:02';
export const SERVER_MAC = '02:00:00:00:00:01';
export const SERVER = '192.0.2.1';

export const ip4 = (...texts: string[]): Uint8Array =>
  Uint8Array.from(texts.flatMap((text) => text.split('.').map(Number)));
export const seconds = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const macOf = (text: string): Buffer => Buffer.from(text.replaceAll(':', ''), 'hex');

/** A UDP datagram in a frame. */
export function udpFrame(
  to: string,
  from: string,
  source: string,
  sourcePort: number,
  destination: string,
  destinationPort: number,
  payload: Uint8Array,
): Buffer {
  const udp = Buffer.alloc(8 + payload.length);
  udp.writeUInt16BE(sourcePort, 0);
  udp.writeUInt16BE(destinationPort, 2);
  udp.writeUInt16BE(udp.length, 4);
  udp.set(payload, 8);
  const pseudo = Buffer.concat([ip4(source, destination), Buffer.from([0, 17]), udp.subarray(4, 6)]);
  udp.writeUInt16BE(sum(Buffer.concat([pseudo, udp])) || 0xffff, 6);
  const packet = datagram({ source, destination, protocol: 17, payload: udp });
  return Buffer.concat([macOf(to), macOf(from), Buffer.from([8, 0]), packet]);
}

/** The DHCP message of a frame, undefined when it is none. */
export function dhcpOf(frame: Buffer): DhcpMessage | undefined {
  if (frame.readUInt16BE(12) !== 0x0800 || frame[23] !== 17) return undefined;
  const header = (frame[14]! & 15) * 4;
  const total = frame.readUInt16BE(16);
  if (sum(frame.subarray(14, 14 + header)) !== 0) throw new Error('bad IP checksum');
  const udp = frame.subarray(14 + header, 14 + total);
  const pseudo = Buffer.concat([frame.subarray(26, 34), Buffer.from([0, 17]), udp.subarray(4, 6)]);
  if (sum(Buffer.concat([pseudo, udp])) !== 0) throw new Error('bad UDP checksum');
  const message = readDhcp(udp.subarray(8));
  if (typeof message === 'string') throw new Error(message);
  return message;
}

/** What a frame says in one line, as tcpdump would. */
export function line(frame: Buffer): string {
  const type = frame.readUInt16BE(12);
  const at = (offset: number): string => [...frame.subarray(offset, offset + 4)].join('.');
  const to = formatMac(frame.readUIntBE(0, 6));
  const whom = to === 'ff:ff:ff:ff:ff:ff' ? 'all' : to;
  if (type === 0x0806) {
    const [op, spa, tpa] = [frame.readUInt16BE(20), at(28), at(38)];
    if (op === 2) return `> ${whom} ARP ${spa} is-at ${formatMac(frame.readUIntBE(22, 6))}`;
    return `> ${whom} ARP who-has ${tpa} tell ${spa}`;
  }
  const message = dhcpOf(frame);
  if (message === undefined) return `> ${whom} ${at(26)} > ${at(30)} proto ${frame[23]}`;
  const ends = `${at(26)}.${frame.readUInt16BE(34)} > ${at(30)}.${frame.readUInt16BE(36)}`;
  const option = (code: number): string | undefined => {
    const value = message.options.get(code);
    return value === undefined ? undefined : value.join('.');
  };
  const words = [
    ...(message.broadcast ? ['broadcast'] : []),
    ...(message.secs > 0 ? [`secs ${message.secs}`] : []),
    ...(message.ciaddr > 0 ? [`ciaddr ${formatIpv4(message.ciaddr)}`] : []),
    ...(message.yiaddr > 0 ? [`yiaddr ${formatIpv4(message.yiaddr)}`] : []),
    ...(message.giaddr > 0 ? [`giaddr ${formatIpv4(message.giaddr)}`] : []),
    ...(option(50) !== undefined ? [`requested ${option(50)}`] : []),
    ...(option(54) !== undefined ? [`server ${option(54)}`] : []),
  ];
  return [`> ${whom} ${ends}: ${dhcpTypeName(message.type)}`, ...words].join(' ');
}

/** What a scripted server grants. */
export interface Granted {
  address?: string;
  server?: string;
  leaseTime?: number;
  /** More options, by code; null leaves one of the usual out. */
  options?: Readonly<Record<number, Uint8Array | null>>;
}

/** A stack with a client on one end of a cable, and at the other end bytes only. */
export function clientBench(t: Test, options: DhcpClientOptions = {}, seed = 1) {
  const { clock, machine, pool } = testMachine({ seed, small: 128, large: 4 });
  const [one, other] = createVeth(machine);
  const stack = createStack({ machine, name: 'client' });
  traced(t, stack.ns);
  const dev = stack.addDevice(one, { name: 'eth0', address: CLIENT_MAC });
  const peer = new Station(machine, other);
  clock.advance(1100);
  peer.take();
  const start = clock.now();
  const bench = new ClientBench(stack, dev, peer, start);
  bench.run(options);
  t.teardown(() => {
    stack.close();
    if (pool.inUse > 0) throw new Error(`left behind: ${pool.inUse} packets`);
  });
  return bench;
}

export class ClientBench {
  readonly stack: Stack;
  readonly dev: NetDevice;
  readonly peer: Station;
  readonly events: string[] = [];
  client!: DhcpClient;
  /** The last message that the client sent. */
  asked!: DhcpMessage;
  #start: number;

  constructor(stack: Stack, dev: NetDevice, peer: Station, start: number) {
    this.stack = stack;
    this.dev = dev;
    this.peer = peer;
    this.#start = start;
  }

  get clock() {
    return this.stack.machine.clock as import('../../../device/clock/virtual.ts').VirtualClock;
  }

  /** Seconds since the client began. */
  get seconds(): number {
    return (this.clock.now() - this.#start) / 1000;
  }

  run(options: DhcpClientOptions): void {
    this.client = this.stack.dhcp(this.dev, options);
    this.client.subscribe((name, { lease }) =>
      this.events.push(lease === null ? name : `${name} ${formatIpv4(lease.address)}`),
    );
    this.#start = this.clock.now();
    this.clock.drain();
  }

  /** Lets milliseconds pass, and gives what was sent meanwhile. */
  pass(ms = 0): string[] {
    this.clock.advance(ms);
    return this.peer.take().map((frame) => {
      const message = dhcpOf(frame);
      if (message !== undefined) this.asked = message;
      return line(frame);
    });
  }

  /** Moves to the next DHCP message, at most `limit` seconds away; how many seconds it took, and what it says. */
  next(limit = 1000): [number, string] {
    const before = this.clock.now();
    const isDhcp = (frame: Buffer): boolean => dhcpOf(frame) !== undefined;
    if (!this.clock.advanceUntil(() => this.peer.received.some(isDhcp), limit * 1000))
      throw new Error('nothing was sent');
    const frame = this.peer.take().find(isDhcp)!;
    this.asked = dhcpOf(frame)!;
    return [(this.clock.now() - before) / 1000, line(frame)];
  }

  /** The bytes of an answer to what was asked last. */
  answer(type: number, granted: Granted = {}, change: Partial<DhcpMessage> = {}): Uint8Array {
    const { address = '192.0.2.100', server = SERVER, leaseTime = 3600 } = granted;
    const refusal = type === DHCPNAK;
    const usual: Record<number, Uint8Array | null> = refusal
      ? { 54: ip4(server) }
      : { 54: ip4(server), 51: seconds(leaseTime), 1: ip4('255.255.255.0'), 3: ip4(SERVER) };
    const options = new Map<number, Uint8Array>();
    for (const [code, value] of Object.entries({ ...usual, ...granted.options }))
      if (value !== null) options.set(Number(code), value);
    return writeDhcp({
      ...this.asked,
      op: BOOTREPLY,
      type,
      secs: 0,
      ciaddr: 0,
      yiaddr: refusal ? 0 : parseIpv4(address),
      options,
      ...change,
    }).bytes;
  }

  /** Sends an answer: by broadcast, or to the address that is granted. */
  say(type: number, granted: Granted = {}, change: Partial<DhcpMessage> = {}, unicast = true): void {
    const to = granted.address ?? '192.0.2.100';
    const nak = type === DHCPNAK || !unicast;
    this.sayBytes(this.answer(type, granted, change), nak ? '255.255.255.255' : to);
  }

  sayBytes(bytes: Uint8Array, to = '192.0.2.100', server = SERVER): void {
    const mac = to === '255.255.255.255' ? 'ff:ff:ff:ff:ff:ff' : CLIENT_MAC;
    this.peer.send(udpFrame(mac, SERVER_MAC, server, 67, to, 68, bytes));
    this.clock.drain();
  }

  /** Answers the ARP request for the server that was sent last. */
  resolveServer(mac: string = SERVER_MAC): void {
    this.peer.send(arp(2, mac, SERVER, CLIENT_MAC, '192.0.2.100'));
    this.clock.drain();
  }

  /** From nothing to a lease in use, without looking for the address. */
  bind(granted: Granted = {}): void {
    this.next();
    this.say(DHCPOFFER, granted);
    this.next();
    this.say(DHCPACK, granted);
    this.peer.take();
  }

  /** From a lease in use to the first renewal, which is on its way to the server. */
  renew(): void {
    this.clock.advance(this.client.lease!.renewalTime * 1000);
    this.resolveServer();
    this.pass();
  }

  addresses(): string[] {
    return this.stack
      .addressesOf(this.dev)
      .map((ifa) => `${formatIpv4(ifa.local)}/${ifa.prefixLength} valid ${ifa.validLifetime}`);
  }

  /** The routes that DHCP made. */
  routes(): string[] {
    return this.stack.fib
      .entries()
      .filter((entry) => entry.protocol === 16)
      .map(
        (entry) => `${formatIpv4(entry.destination)}/${entry.prefixLength} via ${formatIpv4(entry.gateway)}`,
      );
  }
}

/** An ARP frame from one station to another. */
export function arp(op: number, sha: string, spa: string, tha: string, tpa: string): Buffer {
  const to = op === 1 ? 'ff:ff:ff:ff:ff:ff' : tha;
  return Buffer.concat([
    macOf(to),
    macOf(sha),
    Buffer.from('080600010800060400', 'hex'),
    Buffer.from([op]),
    macOf(sha),
    ip4(spa),
    op === 1 ? Buffer.alloc(6) : macOf(tha),
    ip4(tpa),
  ]);
}
