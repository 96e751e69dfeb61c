import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { NotifierBlock } from '../../device/netdevice/notifier.ts';
import type { IpContext } from '../ip/context.ts';
import { Neighbour, NO_ADDRESS } from '../neighbour/neighbour.ts';
import { NETEVENT_NEIGH_UPDATE } from '../neighbour/netevent.ts';
import {
  NUD_CONNECTED,
  NUD_DELAY,
  NUD_FAILED,
  NUD_NONE,
  NUD_PERMANENT,
  NUD_PROBE,
  NUD_REACHABLE,
  NUD_STALE,
  NUD_VALID,
} from '../neighbour/nud.ts';
import type { NeighbourNews, NeighbourQuestion } from './messages.ts';

/** The member that speaks ARP for all of a group: it tells the others what it learns, and resolves what they ask for. */
export class NeighbourOwner {
  /** Changes that the others were told of, and questions of theirs. */
  published = 0;
  questions = 0;
  readonly #context: IpContext;
  readonly #dev: NetDevice;
  readonly #tellAll: (news: NeighbourNews) => void;
  readonly #block: NotifierBlock<unknown> = { notify: (event, info) => this.#onEvent(event, info) };

  /** `tellAll` sends news to every other member. */
  constructor(context: IpContext, dev: NetDevice, tellAll: (news: NeighbourNews) => void) {
    this.#context = context;
    this.#dev = dev;
    this.#tellAll = tellAll;
  }

  /** Tells the others of all that is known, and from now on of what changes. */
  start(): void {
    this.#context.neteventChain.register(this.#block);
    for (const entry of this.#context.arp.table.entries()) this.#publish(entry);
  }

  stop(): void {
    this.#context.neteventChain.unregister(this.#block);
  }

  /** Answers through `tell` when the address is known, else resolves it, of which all will hear. */
  answer({ key, probe }: NeighbourQuestion, tell: (news: NeighbourNews) => void): void {
    this.questions++;
    const { table } = this.#context.arp;
    const entry = table.lookup(this.#dev, key) ?? table.create(this.#dev, key, false);
    if (typeof entry === 'number') return;
    const known = (entry.state & NUD_VALID) !== 0;
    if (probe && (entry.state & (NUD_STALE | NUD_DELAY)) !== 0) entry.update(NO_ADDRESS, NUD_PROBE, 0);
    else if (!known) entry.use();
    const news = probe && (entry.state & NUD_CONNECTED) === 0 ? null : newsOf(entry);
    if (known && news !== null) tell(news);
  }

  #onEvent(event: number, info: unknown): void {
    if (event === NETEVENT_NEIGH_UPDATE && info instanceof Neighbour) this.#publish(info);
  }

  #publish(entry: Neighbour): void {
    if (entry.dev !== this.#dev) return;
    const news = newsOf(entry);
    if (news === null) return;
    this.published++;
    this.#tellAll(news);
  }
}

/** What others are told of an entry; null: nothing. */
function newsOf(entry: Neighbour): NeighbourNews | null {
  const state = publicState(entry);
  return state < 0 ? null : { kind: 'neighbour', key: entry.key, mac: entry.mac, state };
}

/** An address that is being asked for, or follows from the protocol address, is no news: -1. */
function publicState({ dead, state }: Neighbour): number {
  if (dead) return NUD_NONE;
  if (state === NUD_PERMANENT || state === NUD_REACHABLE || state === NUD_FAILED) return state;
  return (state & (NUD_STALE | NUD_DELAY | NUD_PROBE)) !== 0 ? NUD_STALE : -1;
}
