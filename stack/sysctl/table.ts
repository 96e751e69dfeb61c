import { EACCES, EINVAL, ENOENT } from '../../device/errno.ts';

export interface KnobRange {
  min?: number;
  max?: number;
}

/** One setting that is a number: its owner reads `value` directly, users go through the table. */
export class Knob {
  readonly name: string;
  readonly initial: number;
  readonly min: number;
  readonly max: number;
  /** What it is set to now, in the unit that Linux documents for the name. */
  value: number;
  /** Called after each change through the table. */
  onChange: (() => void) | null = null;

  constructor(name: string, initial: number, range: KnobRange = {}) {
    this.name = name;
    this.initial = initial;
    this.value = initial;
    this.min = range.min ?? 0;
    this.max = range.max ?? 0x7fffffff;
  }
}

/** A setting whose text is not one plain number, or that only shows something. */
export interface TextSetting {
  get(): string;
  /** 0 or a negated errno; absent: read only. */
  set?(text: string): number;
}

/**
 * The stack's settings under the names that Linux gives them, with dots: `net.ipv4.conf.tap0.arp_notify`. Every value that
 * comes in is checked against its range.
 */
export class SysctlTable {
  /** Grows with every change of a setting. */
  changes = 0;
  readonly #knobs = new Map<string, Knob>();
  readonly #texts = new Map<string, TextSetting>();

  /** Adds a number and returns it for its owner to read. */
  add(name: string, initial: number, range: KnobRange = {}): Knob {
    const knob = new Knob(name, initial, range);
    this.addKnob(knob);
    return knob;
  }

  addKnob(knob: Knob): void {
    if (this.has(knob.name)) throw new Error(`sysctl ${knob.name} is declared twice`);
    this.#knobs.set(knob.name, knob);
  }

  addText(name: string, setting: TextSetting): void {
    if (this.has(name)) throw new Error(`sysctl ${name} is declared twice`);
    this.#texts.set(name, setting);
  }

  /**
   * Removes all names that are `prefix` and one more word: the settings of a device that is gone. Those of `eth0` do not
   * take `eth0.10`'s with them.
   */
  removePrefix(prefix: string): void {
    for (const name of this.#knobs.keys()) if (isIn(name, prefix)) this.#knobs.delete(name);
    for (const name of this.#texts.keys()) if (isIn(name, prefix)) this.#texts.delete(name);
  }

  has(name: string): boolean {
    return this.#knobs.has(name) || this.#texts.has(name);
  }

  /** The text of a setting, as `sysctl -n` prints it; undefined for an unknown name. */
  get(name: string): string | undefined {
    const knob = this.#knobs.get(name);
    return knob === undefined ? this.#texts.get(name)?.get() : String(knob.value);
  }

  /** Sets by name: `-ENOENT` unknown, `-EACCES` read only, `-EINVAL` no number or out of range. */
  set(name: string, value: string | number): number {
    const knob = this.#knobs.get(name);
    if (knob === undefined) {
      const text = this.#texts.get(name);
      if (text === undefined) return -ENOENT;
      this.changes++;
      return text.set?.(String(value)) ?? -EACCES;
    }
    const trimmed = String(value).trim();
    if (!/^-?\d+$/.test(trimmed)) return -EINVAL;
    const number = Number(trimmed);
    if (number < knob.min || number > knob.max) return -EINVAL;
    knob.value = number;
    knob.onChange?.();
    this.changes++;
    return 0;
  }

  /** All names with the given prefix, sorted. */
  names(prefix = ''): string[] {
    return [...this.#knobs.keys(), ...this.#texts.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  /** Settings that differ from their defaults, for a snapshot. */
  changed(): Record<string, number> {
    const out: Record<string, number> = {};
    for (const [name, knob] of this.#knobs) if (knob.value !== knob.initial) out[name] = knob.value;
    return out;
  }
}

function isIn(name: string, prefix: string): boolean {
  return name.startsWith(prefix) && !name.includes('.', prefix.length);
}
