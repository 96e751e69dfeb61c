import { Timer } from '../../device/clock/timer.ts';
import { PacketPool } from '../../device/memory/pool.ts';
import type { CaptureWriter } from '../../device/pcap/writer.ts';
import { SOL_SOCKET, SOL_TCP } from '../../stack/socket/abi.ts';
import {
  SO_ERROR,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_RCVBUF,
  SO_SNDBUF,
} from '../../stack/socket/socket-options.ts';
import type { Stack } from '../../stack/stack.ts';
import { TCP_CORK, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_NODELAY } from '../../stack/tcp/sockopt.ts';
import { Endpoint } from './endpoint.ts';
import { NarrowPath } from './narrow-path.ts';
import { Pair } from './pair.ts';
import { type LinkEvent, type Scenario, type SocketHabits, scenario } from './scenario.ts';

/** Milliseconds that a connection may need once the link works: the longest back-off twice, then the transfer. */
const PROGRESS = 400_000;
/** And for a stream at the habits' and the link's slowest. */
const TRANSFER = 400_000;

/** Seconds of silence between keepalive probes. */
const KEEPALIVE = 20;

/** What became of a seed. */
export interface SeedResult {
  readonly seed: number;
  /** Empty: nothing is wrong. */
  readonly findings: readonly string[];
  /** Both streams arrived whole. */
  readonly whole: boolean;
  readonly frames: number;
  readonly retransmissions: number;
  /** Virtual milliseconds until both sides were done. */
  readonly took: number;
}

let pool: PacketPool | null = null;

/** Runs one seed; `capture` gets the frames of both stacks. */
export function runSeed(seed: number, capture: CaptureWriter | null = null): SeedResult {
  const plan = scenario(seed);
  const shared = pool ?? new PacketPool({ small: 4096, large: 16, pages: 64 });
  pool = null;
  const options = { seed, sysctl: plan.sysctl, pool: shared, memory: 1 << 20 };
  const pair = new Pair(capture === null ? options : { ...options, capture });
  const path = new NarrowPath(pair.machine, pair.wire);
  const findings: string[] = [];
  pair.wire.setImpairment('aToB', plan.aToB);
  pair.wire.setImpairment('bToA', plan.bToA);
  const start = pair.clock.now();
  const timers = plan.events.map((event) => at(pair, event.at, () => apply(pair, path, event)));
  timers.push(at(pair, plan.healAt, () => heal(pair, path)));
  const outcome = converse(pair, plan, findings);
  const took = pair.clock.now() - start;
  for (const timer of timers) timer.stop();
  path.close();
  heal(pair, path);
  findings.push(...pair.finish(), ...pair.observer.findings);
  if (findings.length === 0) pool = shared;
  const { frames, retransmissions } = pair.observer;
  return { seed, findings, whole: outcome, frames, retransmissions, took };
}

function at(pair: Pair, ms: number, run: () => void): Timer {
  const timer = new Timer(pair.clock, run);
  timer.start(ms);
  return timer;
}

function apply(pair: Pair, path: NarrowPath, { what }: LinkEvent): void {
  const { wire, observer } = pair;
  observer.disturb(what.kind === 'cut');
  switch (what.kind) {
    case 'cut':
      wire.cut();
      break;
    case 'splice':
      wire.splice();
      break;
    case 'impair':
      wire.setImpairment(what.side, what.changes);
      break;
    case 'mtu':
      path.mtu = what.mtu;
      path.icmp = what.icmp;
      wire.setImpairment('both', { mtu: what.mtu });
      break;
  }
}

/** The link works from now on. */
function heal({ wire, observer }: Pair, path: NarrowPath): void {
  observer.disturb();
  path.icmp = false;
  wire.setImpairment('both', { loss: 0, burst: null, corrupt: 0, mtu: 0 });
  if (!wire.whole) wire.splice();
}

/** The connection itself; whether both streams arrived whole. */
function converse(pair: Pair, plan: Scenario, findings: string[]): boolean {
  const limit = plan.healAt + PROGRESS + TRANSFER;
  const listener = pair.listen();
  setUp(pair.b, listener, plan.server);
  const fd = pair.socket();
  setUp(pair.a, fd, plan.client);
  pair.connect(fd);
  let refused = 0;
  const failed = () => {
    refused ||= socketError(pair.a, fd);
    return refused !== 0;
  };
  const accepted = pair.accept(listener, failed, limit);
  if (accepted < 0) {
    pair.a.sockets.close(fd);
    pair.b.sockets.close(listener);
    if (refused === 0) findings.push('no connection, and no error');
    else if (!plan.mayFail) findings.push(`no connection: errno ${refused}`);
    return false;
  }
  pair.b.sockets.close(listener);
  const client = new Endpoint(pair.a, fd, plan.client, 7);
  const server = new Endpoint(pair.b, accepted, plan.server, 13);
  prepare(client, plan.client);
  prepare(server, plan.server);
  const inTime = pair.run([client, server], limit);
  const whole = judge(plan, client, server, inTime, findings);
  client.close();
  server.close();
  return whole;
}

function judge(
  plan: Scenario,
  client: Endpoint,
  server: Endpoint,
  inTime: boolean,
  findings: string[],
): boolean {
  const abortive = client.aborted || server.aborted;
  const errors = client.error !== 0 || server.error !== 0;
  const said = `client ${state(client)}, server ${state(server)}`;
  if (!inTime) findings.push(`no end in time: ${said}`);
  if (errors && !abortive && !plan.mayFail) findings.push(`an error without a cause: ${said}`);
  if (client.received > server.sent || server.received > client.sent)
    findings.push(`more than was sent: ${said}`);
  if (!inTime || errors || abortive) return false;
  if (client.received !== plan.server.total || server.received !== plan.client.total) {
    findings.push(`less than was sent, and no error: ${said}`);
    return false;
  }
  const [there, back] = [client.digests(), server.digests()];
  if (there.out !== back.in) findings.push('other bytes than the client sent');
  if (back.out !== there.in) findings.push('other bytes than the server sent');
  return true;
}

function state(end: Endpoint): string {
  const { sent, received, habits, error, aborted, ended } = end;
  return `sent ${sent} of ${habits.total}, got ${received}${ended ? '' : ' so far'}, error ${error}${aborted ? ', aborted' : ''}`;
}

/** Sets what an accepted socket takes over. Keepalive ends a wait for a peer whose last word, an RST, was lost. */
function setUp({ sockets }: Stack, fd: number, { sndbuf, rcvbuf }: SocketHabits): void {
  sockets.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  sockets.setsockopt(fd, SOL_TCP, TCP_KEEPIDLE, KEEPALIVE);
  sockets.setsockopt(fd, SOL_TCP, TCP_KEEPINTVL, KEEPALIVE);
  if (sndbuf > 0) sockets.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, sndbuf);
  if (rcvbuf > 0) sockets.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, rcvbuf);
}

function prepare(end: Endpoint, habits: Endpoint['habits'] & SocketHabits): void {
  const { sockets } = end.stack;
  const { fd } = end;
  if (habits.noDelay) sockets.setsockopt(fd, SOL_TCP, TCP_NODELAY, 1);
  if (Number.isFinite(habits.abortAt))
    sockets.setsockopt(fd, SOL_SOCKET, SO_LINGER, new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]));
  const { corkEvery } = habits;
  if (corkEvery === 0) return;
  end.onWrite = (write) => {
    if (write % corkEvery === 0)
      sockets.setsockopt(fd, SOL_TCP, TCP_CORK, Math.floor(write / corkEvery) % 2 === 0 ? 1 : 0);
  };
}

/** Errno that a socket has, which is gone then. */
function socketError({ sockets }: Stack, fd: number): number {
  const out = new Uint8Array(4);
  sockets.getsockopt(fd, SOL_SOCKET, SO_ERROR, out);
  return new DataView(out.buffer).getInt32(0, true);
}
