import t from 'tap';
import { VirtualClock } from '../../device/clock/virtual.ts';
import { Machine } from '../../device/machine.ts';
import { PacketPool } from '../../device/memory/pool.ts';
import { ARPHRD_NONE } from '../../device/netdevice/flags.ts';
import { SeededEntropy } from '../../device/random.ts';
import { Mib } from '../../stack/counters.ts';
import {
  AF_INET,
  MSG_FASTOPEN,
  SHUT_RDWR,
  SHUT_WR,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from '../../stack/socket/abi.ts';
import { SocketAddress } from '../../stack/socket/address.ts';
import { createStack, type Stack } from '../../stack/stack.ts';
import { tcpStateName } from '../../stack/tcp/states.ts';
import { parseIpv4 } from '../../stack/wire/address.ts';
import { TestLink } from '../testing/test-link.ts';
import { mutateSegment } from './tcp-mutate.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? 20261125);
const MUTATIONS = Number(process.env['FUZZ_MUTATIONS'] ?? 200_000);
/** Mutations after which everything is ended and counted. */
const PER_WORLD = 4000;
const PAGES = 64;
const PORT = 80;
/** Longer than orphans, TIME-WAIT and retransmissions last. */
const LONG_MS = 3_600_000;
const MOST_OPEN = 12;
/** Clients and listeners do Fast Open, with cookies or without. */
const FAST_OPEN = 0x607;
/** By counter: whether it says what became of a segment, not only that it was seen. */
const TELLS: readonly boolean[] = Object.keys(new Mib().toJSON()).map(
  (name) => !/^(IpInReceives|IpInDelivers|IpExtIn|TcpInSegs)/.test(name),
);

/** Changes of state that RFC 9293 (figure 5) and Linux have; every state but CLOSE also ends in CLOSE. */
const LEGAL = new Set([
  'CLOSE>SYN-SENT',
  'CLOSE>LISTEN',
  'CLOSE>SYN-RECV',
  'CLOSE>ESTABLISHED',
  'SYN-SENT>SYN-RECV',
  'SYN-SENT>ESTABLISHED',
  'SYN-RECV>ESTABLISHED',
  'SYN-RECV>FIN-WAIT-1',
  'SYN-RECV>CLOSE-WAIT',
  'ESTABLISHED>FIN-WAIT-1',
  'ESTABLISHED>CLOSE-WAIT',
  'FIN-WAIT-1>FIN-WAIT-2',
  'FIN-WAIT-1>CLOSING',
  'FIN-WAIT-1>TIME-WAIT',
  'FIN-WAIT-2>TIME-WAIT',
  'CLOSING>TIME-WAIT',
  'CLOSE-WAIT>LAST-ACK',
]);

/** An acknowledgement with nothing else in it: an old one is taken note of without a trace, as by Linux. */
function isBareAck(frame: Buffer): boolean {
  const header = (frame[32]! >>> 4) * 4;
  return (frame[33]! & 0x07) === 0 && frame.readUInt16BE(2) <= 20 + header;
}

interface Host {
  readonly stack: Stack;
  readonly link: TestLink;
  readonly fds: number[];
}

/** Two hosts between which the test carries what they send, and to which it sends mutations of that. */
class World {
  readonly clock = new VirtualClock();
  readonly pool = new PacketPool({ small: 1024, large: 8, pages: PAGES, debug: true });
  readonly hosts: readonly [Host, Host];
  readonly illegal = new Set<string>();
  readonly states: Map<string, number>;
  readonly listener: number;
  readonly #entropy: SeededEntropy;
  readonly #corpus: Buffer[] = [];
  readonly #buffer = new Uint8Array(20_000);
  vanished = 0;
  #changes = 0;

  constructor(seed: number, states: Map<string, number>) {
    this.#entropy = new SeededEntropy(seed);
    this.states = states;
    const machine = new Machine({ clock: this.clock, pool: this.pool, entropy: new SeededEntropy(seed) });
    this.hosts = [this.#host(machine, '10.0.0.1/24'), this.#host(machine, '10.0.0.2/24')];
    this.clock.drain();
    const { sockets } = this.hosts[1].stack;
    this.listener = sockets.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockets.bind(this.listener, new SocketAddress(AF_INET, 0, PORT));
    sockets.listen(this.listener, 16);
  }

  #host(machine: Machine, address: string): Host {
    const stack = createStack({
      machine,
      sysctl: { 'net.ipv4.tcp_mem': '200 400 800', 'net.ipv4.tcp_fastopen': FAST_OPEN },
    });
    const link = new TestLink({ type: ARPHRD_NONE });
    stack.addDevice(link, { name: 'tun0', addresses: [address] });
    const { tcp } = stack;
    const count = tcp.stateChanges.bind(tcp);
    tcp.stateChanges = (conn, from, to) => {
      this.#changes++;
      const change = `${tcpStateName(from)}>${tcpStateName(to)}`;
      this.states.set(change, (this.states.get(change) ?? 0) + 1);
      if (to !== from && tcpStateName(to) !== 'CLOSE' && !LEGAL.has(change)) this.illegal.add(change);
      count(conn, from, to);
    };
    return { stack, link, fds: [] };
  }

  receive(host: Host, frame: Buffer): void {
    const packet = this.pool.from(frame);
    if (packet === null) throw new Error('the pool is empty: a leak');
    host.link.port.receive(packet);
    this.clock.settle();
  }

  /** Hands over what was sent; most of it. */
  carry(): void {
    for (const [from, to] of [this.hosts, [...this.hosts].reverse()] as [Host, Host][]) {
      for (const frame of from.link.sent.splice(0)) {
        if (this.#corpus.length < 64) this.#corpus.push(frame);
        else this.#corpus[this.#entropy.below(64)] = frame;
        if (this.#entropy.chance(0.97)) this.receive(to, frame);
      }
    }
  }

  /** Sends a mutation of something that was sent lately to the host that it was for; false when it left no trace. */
  attack(): Buffer | null {
    if (this.#corpus.length === 0) return null;
    const original = this.#corpus[this.#entropy.below(this.#corpus.length)]!;
    const host = this.hosts[original[19] === 1 ? 0 : 1];
    const frame = mutateSegment(original, this.#entropy);
    const before = this.#outcomes();
    this.receive(host, frame);
    if (this.#outcomes() === before && !isBareAck(frame)) this.vanished++;
    return frame;
  }

  #outcomes(): number {
    let sum = this.#changes + this.pool.inUse * 1e-6;
    for (const { stack, link } of this.hosts) {
      sum += stack.ns.drops.total() + link.sent.length;
      const { values } = stack.mib;
      for (let i = 0; i < values.length; i++) if (TELLS[i]) sum += values[i]!;
    }
    return sum;
  }

  /** What an application does: anything, at any time. */
  act(): void {
    const entropy = this.#entropy;
    const [client, server] = this.hosts;
    const host = this.hosts[entropy.below(2)]!;
    const { sockets } = host.stack;
    const fd = host.fds[entropy.below(Math.max(1, host.fds.length))] ?? -1;
    switch (entropy.below(8)) {
      case 0:
        if (client.fds.length < MOST_OPEN) this.#connect(client);
        break;
      case 1: {
        const accepted = server.stack.sockets.accept(this.listener, null, SOCK_NONBLOCK);
        if (accepted >= 0) server.fds.push(accepted);
        break;
      }
      case 2:
      case 3:
        sockets.send(fd, this.#buffer.subarray(0, entropy.below(6000)));
        break;
      case 4:
      case 5:
        sockets.recv(fd, this.#buffer);
        break;
      case 6:
        if (entropy.chance(0.3)) sockets.shutdown(fd, entropy.chance(0.8) ? SHUT_WR : SHUT_RDWR);
        break;
      default:
        if (entropy.chance(0.2) && fd >= 0) {
          sockets.close(fd);
          host.fds.splice(host.fds.indexOf(fd), 1);
        }
        this.clock.advance(entropy.chance(0.05) ? entropy.below(70_000) : entropy.below(60));
    }
  }

  #connect({ stack, fds }: Host): void {
    const fd = stack.sockets.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const server = new SocketAddress(AF_INET, parseIpv4('10.0.0.2'), PORT);
    if (this.#entropy.chance(0.5)) stack.sockets.connect(fd, server);
    else stack.sockets.sendto(fd, this.#buffer.subarray(0, this.#entropy.below(3000)), MSG_FASTOPEN, server);
    fds.push(fd);
  }

  /** Ends all; what is left that should not be. */
  end(): Record<string, number> {
    for (const { stack, fds } of this.hosts) for (const fd of fds) stack.sockets.close(fd);
    this.hosts[1].stack.sockets.close(this.listener);
    for (let i = 0; i < 20; i++) {
      this.carry();
      this.clock.advance(1000);
    }
    for (const { link } of this.hosts) link.sent.length = 0;
    this.clock.advance(LONG_MS);
    const left: Record<string, number> = {
      packets: this.pool.inUse,
    };
    for (const [i, { stack }] of this.hosts.entries()) {
      const { tcp } = stack;
      left[`flows of ${i}`] = tcp.flows.size;
      left[`orphans of ${i}`] = tcp.orphans;
      left[`memory of ${i}`] = tcp.memory.used;
      left[`segments of ${i}`] = tcp.segments.inUse;
      left[`established of ${i}`] = stack.mib.get('TcpCurrEstab');
    }
    for (const { stack } of this.hosts) stack.close();
    this.clock.drain();
    left['timers'] = this.clock.pendingTimers();
    left['packets after all'] = this.pool.inUse;
    left['pages'] = PAGES - this.pool.pages.free;
    return Object.fromEntries(Object.entries(left).filter(([, count]) => count !== 0));
  }
}

t.test(`${MUTATIONS} mutations of live segments, FUZZ_SEED=${SEED}`, { timeout: 150_000 }, (t) => {
  const entropy = new SeededEntropy(SEED);
  const states = new Map<string, number>();
  let vanished = 0;
  for (let done = 0; done < MUTATIONS; ) {
    const seed = entropy.u32();
    const world = new World(seed, states);
    let frame: Buffer | null = null;
    try {
      for (let i = 0; i < PER_WORLD && done < MUTATIONS; i++) {
        if (i % 3 === 0) world.act();
        if (i % 4 === 0) world.carry();
        frame = world.attack();
        if (frame !== null) done++;
      }
      const left = world.end();
      if (Object.keys(left).length > 0) t.strictSame(left, {}, `FUZZ_SEED=${SEED}, world ${seed}`);
    } catch (error) {
      t.fail(`FUZZ_SEED=${SEED}, world ${seed}, mutation ${done}: ${String(error)}`, {
        frame: frame?.toString('hex') ?? '',
        thrown: error instanceof Error ? (error.stack ?? '') : '',
      });
      break;
    }
    if (world.illegal.size > 0) t.fail(`FUZZ_SEED=${SEED}, world ${seed}: ${[...world.illegal].join()}`);
    vanished += world.vanished;
  }
  t.equal(vanished, 0, 'each was answered, counted, or dropped under a reason');
  for (const change of LEGAL) if (!states.has(change)) t.comment(`never seen: ${change}`);
  const seen = new Set([...states.keys()].flatMap((change) => change.split('>')));
  for (const state of [
    'SYN-SENT',
    'SYN-RECV',
    'ESTABLISHED',
    'FIN-WAIT-1',
    'FIN-WAIT-2',
    'CLOSE-WAIT',
    'LAST-ACK',
    'CLOSING',
  ])
    t.ok(seen.has(state), `${state} was reached`);
  t.end();
});
