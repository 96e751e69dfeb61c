import { VirtualClock } from '../../../../device/clock/virtual.ts';
import { QDISC_NOOP } from '../../../../device/netdevice/discipline.ts';
import type { NetDevice } from '../../../../device/netdevice/netdevice.ts';
import { SeededEntropy } from '../../../../device/random.ts';
import { SOCK_STREAM, SOL_SOCKET, SOL_TCP } from '../../../../stack/socket/abi.ts';
import { SocketAddress } from '../../../../stack/socket/address.ts';
import { Socket } from '../../../../stack/socket/socket.ts';
import { createStack, type Stack } from '../../../../stack/stack.ts';
import { formatIpv4 } from '../../../../stack/wire/address.ts';
import type { Backend, BackendConfig, OutboundPacket, PendingCall, RouteChange } from '../../backend.ts';
import { Unsupported } from '../../script/script.ts';
import { SOCKET_SYMBOLS } from '../../symbols/sockets.ts';
import { TCP_SYMBOLS } from '../../symbols/tcp.ts';
import type { SyscallRequest, SyscallResult } from '../../syscall.ts';
import { decodeMemoryInfo, decodeTcpInfo, MEMORY_INFO_ROOM, TCP_INFO_ROOM } from '../linux/tcp-info.ts';
import { makeCall } from './calls.ts';
import { ScriptLink } from './link.ts';
import { routeOptions } from './routes.ts';
import { setSetting } from './settings.ts';

/** The seed of all chance: each run of a script is the same. */
const SEED = 1;
/** Milliseconds that the machine has been up when the script begins. */
const UPTIME = 10_000;
/** Microseconds that a call may take which is not written as one that blocks. */
const CALL_LIMIT = 1_000_000;

/** This stack under test, in virtual time. */
export class SimBackend implements Backend {
  readonly stack: Stack;
  readonly #clock = new VirtualClock();
  readonly #link: ScriptLink;
  readonly #dev: NetDevice;
  /** Files that the script made, by path. */
  readonly #files = new Map<string, Uint8Array>();

  /** Makes a machine for a script. */
  constructor(config: BackendConfig) {
    this.stack = createStack({ clock: this.#clock, entropy: new SeededEntropy(SEED) });
    const { pool } = this.stack.machine;
    this.#link = new ScriptLink(this.#clock, pool, config.mtu, config.segmentSize);
    this.#dev = this.stack.addDevice(this.#link, {
      name: 'tun0',
      addresses: [`${formatIpv4(config.localAddress)}/${config.prefixLength}`],
    });
    this.stack.addRoute({ to: 'default', dev: this.#dev });
    this.#clock.advance(UPTIME);
    this.#link.sent.length = 0;
  }

  get epoch(): number {
    return this.#clock.epoch * 1000;
  }

  now(): number {
    return Math.round(this.#clock.now() * 1000);
  }

  advanceTo(time: number): void {
    this.#clock.advance(Math.max(0, time - this.now()) / 1000);
  }

  inject(packet: Uint8Array): number {
    const time = this.now();
    this.#link.receive(packet);
    this.#clock.drain();
    return time;
  }

  takeOutbound(deadline: number): OutboundPacket | undefined {
    const { sent } = this.#link;
    if (sent.length === 0) this.#waitFor(() => sent.length > 0, deadline);
    return sent.shift();
  }

  call(request: SyscallRequest): SyscallResult | undefined {
    const call = this.callBlocking(request);
    return call.finished(this.now() + CALL_LIMIT) as SyscallResult | undefined;
  }

  callBlocking(request: SyscallRequest): PendingCall {
    let result: SyscallResult | undefined;
    makeCall(this.stack.sockets, this.#files, request, (outcome) => {
      result = { ...outcome, time: this.now() };
    });
    this.#clock.drain();
    return {
      finished: (deadline) => {
        if (result === undefined) this.#waitFor(() => result !== undefined, deadline);
        return result;
      },
    };
  }

  sysctl(name: string, value: string): boolean {
    return setSetting(this.stack, name, value);
  }

  route(change: RouteChange): void {
    this.stack.addRoute(routeOptions(change, this.#dev));
  }

  /** A queue never fills, for the device is never busy, unless it has no room at all. */
  qdisc(kind: string, limit: number | undefined): void {
    if (kind !== 'pfifo' && kind !== 'fq') throw new Unsupported(0, `qdisc ${kind}`);
    const { discipline } = this.#dev;
    discipline.paces = kind === 'fq';
    discipline.queue.cap = limit ?? Math.max(1, this.#dev.txQueueLen);
    if (limit === 0) this.#dev.stopQueue();
    else if (discipline.active !== QDISC_NOOP) this.#dev.wakeQueue();
  }

  /** What the device segments changes nothing: the other end sees segments always. */
  offload(): void {}

  /** What is remembered of earlier connections: their paths, and cookies. */
  flushMetrics(): void {
    this.stack.tcp.metrics.flush();
    this.stack.tcp.fastOpen.cache.flush();
  }

  makeFile(path: string, bytes: number): void {
    this.#files.set(path, new Uint8Array(bytes));
  }

  removeFile(path: string): void {
    this.#files.delete(path);
  }

  tcpInfo(fd: number): Map<string, number> | undefined {
    const { sockets } = this.stack;
    const info = new Uint8Array(TCP_INFO_ROOM);
    const memory = new Uint8Array(MEMORY_INFO_ROOM);
    const length = sockets.getsockopt(fd, SOL_TCP, TCP_SYMBOLS.TCP_INFO, info);
    const memoryLength = sockets.getsockopt(fd, SOL_SOCKET, SOCKET_SYMBOLS.SO_MEMINFO, memory);
    if (length < 0 || memoryLength < 0) return undefined;
    return new Map([
      ...decodeTcpInfo(info.subarray(0, length)),
      ...decodeMemoryInfo(memory.subarray(0, memoryLength)),
    ]);
  }

  counters(): Map<string, number> {
    return new Map(Object.entries(this.stack.counters().mib));
  }

  listening(port: number): boolean {
    const { sockets } = this.stack;
    const address = new SocketAddress();
    return sockets.files.numbers().some((fd) => {
      const file = sockets.files.get(fd);
      if (!(file instanceof Socket) || file.type !== SOCK_STREAM || !file.listening) return false;
      return file.getsockname(address) === 0 && address.port === port;
    });
  }

  close(): void {
    this.stack.close();
    this.#clock.drain();
  }

  #waitFor(done: () => boolean, deadline: number): void {
    this.#clock.advanceUntil(done, Math.max(0, deadline - this.now()) / 1000);
  }
}
