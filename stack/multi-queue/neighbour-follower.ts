import { check } from '../../device/errno.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { IpContext } from '../ip/context.ts';
import { type Neighbour, NO_ADDRESS } from '../neighbour/neighbour.ts';
import {
  NEIGH_UPDATE_F_ADMIN,
  NEIGH_UPDATE_F_OVERRIDE,
  NUD_CONNECTED,
  NUD_FAILED,
  NUD_INCOMPLETE,
  NUD_NONE,
  NUD_PERMANENT,
  NUD_PROBE,
} from '../neighbour/nud.ts';
import type { NeighbourNews, NeighbourQuestion } from './messages.ts';

/** As many questions as the owner sends requests, one a second. */
const SETTINGS = { app_solicit: 3, ucast_solicit: 0, mcast_solicit: 0, mcast_resolicit: 0 } as const;

/**
 * A member that speaks no ARP: where its neighbour machine would send a request, it asks the owner, as Linux asks a program with
 * `app_solicit`; what the owner tells is what it learns.
 */
export class NeighbourFollower {
  /** Questions to the owner, and news from it. */
  questions = 0;
  news = 0;
  readonly #context: IpContext;
  readonly #dev: NetDevice;
  readonly #ask: (question: NeighbourQuestion) => void;
  /** Settings of the device as they were, null: it does not follow. */
  #before: Map<string, number> | null = null;
  #solicitBefore: ((entry: Neighbour) => void) | null = null;

  /** `ask` sends a question to whoever is the owner. */
  constructor(context: IpContext, dev: NetDevice, ask: (question: NeighbourQuestion) => void) {
    this.#context = context;
    this.#dev = dev;
    this.#ask = ask;
  }

  start(): void {
    if (this.#before !== null) return;
    const { ops, table } = this.#context.arp;
    const { knobs } = table.parms(this.#dev);
    this.#before = new Map();
    for (const [name, value] of Object.entries(SETTINGS)) {
      const knob = knobs[name as keyof typeof SETTINGS];
      this.#before.set(knob.name, knob.value);
      check(this.#context.sysctl.set(knob.name, value), knob.name);
    }
    this.#solicitBefore = ops.appSolicit;
    ops.appSolicit = (entry) => this.#solicit(entry);
  }

  /** Speaks ARP itself again. */
  stop(): void {
    if (this.#before === null) return;
    for (const [name, value] of this.#before) this.#context.sysctl.set(name, value);
    this.#before = null;
    this.#context.arp.ops.appSolicit = this.#solicitBefore;
  }

  /** Takes what the owner tells. What was heard here since, from the neighbour itself, counts for more than that it fails. */
  take({ key, mac, state }: NeighbourNews): void {
    this.news++;
    const { table } = this.#context.arp;
    const known = table.lookup(this.#dev, key);
    if (state === NUD_NONE) {
      if (known !== null && known.state !== NUD_INCOMPLETE) table.remove(known);
    } else if (state === NUD_FAILED) {
      if (known !== null && (known.state & NUD_CONNECTED) === 0) known.update(NO_ADDRESS, NUD_FAILED, 0);
    } else {
      const entry = known ?? table.create(this.#dev, key, false);
      if (typeof entry === 'number') return;
      const admin = entry.state === NUD_PERMANENT ? NEIGH_UPDATE_F_ADMIN : 0;
      entry.update(mac, state, NEIGH_UPDATE_F_OVERRIDE | admin);
    }
  }

  #solicit(entry: Neighbour): void {
    if (entry.dev !== this.#dev) {
      this.#solicitBefore?.(entry);
      return;
    }
    this.questions++;
    this.#ask({ kind: 'question', key: entry.key, probe: entry.state === NUD_PROBE });
  }
}
