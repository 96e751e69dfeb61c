import { existsSync } from 'node:fs';
import { formatIpv4 } from '../../../../stack/wire/address.ts';
import type { Backend, BackendConfig, OutboundPacket, PendingCall, RouteChange } from '../../backend.ts';
import { Unsupported } from '../../script/script.ts';
import { SOCKET_SYMBOLS } from '../../symbols/sockets.ts';
import { TCP_SYMBOLS } from '../../symbols/tcp.ts';
import type { SyscallRequest, SyscallResult } from '../../syscall.ts';
import { Agent, type Answer, monotonic } from './agent.ts';
import { type LibcCall, marshal, unmarshal } from './marshal.ts';
import { parseCounters } from './proc.ts';
import { ints, viewOf } from './structs.ts';
import { decodeMemoryInfo, decodeTcpInfo, MEMORY_INFO_ROOM, TCP_INFO_ROOM } from './tcp-info.ts';

/** Microseconds that the answer of the agent may take on its way. */
const TRANSIT = 20_000;
const TYPE_MASK = 0xf;
/** `LISTEN` in /proc/net/tcp. */
const LISTEN = '0A';

/**
 * The kernel of this machine as the stack under test, in real time. A network namespace may not choose its congestion
 * control, so `net.ipv4.tcp_congestion_control` is kept here and set on each TCP socket.
 */
export class LinuxBackend implements Backend {
  readonly #agent: Agent;
  #congestion = 'cubic';
  /** When the next operation is to be done. */
  #at = 0;

  private constructor(agent: Agent) {
    this.#agent = agent;
  }

  /** Makes a machine for a script. Needs root. */
  static async create(config: BackendConfig): Promise<LinuxBackend> {
    const agent = await Agent.start({
      local: formatIpv4(config.localAddress),
      prefixLength: config.prefixLength,
      mtu: config.mtu,
      segmentSize: config.segmentSize,
    });
    return new LinuxBackend(agent);
  }

  get epoch(): number {
    return this.#agent.epoch;
  }

  now(): number {
    return Math.max(monotonic(), this.#at);
  }

  /** The agent waits, before what it does next: its sleep is the more exact one. */
  advanceTo(time: number): void {
    this.#at = time;
  }

  async inject(packet: Uint8Array): Promise<number> {
    const answer = await this.#ask({ op: 'inject', data: Buffer.from(packet).toString('base64') });
    if (answer.error !== undefined) throw new Error(`inject: ${answer.error}`);
    return answer.t;
  }

  takeOutbound(deadline: number): Promise<OutboundPacket | undefined> {
    return this.#agent.packet(deadline + TRANSIT);
  }

  async call(request: SyscallRequest): Promise<SyscallResult | undefined> {
    const call = marshal(request);
    const answer = await this.#call(call);
    if (answer.blocks === true) return undefined;
    const result = unmarshal(call, answer, answer.t);
    if (request.name === 'socket' && result.ret >= 0 && isTcp(request))
      await this.#chooseCongestion(result.ret);
    return result;
  }

  callBlocking(request: SyscallRequest): PendingCall {
    const call = marshal(request);
    const answer = this.#call(call, true);
    answer.catch(() => {});
    return {
      finished: async (deadline) => {
        const first = await withDeadline(answer, deadline + TRANSIT);
        return first === undefined ? undefined : unmarshal(call, first, first.t);
      },
    };
  }

  async sysctl(name: string, value: string): Promise<boolean> {
    if (name === 'net.ipv4.tcp_congestion_control') {
      const available = await this.#read('/proc/sys/net/ipv4/tcp_available_congestion_control');
      if (!available.split(/\s+/).includes(value)) return false;
      this.#congestion = value;
      return true;
    }
    if (name.startsWith('module.')) return this.#hasParameter(name, value);
    const path = `/proc/sys/${name.replaceAll('.', '/')}`;
    return (await this.#ask({ op: 'write', path, value: decimal(value) })).error === undefined;
  }

  /** A module's parameters are the whole machine's, so they are only looked at. */
  async #hasParameter(name: string, value: string): Promise<boolean> {
    const [, module, parameter] = name.split('.');
    const path = `/sys/module/${module}/parameters/${parameter}`;
    return existsSync(path) && (await this.#read(path)).trim() === value;
  }

  async route(change: RouteChange): Promise<void> {
    const metrics = Object.entries(change.metrics).flatMap(([name, value]) =>
      name === 'mtu' && change.mtuLocked ? [name, 'lock', value] : [name, value],
    );
    await this.#run('ip', 'route', 'replace', change.to, 'dev', 'tun0', ...metrics);
  }

  async qdisc(kind: string, limit: number | undefined): Promise<void> {
    const limits = limit === undefined ? [] : ['limit', String(limit)];
    await this.#run('tc', 'qdisc', 'replace', 'dev', 'tun0', 'root', kind, ...limits);
  }

  async offload(feature: string, on: boolean): Promise<void> {
    await this.#run('ethtool', '-K', 'tun0', feature, on ? 'on' : 'off');
  }

  async flushMetrics(): Promise<void> {
    await this.#run('ip', 'tcp_metrics', 'flush', 'all');
  }

  async makeFile(path: string, bytes: number): Promise<void> {
    await this.#run('dd', 'bs=1', `count=${bytes}`, 'if=/dev/zero', `of=${path}`, 'status=none');
  }

  async removeFile(path: string): Promise<void> {
    await this.#run('rm', '-f', path);
  }

  async tcpInfo(fd: number): Promise<Map<string, number> | undefined> {
    const info = await this.#option(fd, SOCKET_SYMBOLS.SOL_TCP, TCP_SYMBOLS.TCP_INFO, TCP_INFO_ROOM);
    const memory = await this.#option(
      fd,
      SOCKET_SYMBOLS.SOL_SOCKET,
      SOCKET_SYMBOLS.SO_MEMINFO,
      MEMORY_INFO_ROOM,
    );
    if (info === undefined || memory === undefined) return undefined;
    return new Map([...decodeTcpInfo(info), ...decodeMemoryInfo(memory)]);
  }

  async #option(fd: number, level: number, option: number, room: number): Promise<Buffer | undefined> {
    const answer = await this.#call({
      fn: 'getsockopt',
      args: [fd, level, option, { out: room }, { inout: Buffer.from(ints(room)).toString('hex') }],
    });
    if (answer.r !== 0) return undefined;
    const [value, length] = (answer.o ?? []).map((output) => Buffer.from(String(output), 'hex'));
    return value!.subarray(0, viewOf(length!).getUint32(0, true));
  }

  async counters(): Promise<Map<string, number>> {
    const texts = [await this.#read('/proc/net/snmp'), await this.#read('/proc/net/netstat')];
    return parseCounters(texts.join(''));
  }

  async listening(port: number): Promise<boolean> {
    const text = await this.#read('/proc/net/tcp');
    const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
    return text.split('\n').some((line) => {
      const [, local, , state] = line.trim().split(/\s+/);
      return local?.endsWith(suffix) === true && state === LISTEN;
    });
  }

  close(): Promise<void> {
    return this.#agent.close();
  }

  #ask(request: Readonly<Record<string, unknown>> & { readonly op: string }): Promise<Answer> {
    return this.#agent.ask({ ...request, at: this.#at });
  }

  #call(call: LibcCall, thread = false): Promise<Answer> {
    return this.#ask({ op: 'call', fn: call.fn, args: call.args, thread });
  }

  async #read(path: string): Promise<string> {
    const { text, error } = await this.#ask({ op: 'read', path });
    if (text === undefined) throw new Error(`${path}: ${error}`);
    return text;
  }

  async #run(...argv: readonly string[]): Promise<void> {
    const { status, text } = await this.#ask({ op: 'run', argv });
    if (status !== 0) throw new Unsupported(0, `${argv.join(' ')}: ${text?.trim()}`);
  }

  async #chooseCongestion(fd: number): Promise<void> {
    const name = Buffer.from(this.#congestion);
    const answer = await this.#call({
      fn: 'setsockopt',
      args: [
        fd,
        SOCKET_SYMBOLS.SOL_TCP,
        TCP_SYMBOLS.TCP_CONGESTION,
        { in: name.toString('hex') },
        name.length,
      ],
    });
    if (answer.r !== 0) throw new Unsupported(0, `congestion control ${this.#congestion} on a socket`);
  }
}

function isTcp(request: Extract<SyscallRequest, { name: 'socket' }>): boolean {
  return (
    (request.type & TYPE_MASK) === SOCKET_SYMBOLS.SOCK_STREAM &&
    (request.protocol === 0 || request.protocol === SOCKET_SYMBOLS.IPPROTO_TCP)
  );
}

/** /proc/sys knows no hexadecimal everywhere. */
function decimal(value: string): string {
  return /^0x[0-9a-f]+$/i.test(value) ? String(Number(value)) : value;
}

async function withDeadline<T>(promise: Promise<T>, deadline: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), Math.max(1, (deadline - monotonic()) / 1000));
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
