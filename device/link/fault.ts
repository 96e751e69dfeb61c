import { Timer } from '../clock/timer.ts';
import { DROP_POOL_EXHAUSTED, dropReason } from '../drop.ts';
import type { Machine } from '../machine.ts';
import type { Packet } from '../memory/packet.ts';
import { NETDEV_TX_BUSY, NETDEV_TX_OK } from '../netdevice/flags.ts';
import type { Link } from '../netdevice/link.ts';
import { takeLinear } from './crossing.ts';
import { LinkFilter } from './filter.ts';

/** Dropped because a test wanted it. */
export const DROP_FAULT_INJECTED: number = dropReason('fault_injected');

/** What happens to a frame instead of passing. */
export type FaultAction =
  | { readonly do: 'drop' }
  | { readonly do: 'duplicate' }
  /** Passes after `ms` milliseconds; without `ms` when {@link FaultLink.releaseHeld} is called. */
  | { readonly do: 'hold'; readonly ms?: number }
  /** Only its first bytes pass. */
  | { readonly do: 'truncate'; readonly bytes: number }
  /** Another frame passes in its place. */
  | { readonly do: 'replace'; readonly bytes: Uint8Array };

/** Decides on the `n`-th frame of its direction, counted from 1; null: no opinion. It may read the packet but not keep it. */
export type FaultRule = (packet: Packet, n: number) => FaultAction | null;

/** `in`: what the inner link receives; `out`: what its user sends. */
export type FaultDirection = 'in' | 'out';

/** A rule for the `n`-th frame only. */
export function nthFrame(n: number, action: FaultAction): FaultRule {
  return (_packet, count) => (count === n ? action : null);
}

interface Held {
  readonly packet: Packet;
  readonly direction: FaultDirection;
  readonly timer: Timer | null;
}

/** Wraps `inner` so that a test can make it fail. */
export function fault(machine: Machine, inner: Link): FaultLink {
  return new FaultLink(machine, inner);
}

/** A link with faults on demand, for tests; made by {@link fault}. Without orders it changes nothing. */
export class FaultLink extends LinkFilter {
  readonly machine: Machine;
  /** What `open` answers; 0: what the inner link answers. */
  openResult = 0;
  /** Frames seen so far. */
  readonly seen: Record<FaultDirection, number> = { in: 0, out: 0 };

  readonly #rules: Record<FaultDirection, FaultRule[]> = { in: [], out: [] };
  readonly #flapTimer: Timer;
  #held: Held[] = [];
  #busy = false;
  #innerCarrier: boolean;
  #carrierForcedOff = false;
  #flapMoments: number[] = [];

  constructor(machine: Machine, inner: Link) {
    super(inner);
    this.machine = machine;
    this.#innerCarrier = inner.carrier;
    this.#flapTimer = new Timer(machine.clock, () => this.#flap());
  }

  /** Adds a rule; the first one with an opinion decides. Returns the function that removes it. */
  addRule(direction: FaultDirection, rule: FaultRule): () => void {
    this.#rules[direction].push(rule);
    return () => {
      this.#rules[direction] = this.#rules[direction].filter((other) => other !== rule);
    };
  }

  /** Stops the queue, and answers BUSY to whoever sends in spite of it. */
  makeBusy(): void {
    this.#busy = true;
    this.port.stopQueue();
  }

  /** Ends {@link makeBusy} and wakes the queue. */
  makeReady(): void {
    this.#busy = false;
    this.port.wakeQueue();
  }

  /** Forces the carrier off (false), or lets the inner link's carrier show again (true). */
  allowCarrier(allowed: boolean): void {
    this.#carrierForcedOff = !allowed;
    if (!this.#innerCarrier) return;
    if (allowed) this.port.carrierOn();
    else this.port.carrierOff();
  }

  /** Turns the carrier off and on by turns, at these moments of the clock in milliseconds, in ascending order. */
  flapCarrierAt(moments: readonly number[]): void {
    this.#flapMoments = [...moments];
    this.#armFlap();
  }

  /** Frames held back. */
  get held(): number {
    return this.#held.length;
  }

  /** Passes on the frames of one direction that are held back, in order. */
  releaseHeld(direction: FaultDirection): void {
    const due = this.#held.filter((held) => held.direction === direction);
    this.#held = this.#held.filter((held) => held.direction !== direction);
    for (const held of due) {
      held.timer?.stop();
      this.#pass(held.packet, direction);
    }
  }

  override open(): number {
    return this.openResult < 0 ? this.openResult : super.open();
  }

  override stop(): void {
    this.#dropHeld();
    super.stop();
  }

  override close(): void {
    this.#flapTimer.stop();
    this.#dropHeld();
    super.close();
  }

  override startXmit(packet: Packet): number {
    if (this.#busy) return NETDEV_TX_BUSY;
    const action = this.#judge(packet, 'out');
    if (action === null) return super.startXmit(packet);
    this.#act(packet, action, 'out');
    return NETDEV_TX_OK;
  }

  override receive(packet: Packet): void {
    const action = this.#judge(packet, 'in');
    if (action === null) super.receive(packet);
    else this.#act(packet, action, 'in');
  }

  override enqueue(packet: Packet): void {
    const action = this.#judge(packet, 'in');
    if (action === null) super.enqueue(packet);
    else this.#act(packet, action, 'in');
  }

  override carrierOn(): void {
    this.#innerCarrier = true;
    if (!this.#carrierForcedOff) super.carrierOn();
  }

  override carrierOff(): void {
    this.#innerCarrier = false;
    if (!this.#carrierForcedOff) super.carrierOff();
  }

  #judge(packet: Packet, direction: FaultDirection): FaultAction | null {
    const n = ++this.seen[direction];
    for (const rule of this.#rules[direction]) {
      const action = rule(packet, n);
      if (action !== null) return action;
    }
    return null;
  }

  #act(packet: Packet, action: FaultAction, direction: FaultDirection): void {
    switch (action.do) {
      case 'drop':
        this.port.drop(packet, DROP_FAULT_INJECTED);
        return;
      case 'duplicate': {
        const copy = this.machine.pool.copy(packet);
        this.#pass(packet, direction);
        if (copy !== null) this.#pass(copy, direction);
        return;
      }
      case 'hold':
        this.#hold(packet, action.ms, direction);
        return;
      case 'truncate':
        this.#truncate(packet, action.bytes, direction);
        return;
      case 'replace': {
        const other = this.machine.pool.from(action.bytes);
        if (other === null) {
          this.port.drop(packet, DROP_POOL_EXHAUSTED);
          return;
        }
        packet.release();
        this.#pass(other, direction);
      }
    }
  }

  #truncate(packet: Packet, bytes: number, direction: FaultDirection): void {
    const own = takeLinear(this.machine.pool, packet);
    if (own === null) {
      this.port.drop(packet, DROP_POOL_EXHAUSTED);
      return;
    }
    own.trim(bytes);
    this.#pass(own, direction);
  }

  #hold(packet: Packet, ms: number | undefined, direction: FaultDirection): void {
    const timer = ms === undefined ? null : new Timer(this.machine.clock, () => this.#release(held));
    const held: Held = { packet, direction, timer };
    this.#held.push(held);
    if (ms !== undefined) timer?.start(ms);
  }

  #release(held: Held): void {
    this.#held = this.#held.filter((other) => other !== held);
    this.#pass(held.packet, held.direction);
  }

  #pass(packet: Packet, direction: FaultDirection): void {
    if (direction === 'in') {
      super.enqueue(packet);
      return;
    }
    if (super.startXmit(packet) === NETDEV_TX_OK) this.flush?.();
    else this.port.drop(packet, DROP_FAULT_INJECTED);
  }

  #dropHeld(): void {
    const dropped = this.#held;
    this.#held = [];
    for (const { packet, timer } of dropped) {
      timer?.stop();
      this.port.drop(packet, DROP_FAULT_INJECTED);
    }
  }

  #flap(): void {
    this.#flapMoments.shift();
    this.allowCarrier(this.#carrierForcedOff);
    this.#armFlap();
  }

  #armFlap(): void {
    const next = this.#flapMoments[0];
    if (next === undefined) this.#flapTimer.stop();
    else this.#flapTimer.startAt(next);
  }
}
