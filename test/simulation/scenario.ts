import type { Impairment } from '../../device/link/wire/impairment.ts';
import { SeededEntropy } from '../../device/random.ts';
import type { Habits } from './endpoint.ts';

/** Something that happens to the link, at a moment in ms after the first SYN. */
export interface LinkEvent {
  readonly at: number;
  readonly what:
    | { readonly kind: 'cut' }
    | { readonly kind: 'splice' }
    | { readonly kind: 'impair'; readonly side: 'aToB' | 'bToA'; readonly changes: Partial<Impairment> }
    /** The path narrows; with `icmp` a router says so. 0: it is wide again. */
    | { readonly kind: 'mtu'; readonly mtu: number; readonly icmp: boolean };
}

/** Options of a socket that change on the way. */
export interface SocketHabits {
  /** Bytes, 0: as the system has it. */
  sndbuf: number;
  rcvbuf: number;
  noDelay: boolean;
  /** It puts the cork in and out every so manieth write, 0: never. */
  corkEvery: number;
}

/** All that is drawn for a seed before it runs. */
export interface Scenario {
  readonly seed: number;
  readonly aToB: Partial<Impairment>;
  readonly bToA: Partial<Impairment>;
  readonly sysctl: Record<string, number>;
  readonly client: Habits & SocketHabits;
  readonly server: Habits & SocketHabits;
  readonly events: LinkEvent[];
  /** From then on the link works and loses nothing, in ms after the first SYN. */
  readonly healAt: number;
  /** Errors that a connection may end with although both sides were willing. */
  readonly mayFail: boolean;
}

class Dice {
  readonly #entropy: SeededEntropy;

  constructor(entropy: SeededEntropy) {
    this.#entropy = entropy;
  }

  chance(probability: number): boolean {
    return this.#entropy.chance(probability);
  }

  between(low: number, high: number): number {
    return this.#entropy.uniform(low, high);
  }

  /** Whole, with as many small values as large ones. */
  scale(low: number, high: number): number {
    return Math.round(Math.exp(this.#entropy.uniform(Math.log(low), Math.log(high))));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.#entropy.below(choices.length)]!;
  }
}

/** Draws what happens under `seed`. */
export function scenario(seed: number): Scenario {
  const dice = new Dice(new SeededEntropy(seed ^ 0x5eed));
  const lossy = dice.chance(0.8);
  const client = habits(dice);
  const server = habits(dice);
  const events = linkEvents(dice);
  const last = events.reduce((at, event) => Math.max(at, event.at), 0);
  if (dice.chance(0.3)) client.lastToSpeak = true;
  else if (dice.chance(0.4)) server.lastToSpeak = true;
  if (dice.chance(0.15)) (dice.chance(0.5) ? client : server).abortAt = dice.scale(20, 20_000);
  const sysctl: Record<string, number> = {};
  for (const name of ['tcp_sack', 'tcp_timestamps', 'tcp_window_scaling'])
    if (dice.chance(0.1)) sysctl[`net.ipv4.${name}`] = 0;
  return {
    seed,
    aToB: impairment(dice, lossy),
    bToA: impairment(dice, lossy),
    sysctl,
    client,
    server,
    events,
    healAt: Math.max(last, Math.round(dice.between(1000, 40_000))),
    // An address that is not resolved in three tries is an unreachable host, as in Linux.
    mayFail: lossy || events.length > 0,
  };
}

function impairment(dice: Dice, lossy: boolean): Partial<Impairment> {
  const out: Partial<Impairment> = { delay: dice.chance(0.1) ? 0 : dice.scale(1, 300) };
  if (dice.chance(0.6)) {
    out.rate = dice.scale(100_000, 1_000_000_000);
    out.queueLimit = dice.scale(4, 1000);
  }
  if (dice.chance(0.4)) {
    out.jitter = dice.between(0, out.delay! / 2);
    out.jitterReorders = dice.chance(0.5);
  }
  if (!lossy) return out;
  if (dice.chance(0.6)) out.loss = dice.between(0, dice.pick([0.01, 0.05, 0.2]));
  if (dice.chance(0.3))
    out.burst = { enterBad: dice.between(0, 0.02), leaveBad: dice.between(0.1, 0.6), lossInBad: 0.9 };
  if (dice.chance(0.3)) out.reorder = dice.between(0, 0.2);
  if (dice.chance(0.3)) out.duplicate = dice.between(0, 0.2);
  if (dice.chance(0.3)) out.corrupt = dice.between(0, 0.1);
  return out;
}

function habits(dice: Dice): Habits & SocketHabits {
  const total = dice.chance(0.1) ? 0 : dice.scale(1, 300_000);
  const writeSize = dice.scale(1, 65_536);
  const readSize = dice.scale(100, 65_536);
  return {
    total,
    // No more than 3,000 calls for a stream, and no slower than a minute of rest for all of them.
    writeSize: Math.max(writeSize, Math.ceil(total / 3000)),
    writePause: dice.chance(0.3)
      ? Math.round(dice.between(0, Math.min(2000, (60_000 * writeSize) / Math.max(total, 1))))
      : 0,
    readSize: Math.max(readSize, 300),
    readPause: dice.chance(0.3)
      ? Math.round(dice.between(0, Math.min(10_000, (120_000 * readSize) / 300_000)))
      : 0,
    abortAt: Number.POSITIVE_INFINITY,
    lastToSpeak: false,
    sndbuf: dice.chance(0.2) ? dice.scale(2048, 200_000) : 0,
    rcvbuf: dice.chance(0.3) ? dice.scale(1024, 200_000) : 0,
    noDelay: dice.chance(0.4),
    corkEvery: dice.chance(0.2) ? dice.scale(1, 20) : 0,
  };
}

function linkEvents(dice: Dice): LinkEvent[] {
  const events: LinkEvent[] = [];
  if (dice.chance(0.2)) {
    const at = dice.scale(1, 5000);
    events.push({ at, what: { kind: 'cut' } }, { at: at + dice.scale(10, 30_000), what: { kind: 'splice' } });
  }
  if (dice.chance(0.1)) {
    let at = dice.scale(10, 3000);
    for (let flaps = dice.scale(2, 8); flaps > 0; flaps--) {
      events.push({ at, what: { kind: 'cut' } }, { at: at + dice.scale(1, 500), what: { kind: 'splice' } });
      at += 500 + dice.scale(10, 3000);
    }
  }
  if (dice.chance(0.2)) {
    const mtu = dice.pick([576, 800, 1000, 1280, 1400, 1492]);
    const at = dice.scale(1, 3000);
    events.push({ at, what: { kind: 'mtu', mtu, icmp: dice.chance(0.7) } });
    events.push({ at: at + dice.scale(1000, 30_000), what: { kind: 'mtu', mtu: 0, icmp: false } });
  }
  if (dice.chance(0.2)) {
    const side = dice.pick(['aToB', 'bToA'] as const);
    const changes = { delay: dice.scale(1, 500), rate: dice.scale(64_000, 100_000_000) };
    events.push({ at: dice.scale(1, 5000), what: { kind: 'impair', side, changes } });
  }
  return events.sort((left, right) => left.at - right.at);
}
