import { VirtualClock } from '../../../device/clock/virtual.ts';
import { Machine } from '../../../device/machine.ts';
import { fold, sumBytes } from '../../../device/memory/checksum.ts';
import { PacketPool } from '../../../device/memory/pool.ts';
import { ARPHRD_NONE } from '../../../device/netdevice/flags.ts';
import { SeededEntropy } from '../../../device/random.ts';
import { AF_INET, SOCK_NONBLOCK, SOCK_STREAM } from '../../../stack/socket/abi.ts';
import { SocketAddress } from '../../../stack/socket/address.ts';
import { createStack, type Stack } from '../../../stack/stack.ts';
import { TcpSocket } from '../../../stack/tcp/tcp-socket.ts';
import { parseIpv4 } from '../../../stack/wire/address.ts';
import { ipv4HeaderLength, pseudoHeaderSum, setIpv4Checksum } from '../../../stack/wire/ipv4.ts';
import { TestLink, type TestLinkOptions } from '../../testing/test-link.ts';

export const LOCAL = parseIpv4('192.0.2.1');
export const REMOTE = parseIpv4('198.51.100.7');

const LETTERS: readonly [string, number][] = [
  ['S', 2],
  ['F', 1],
  ['R', 4],
  ['P', 8],
  ['U', 32],
  ['E', 64],
  ['W', 128],
  ['.', 16],
];

export interface Injected {
  flags: string;
  seq?: number;
  ack?: number;
  win?: number;
  urgent?: number;
  length?: number;
  /** Options as bytes, padded to a multiple of four. */
  options?: readonly number[];
  payload?: Uint8Array;
  from?: number;
  port?: number;
  /** What is written into the checksum field instead of the right sum. */
  checksum?: number;
}

/** Options of a SYN that offers all: MSS, SACK, timestamps, window scale. */
export function synOptions(mss: number, tsval: number, tsecr: number, wscale: number): number[] {
  return [2, 4, mss >>> 8, mss & 255, 4, 2, ...timestamp(tsval, tsecr), 1, 3, 3, wscale];
}

/** An option of ten bytes. */
export function timestamp(tsval: number, tsecr: number): number[] {
  return [8, 10, ...word(tsval), ...word(tsecr)];
}

export function word(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

/**
 * A stack behind a raw-IP device whose other end is the test: it injects segments and reads what is sent, in virtual time.
 * Sequence numbers are relative: the peer's to {@link peerIsn}, the stack's to the first that it sends.
 */
export class Driver {
  readonly clock = new VirtualClock();
  readonly pool: PacketPool;
  readonly machine: Machine;
  readonly stack: Stack;
  readonly link: TestLink;
  readonly peerIsn = 1000;
  localPort = 8080;
  readonly peerPort = 5555;
  /** The first number of the stack, once it has sent a SYN. */
  localIsn = 0;
  /** Timestamp offset of the stack: what its first timestamp said, less the clock. */
  #seen = 0;

  constructor(
    options: { seed?: number; link?: TestLinkOptions; sysctl?: Record<string, string | number> } = {},
  ) {
    this.pool = new PacketPool({ small: 256, large: 8, pages: 16, debug: true });
    this.machine = new Machine({
      clock: this.clock,
      pool: this.pool,
      entropy: new SeededEntropy(options.seed ?? 1),
    });
    this.stack = createStack({
      machine: this.machine,
      sysctl: { 'net.ipv4.tcp_rmem': '4096 131072 6291456', ...options.sysctl },
    });
    this.link = new TestLink({ type: ARPHRD_NONE, ...options.link });
    this.stack.addDevice(this.link, { name: 'tun0', addresses: ['192.0.2.1/24'] });
    this.stack.addRoute({ to: 'default', dev: 'tun0' });
    this.clock.drain();
    this.link.sent.length = 0;
  }

  get sys(): Stack['sockets'] {
    return this.stack.sockets;
  }

  /** A listening socket on {@link localPort}. */
  listen(backlog = 10): number {
    const fd = this.socket();
    this.sys.bind(fd, new SocketAddress(AF_INET, 0, this.localPort));
    this.sys.listen(fd, backlog);
    return fd;
  }

  socket(): number {
    return this.sys.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  }

  /** Begins to connect to the peer; the call's result. */
  connect(fd: number): number {
    return this.sys.connect(fd, new SocketAddress(AF_INET, REMOTE, this.peerPort));
  }

  /** The connection of a descriptor. */
  connection(fd: number): TcpSocket['connection'] {
    const socket = this.sys.lookup(fd);
    if (!(socket instanceof TcpSocket)) throw new Error('no TCP socket');
    return socket.connection;
  }

  /** A descriptor of a connection that the peer opened, with a window scale of 7 and SACK, without timestamps. */
  accepted(listener: number, options: readonly number[] = [2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7]): number {
    this.inject({ flags: 'S', seq: 0, win: 65535, options });
    this.expectSyn();
    this.inject({ flags: '.', seq: 1, ack: 1, win: 257 });
    const fd = this.sys.accept(listener);
    if (fd < 0) throw new Error(`accept: ${fd}`);
    return fd;
  }

  /** Takes the SYN or SYN-ACK that was sent and learns the stack's first number from it; its text. */
  expectSyn(): string {
    const frame = this.link.sent[0];
    if (frame === undefined) throw new Error('nothing was sent');
    const header = (frame[0]! & 15) * 4;
    this.localIsn = frame.readUInt32BE(header + 4);
    this.localPort = frame.readUInt16BE(header);
    return this.sent().join('\n');
  }

  /** A segment of the peer. */
  inject(segment: Injected): void {
    const bytes = this.bytes(segment);
    this.receive(bytes);
  }

  /** A datagram as it is. */
  receive(bytes: Uint8Array): void {
    const packet = this.pool.from(bytes);
    if (packet === null) throw new Error('the pool is empty');
    this.link.port.receive(packet);
    this.clock.drain();
  }

  /** A segment of the peer as a datagram. */
  bytes(segment: Injected): Buffer {
    const options = segment.options ?? [];
    const payload = segment.payload ?? new Uint8Array(segment.length ?? 0);
    const header = 20 + options.length;
    const frame = Buffer.alloc(20 + header + payload.length);
    frame[0] = 0x45;
    frame.writeUInt16BE(frame.length, 2);
    frame[8] = 64;
    frame[9] = 6;
    const from = segment.from ?? REMOTE;
    frame.writeUInt32BE(from, 12);
    frame.writeUInt32BE(LOCAL, 16);
    frame.writeUInt16BE(segment.port ?? this.peerPort, 20);
    frame.writeUInt16BE(this.localPort, 22);
    frame.writeUInt32BE((this.peerIsn + (segment.seq ?? 0)) >>> 0, 24);
    frame.writeUInt32BE(segment.ack === undefined ? 0 : (this.localIsn + segment.ack) >>> 0, 28);
    frame[32] = (header >>> 2) << 4;
    let flags = 0;
    for (const [letter, bit] of LETTERS) if (segment.flags.includes(letter)) flags |= bit;
    frame[33] = flags;
    frame.writeUInt16BE(segment.win ?? 257, 34);
    frame.writeUInt16BE(segment.urgent ?? 0, 38);
    frame.set(options, 40);
    frame.set(payload, 20 + header);
    setIpv4Checksum(new DataView(frame.buffer, frame.byteOffset, frame.length), 0, 20);
    frame.writeUInt16BE(segment.checksum ?? checksumOf(frame, from, LOCAL), 36);
    return frame;
  }

  /** What was sent since the last time, as text: `P. 1:1001(1000) ack 1 win 512 <nop,nop,TS>`; checksums are verified. */
  sent(): string[] {
    return this.link.sent.splice(0).map((frame) => this.describe(frame));
  }

  describe(frame: Buffer): string {
    const header = ipv4HeaderLength(new DataView(frame.buffer, frame.byteOffset, frame.length), 0);
    const tcp = frame.subarray(header);
    const from = frame.readUInt32BE(12);
    const to = frame.readUInt32BE(16);
    const wrong = checksumOf(frame, from, to) !== 0 ? ' BAD CHECKSUM' : '';
    const flags = LETTERS.filter(([, bit]) => (tcp[13]! & bit) !== 0)
      .map(([letter]) => letter)
      .join('');
    const length = frame.length - header - (tcp[12]! >>> 4) * 4;
    const syn = flags.includes('S') ? 1 : 0;
    const seq = (tcp.readUInt32BE(4) - this.localIsn) | 0;
    const ack = flags.includes('.') ? ` ack ${(tcp.readUInt32BE(8) - this.peerIsn) | 0}` : '';
    const urgent = flags.includes('U') ? ` urg ${tcp.readUInt16BE(18)}` : '';
    const options = this.#options(tcp.subarray(20, (tcp[12]! >>> 4) * 4));
    const at =
      syn === 1 || length > 0 || /[FR]/.test(flags) ? ` ${seq}:${seq + length}(${length})` : ` ${seq}`;
    return `${flags}${at}${ack} win ${tcp.readUInt16BE(14)}${urgent}${options}${wrong}`;
  }

  #options(bytes: Buffer): string {
    const parts: string[] = [];
    for (let i = 0; i < bytes.length; ) {
      const kind = bytes[i]!;
      if (kind === 1) {
        parts.push('nop');
        i++;
        continue;
      }
      const size = bytes[i + 1]!;
      if (kind === 2) parts.push(`mss ${bytes.readUInt16BE(i + 2)}`);
      else if (kind === 3) parts.push(`wscale ${bytes[i + 2]}`);
      else if (kind === 4) parts.push('sackOK');
      else if (kind === 5) parts.push(`sack ${this.#blocks(bytes.subarray(i + 2, i + size))}`);
      else if (kind === 34) parts.push(`FO ${bytes.toString('hex', i + 2, i + size)}`.trim());
      else if (kind === 8) parts.push(`TS ecr ${bytes.readUInt32BE(i + 6)}`);
      else parts.push(`option ${kind}`);
      if (kind === 8) this.#seen = bytes.readUInt32BE(i + 2);
      i += size;
    }
    return parts.length === 0 ? '' : ` <${parts.join(',')}>`;
  }

  #blocks(bytes: Buffer): string {
    const out: string[] = [];
    for (let i = 0; i < bytes.length; i += 8) {
      const start = (bytes.readUInt32BE(i) - this.peerIsn) | 0;
      out.push(`${start}:${(bytes.readUInt32BE(i + 4) - this.peerIsn) | 0}`);
    }
    return out.join(' ');
  }

  /** The timestamp of the last segment that {@link sent} described. */
  get lastTimestamp(): number {
    return this.#seen;
  }

  /** Lets `ms` pass and tells what was sent meanwhile, each with its moment from now: `200 P. 1:2(1) ...`. */
  during(ms: number): string[] {
    const begin = this.clock.now();
    const end = begin + ms;
    const out: string[] = [];
    while (this.clock.now() < end) {
      const left = end - this.clock.now();
      this.clock.advanceUntil(() => this.link.sent.length > 0, left);
      const at = Math.round((this.clock.now() - begin) * 1000) / 1000;
      for (const text of this.sent()) out.push(`${at} ${text}`);
    }
    return out;
  }

  counter(name: Parameters<Stack['mib']['get']>[0]): number {
    return this.stack.mib.get(name);
  }

  /** Ends the stack; what was not given back: `[packets, pages, timers, segments]`, all 0. */
  close(): number[] {
    const pages = 16;
    this.stack.close();
    this.clock.drain();
    return [
      this.pool.inUse,
      pages - this.pool.pages.free,
      this.clock.pendingTimers(),
      this.stack.tcp.segments.inUse,
    ];
  }
}

const scratch = new PacketPool({ small: 1, large: 1, pages: 0 });

/** What the checksum field of a datagram's TCP segment must be when it is 0 now; when it is right already, 0. */
function checksumOf(frame: Buffer, from: number, to: number): number {
  const header = (frame[0]! & 15) * 4;
  const packet = scratch.from(frame.subarray(header));
  if (packet === null) throw new Error('the frame is too long');
  const length = frame.length - header;
  const sum = pseudoHeaderSum(from, to, 6, length) + sumBytes(scratch, packet.start, length);
  packet.release();
  return ~fold(sum) & 0xffff;
}
