import type { SyscallRequest, SyscallResult } from './syscall.ts';

/** What a backend in virtual time gives at once, and one in real time when it has it. */
export type Awaitable<T> = T | Promise<T>;

/** Addresses are unsigned 32-bit numbers in host order. */
export interface BackendConfig {
  readonly localAddress: number;
  /** Bits of the local network. */
  readonly prefixLength: number;
  readonly remoteAddress: number;
  /** Bytes of the largest IP packet on the device. */
  readonly mtu: number;
  /** With `--mss`: inbound TCP packets with more payload than this arrive as super-segments of such a size. */
  readonly segmentSize: number | undefined;
}

export interface OutboundPacket {
  /** Microseconds on the backend's clock. */
  readonly time: number;
  /** From the IP header on. */
  readonly bytes: Uint8Array;
}

/** A system call that blocks. */
export interface PendingCall {
  /** Waits until the call has returned, at most until `deadline`; undefined when it still blocks then. */
  finished(deadline: number): Awaitable<SyscallResult | undefined>;
}

/** One route to a host or network, as `ip route` writes it. */
export interface RouteChange {
  /** `192.0.2.1`, `192.0.2.0/24` or `default`. */
  readonly to: string;
  /** Metrics by iproute2's names: `mtu`, `advmss`, `initcwnd`, `initrwnd`, `rto_min`, ... */
  readonly metrics: Readonly<Record<string, string>>;
  /** Whether the MTU is locked against path MTU discovery. */
  readonly mtuLocked: boolean;
}

/**
 * A stack under test: a machine with one raw-IP device, on which the script's local address is, and the system calls of a
 * process on it. Times are microseconds on the backend's own clock. Operations that the stack lacks throw `Unsupported`.
 */
export interface Backend {
  /** Microseconds since 1970 when the backend's clock was 0. */
  readonly epoch: number;
  /** The time. */
  now(): number;
  /** Waits until then; work of the stack that is due on the way is done. A time in the past is now. */
  advanceTo(time: number): Awaitable<void>;
  /** Lets a packet, from its IP header on, arrive on the device; gives the time when it did. */
  inject(packet: Uint8Array): Awaitable<number>;
  /** The next packet that the stack sends, in order, waiting for it at most until `deadline`. */
  takeOutbound(deadline: number): Awaitable<OutboundPacket | undefined>;
  /** Makes a system call that doesn't wait; undefined when it does wait, since then no result will come. */
  call(request: SyscallRequest): Awaitable<SyscallResult | undefined>;
  /** Begins a system call that waits for what comes. */
  callBlocking(request: SyscallRequest): Awaitable<PendingCall>;
  /**
   * Sets a sysctl, named with dots (`net.ipv4.tcp_sack`), or a module's parameter (`module.tcp_cubic.hystart_detect`). False:
   * the stack has none of that name or can't have that value.
   */
  sysctl(name: string, value: string): Awaitable<boolean>;
  route(change: RouteChange): Awaitable<void>;
  /** Replaces the device's queueing discipline: `pfifo`, `fq`; `limit` packets, 0 to drop everything. */
  qdisc(kind: string, limit: number | undefined): Awaitable<void>;
  /** Segmentation by the device, as `ethtool -K` names it: `tso`, `gso`, `gro`. */
  offload(feature: string, on: boolean): Awaitable<void>;
  /** Forgets what earlier connections taught: metrics, fast-open cookies (`ip tcp_metrics flush all`). */
  flushMetrics(): Awaitable<void>;
  /** Makes a file of zeros in /tmp, for `open`. */
  makeFile(path: string, bytes: number): Awaitable<void>;
  removeFile(path: string): Awaitable<void>;
  /** The fields of `struct tcp_info` of a socket by Linux's names (`tcpi_snd_cwnd`); undefined when it has none. */
  tcpInfo(fd: number): Awaitable<ReadonlyMap<string, number> | undefined>;
  /** All counters by `nstat`'s names (`TcpExtTCPTimeouts`). */
  counters(): Awaitable<ReadonlyMap<string, number>>;
  /** Whether a TCP socket listens on a port. */
  listening(port: number): Awaitable<boolean>;
  /** Ends everything. */
  close(): Awaitable<void>;
}

/** Makes the machine that one script runs on. */
export type BackendFactory = (config: BackendConfig) => Awaitable<Backend>;
