import { VirtualClock } from '../../device/clock/virtual.ts';
import { captureNamespace } from '../../device/link/capture.ts';
import type { Impairment } from '../../device/link/wire/impairment.ts';
import { createWire, type Wire } from '../../device/link/wire/wire.ts';
import { Machine } from '../../device/machine.ts';
import { PacketPool } from '../../device/memory/pool.ts';
import type { CaptureWriter } from '../../device/pcap/writer.ts';
import { SeededEntropy } from '../../device/random.ts';
import { AF_INET, SOCK_NONBLOCK, SOCK_STREAM } from '../../stack/socket/abi.ts';
import { SocketAddress } from '../../stack/socket/address.ts';
import { createStack, type Stack } from '../../stack/stack.ts';
import { TcpSocket } from '../../stack/tcp/tcp-socket.ts';
import { parseIpv4 } from '../../stack/wire/address.ts';
import { wrongAccount } from './accounts.ts';
import type { Endpoint } from './endpoint.ts';
import { WireObserver } from './observer.ts';

const PORT = 80;
/** Virtual milliseconds after which nothing of a closed connection may be left: FINs that nobody answers, and TIME-WAIT. */
const AFTERLIFE = 1_200_000;

/** Segments in a queue up to which it is counted anew at every moment. */
const MOST_AUDITED = 100;

export interface PairOptions {
  seed: number;
  impairment?: Partial<Impairment>;
  sysctl?: Readonly<Record<string, string | number>>;
  /** To be used again by the next pair; a fresh one when left out. */
  pool?: PacketPool;
  /** Bytes of each stream that the observer keeps; see there. */
  memory?: number;
  /** Gets every frame. */
  capture?: CaptureWriter;
}

/** Two stacks on a wire in virtual time, watched by an observer. */
export class Pair {
  readonly clock: VirtualClock = new VirtualClock();
  readonly machine: Machine;
  readonly pool: PacketPool;
  readonly wire: Wire;
  readonly observer: WireObserver;
  readonly a: Stack;
  readonly b: Stack;
  readonly entropy: SeededEntropy;

  constructor(options: PairOptions) {
    const { clock } = this;
    this.pool = options.pool ?? new PacketPool({ small: 2048, large: 32, pages: 64 });
    this.entropy = new SeededEntropy(options.seed);
    this.machine = new Machine({ clock, pool: this.pool, entropy: this.entropy.fork() });
    this.wire = createWire(this.machine);
    this.observer = new WireObserver(this.machine, options.memory ?? 1 << 20);
    this.a = createStack({ machine: this.machine, name: 'a', sysctl: options.sysctl ?? {} });
    this.b = createStack({ machine: this.machine, name: 'b', sysctl: options.sysctl ?? {} });
    if (options.capture !== undefined)
      for (const { ns } of [this.a, this.b]) captureNamespace(ns, options.capture);
    const [first, second] = [this.observer.watch('a', this.wire.a), this.observer.watch('b', this.wire.b)];
    this.a.addDevice(first, { name: 'eth0', addresses: ['10.0.0.1/24'] });
    this.b.addDevice(second, { name: 'eth0', addresses: ['10.0.0.2/24'] });
    clock.advance(1500);
    this.wire.setImpairment('both', options.impairment ?? {});
  }

  /** A listening socket of `b`. */
  listen(): number {
    const { sockets } = this.b;
    const fd = sockets.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockets.bind(fd, new SocketAddress(AF_INET, 0, PORT));
    sockets.listen(fd, 5);
    return fd;
  }

  /** A socket of `a`, not connected. */
  socket(): number {
    return this.a.sockets.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  }

  connect(fd: number): number {
    return this.a.sockets.connect(fd, new SocketAddress(AF_INET, parseIpv4('10.0.0.2'), PORT));
  }

  /** Takes `b`'s side of a connection; -1: none came, because the other side failed or time ran out. */
  accept(listener: number, failed: () => boolean, limitMs: number): number {
    let fd = -1;
    this.clock.advanceUntil(() => {
      fd = this.b.sockets.accept(listener);
      return fd >= 0 || failed();
    }, limitMs);
    return fd;
  }

  /** Lets endpoints do what they do until all are done or `limitMs` have passed; whether they are. */
  run(ends: readonly Endpoint[], limitMs: number): boolean {
    const { clock } = this;
    const limit = Math.ceil(clock.now() + limitMs);
    const done = () => ends.every((end) => end.done);
    const ready = () => {
      for (const end of ends) this.#audit(end);
      return ends.some((end) => end.ready);
    };
    while (clock.now() < limit) {
      for (const end of ends) end.step();
      clock.drain();
      if (done()) return true;
      let wakeAt = limit;
      for (const end of ends) wakeAt = Math.min(wakeAt, end.wakeAt);
      clock.advanceUntil(ready, Math.max(wakeAt - clock.now(), 0));
    }
    return done();
  }

  /** Counts anew what a connection's queues hold, unless that would take long. */
  #audit({ stack, fd }: Endpoint): void {
    const socket = stack.sockets.lookup(fd);
    if (!(socket instanceof TcpSocket) || socket.connection.tcb.packetsOut > MOST_AUDITED) return;
    const wrong = wrongAccount(socket.connection);
    if (wrong !== null) this.observer.report(`${stack.ns.name}: ${wrong}`);
  }

  /** Waits until nothing of a closed connection may be left and closes the stacks; what is left nevertheless. */
  finish(): string[] {
    const { clock, pool, a, b } = this;
    const left: string[] = [];
    const expect = (what: string, count: number) => {
      if (count !== 0) left.push(`${count} ${what} left`);
    };
    clock.advance(AFTERLIFE);
    for (const { tcp, ns, mib } of [a, b]) {
      expect(`flows of ${ns.name}`, tcp.flows.size);
      expect(`orphans of ${ns.name}`, tcp.orphans);
      expect(`bytes of TCP memory of ${ns.name}`, tcp.memory.used);
      expect(`segments of ${ns.name}`, tcp.segments.inUse);
      expect(`established of ${ns.name}`, mib.get('TcpCurrEstab'));
    }
    expect('packets', pool.inUse);
    a.close();
    b.close();
    clock.drain();
    expect('timers', clock.pendingTimers());
    expect('packets after the end', pool.inUse);
    expect('pages', pool.pages.count - pool.pages.free);
    return left;
  }
}
