import type {
  Backend,
  BackendConfig,
  OutboundPacket,
  PendingCall,
  RouteChange,
} from '../../tools/packetdrill/backend.ts';
import { type Outcome, runScript } from '../../tools/packetdrill/run/runner.ts';
import { parseScript } from '../../tools/packetdrill/script/parse.ts';
import type { SyscallRequest, SyscallResult } from '../../tools/packetdrill/syscall.ts';
import { buildTcp, buildUdp, type TcpFields } from '../../tools/packetdrill/wire/build.ts';
import { decodePacket, type LivePacket, type LiveTcp } from '../../tools/packetdrill/wire/live-packet.ts';

/** 192.168.0.1 and 192.0.2.1. */
export const LOCAL = 0xc0a80001;
export const REMOTE = 0xc0000201;
/** The first sequence number, the port and the timestamp of the stack that is faked. */
export const ISN = 0xfffffff0;
export const EPHEMERAL = 33333;

/** A stack in virtual time that does what a test says, and keeps what it was asked. */
export class FakeBackend implements Backend {
  readonly epoch = 0;
  time = 0;
  /** What `inject` got, and when. */
  readonly injected: { readonly time: number; readonly packet: LivePacket }[] = [];
  readonly calls: SyscallRequest[] = [];
  /** Other operations, a line each. */
  readonly asked: string[] = [];
  config: BackendConfig | undefined;
  readonly #outbound: OutboundPacket[] = [];

  /** Called for each injected packet. */
  onPacket: (packet: LivePacket) => void = () => {};
  /** The result of a call; undefined: it blocks. The default gives 0, sockets get numbers from 100. */
  onCall: (request: SyscallRequest) => Partial<SyscallResult> | undefined = (request) => ({
    ret: request.name === 'socket' || request.name === 'accept' ? 100 : 0,
  });
  /** When a blocking call returns: microseconds after it began. */
  blockFor = 0;
  info: ReadonlyMap<string, number> = new Map();
  counts: ReadonlyMap<string, number> = new Map();
  knows: (sysctl: string) => boolean = () => true;

  /** Sends a packet `delay` microseconds from now. */
  send(bytes: Uint8Array, delay = 0): void {
    this.#outbound.push({ time: this.time + delay, bytes });
  }

  now(): number {
    return this.time;
  }

  advanceTo(time: number): void {
    this.time = Math.max(this.time, time);
  }

  inject(bytes: Uint8Array): number {
    const packet = decodePacket(bytes);
    this.injected.push({ time: this.time, packet });
    this.onPacket(packet);
    return this.time;
  }

  takeOutbound(deadline: number): OutboundPacket | undefined {
    const [next] = this.#outbound;
    this.time = Math.max(this.time, next === undefined || next.time > deadline ? deadline : next.time);
    return next === undefined || next.time > deadline ? undefined : this.#outbound.shift();
  }

  call(request: SyscallRequest): SyscallResult | undefined {
    this.calls.push(request);
    const result = this.onCall(request);
    return result === undefined ? undefined : { ret: 0, time: this.time, ...result };
  }

  callBlocking(request: SyscallRequest): PendingCall {
    const result = this.call(request);
    const end = this.time + this.blockFor;
    return {
      finished: (deadline) => {
        this.advanceTo(Math.min(end, deadline));
        return end > deadline || result === undefined ? undefined : { ...result, time: end };
      },
    };
  }

  sysctl(name: string, value: string): boolean {
    this.asked.push(`${name}=${value}`);
    return this.knows(name);
  }

  route(change: RouteChange): void {
    this.asked.push(`route ${JSON.stringify(change)}`);
  }

  qdisc(kind: string, limit: number | undefined): void {
    this.asked.push(`qdisc ${kind} ${limit}`);
  }

  offload(feature: string, on: boolean): void {
    this.asked.push(`offload ${feature} ${on}`);
  }

  makeFile(path: string, bytes: number): void {
    this.asked.push(`makeFile ${path} ${bytes}`);
  }

  removeFile(path: string): void {
    this.asked.push(`removeFile ${path}`);
  }

  flushMetrics(): void {
    this.asked.push('flush');
  }

  tcpInfo(fd: number): ReadonlyMap<string, number> {
    this.asked.push(`info ${fd}`);
    return this.info;
  }

  counters(): ReadonlyMap<string, number> {
    return this.counts;
  }

  listening(port: number): boolean {
    return port === 8080;
  }

  close(): void {
    this.asked.push('close');
  }
}

/** Runs a script's text against the fake; lines count from 1 at the first character. */
export function play(text: string, fake: FakeBackend = new FakeBackend()): Promise<Outcome> {
  const script = parseScript('x.pkt', text, new Map());
  const create = (config: BackendConfig): FakeBackend => {
    fake.config = config;
    return fake;
  };
  return runScript(script, create, { tolerance: 4000 });
}

/** The TCP part of a packet; throws for others. */
export function tcpOf(packet: LivePacket): LiveTcp {
  if (packet.transport.kind !== 'tcp') throw new Error(`a ${packet.transport.kind} packet`);
  return packet.transport;
}

const IP = { source: LOCAL, destination: REMOTE, tos: 0, ttl: 64 };

/** A segment from the stack that is faked, from port 8080 to the script's first peer. */
export function segment(fields: Partial<TcpFields> & Pick<TcpFields, 'flags'>): Uint8Array {
  return buildTcp(IP, {
    sourcePort: 8080,
    destinationPort: 40001,
    seq: 0,
    ack: 0,
    window: 1000,
    urgent: 0,
    options: [],
    length: 0,
    ...fields,
  });
}

export function datagram(length: number): Uint8Array {
  return buildUdp(IP, { sourcePort: EPHEMERAL, destinationPort: 8080, length });
}

/** A fake that listens: it answers a SYN with SYN-ACK; `then` gets every other packet. */
export function server(then: (fake: FakeBackend, tcp: LiveTcp) => void = () => {}): FakeBackend {
  const fake = new FakeBackend();
  fake.onPacket = (packet) => {
    const tcp = tcpOf(packet);
    if ((tcp.flags & 2) !== 0) fake.send(segment({ flags: 0x12, seq: ISN, ack: tcp.seq + 1 }));
    else then(fake, tcp);
  };
  return fake;
}

/** The beginning of a script with a server. */
export const OPENING = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 1000
+0 > S. 0:0(0) ack 1
+0 < . 1:1(0) ack 1 win 1000
`;
