import { type Channel, channel } from 'node:diagnostics_channel';
import { EEXIST, ENOENT, EPERM } from '../errno.ts';

/** What a notifier block answers (Linux: `linux/notifier.h`). */
export const NOTIFY_DONE = 0x0000;
export const NOTIFY_OK = 0x0001;
/** Ends the walk. */
export const NOTIFY_STOP_MASK = 0x8000;
/** Veto: ends the walk, an error of `-EPERM`. */
export const NOTIFY_BAD: number = NOTIFY_STOP_MASK | 0x0002;
/** Ends the walk without an error. */
export const NOTIFY_STOP: number = NOTIFY_STOP_MASK | NOTIFY_OK;

/** The answer that carries `-errno` (Linux: `notifier_from_errno`); 0 gives `NOTIFY_OK`. */
export function notifierFromErrno(errno: number): number {
  return errno === 0 ? NOTIFY_OK : NOTIFY_STOP_MASK | (NOTIFY_OK - errno);
}

/** The `-errno` in an answer, or 0 (Linux: `notifier_to_errno`). */
export function notifierToErrno(result: number): number {
  const value = result & ~NOTIFY_STOP_MASK;
  return value > NOTIFY_OK ? NOTIFY_OK - value : 0;
}

/**
 * A listener on a chain. It runs synchronously inside the operation that raised the event, under RTNL: it may call back
 * into the stack (events nest depth first), but never blocks, and a Promise as an answer is an error. No answer means
 * `NOTIFY_DONE`.
 */
export interface NotifierBlock<Info> {
  /** Higher ones run first; 0 when left out. Equal ones run in order of registration. */
  readonly priority?: number;
  notify(event: number, info: Info): number | void;
}

/** What a chain tells when a block misbehaves. */
export type NotifierFault = (message: string, cause: unknown) => void;

/** A message of a chain's diagnostics channel. */
export interface NotifierMessage<Info> {
  readonly event: number;
  readonly info: Info;
}

/** Deeper nesting than this is a circle of blocks that raise each other's events. */
const DEEPEST = 32;

/** A chain of notifier blocks (Linux: `raw_notifier_head`). */
export class NotifierChain<Info> {
  /** Compat: let a block that was removed during a walk, after it had been fetched as next, run once more, as Linux does. */
  runRemovedSuccessor = false;
  #blocks: readonly NotifierBlock<Info>[] = [];
  #depth = 0;
  readonly #fault: NotifierFault;

  readonly #channel: Channel | null;

  /**
   * `fault` hears of blocks that throw, return a Promise, or nest too deep. `channelName`: the diagnostics channel whose
   * subscribers are told of each event before the blocks are.
   */
  constructor(fault: NotifierFault = () => {}, channelName?: string) {
    this.#fault = fault;
    this.#channel = channelName === undefined ? null : channel(channelName);
  }

  /** The registered blocks, in the order in which they run. */
  get blocks(): readonly NotifierBlock<Info>[] {
    return this.#blocks;
  }

  /** Adds a block; `-EEXIST` when it is there already. */
  register(block: NotifierBlock<Info>): number {
    if (this.#blocks.includes(block)) return -EEXIST;
    const priority = block.priority ?? 0;
    const at = this.#blocks.findIndex((other) => (other.priority ?? 0) < priority);
    this.#blocks = at < 0 ? [...this.#blocks, block] : this.#blocks.toSpliced(at, 0, block);
    return 0;
  }

  /** Removes a block; `-ENOENT` when it is not there. */
  unregister(block: NotifierBlock<Info>): number {
    if (!this.#blocks.includes(block)) return -ENOENT;
    this.#blocks = this.#blocks.filter((other) => other !== block);
    return 0;
  }

  /**
   * Calls the blocks in order until one stops the walk; returns the last called block's answer (Linux: `notifier_call_chain`).
   * A block registered during the walk is not called; one removed during the walk is not called either.
   */
  call(event: number, info: Info): number {
    return this.#walk(event, info, this.#blocks);
  }

  /**
   * Calls with `up`; when block n stops it, the n-1 blocks before it are called with `down`, and the answer of block n is
   * returned (Linux: `notifier_call_chain_robust`).
   */
  callRobust(up: number, down: number, info: Info): number {
    const blocks = this.#blocks;
    const called: NotifierBlock<Info>[] = [];
    const result = this.#walk(up, info, blocks, called);
    if ((result & NOTIFY_STOP_MASK) !== 0) this.#walk(down, info, called.slice(0, -1));
    return result;
  }

  /** Calls one block, with the same guards as a walk: for replay at registration. */
  callOne(block: NotifierBlock<Info>, event: number, info: Info): number {
    let result: unknown;
    if (this.#depth >= DEEPEST) {
      this.#fault(`notifier chain nested ${DEEPEST} deep`, undefined);
      return notifierFromErrno(-EPERM);
    }
    this.#depth++;
    try {
      result = block.notify(event, info);
    } catch (cause) {
      this.#fault('a notifier block threw', cause);
      return NOTIFY_BAD;
    } finally {
      this.#depth--;
    }
    if (result === undefined) return NOTIFY_DONE;
    if (typeof result === 'number') return result;
    this.#fault('a notifier block must answer with a number at once; a Promise is no answer', result);
    return NOTIFY_BAD;
  }

  #walk(
    event: number,
    info: Info,
    blocks: readonly NotifierBlock<Info>[],
    called?: NotifierBlock<Info>[],
  ): number {
    if (this.#channel?.hasSubscribers) this.#channel.publish({ event, info } satisfies NotifierMessage<Info>);
    let result = NOTIFY_DONE;
    let fetched: NotifierBlock<Info> | undefined;
    for (let i = 0; i < blocks.length; i++) {
      const block = blocks[i]!;
      const present = this.#blocks.includes(block) || (this.runRemovedSuccessor && block === fetched);
      if (!present) continue;
      called?.push(block);
      fetched = this.runRemovedSuccessor
        ? blocks.slice(i + 1).find((next) => this.#blocks.includes(next))
        : undefined;
      result = this.callOne(block, event, info);
      if ((result & NOTIFY_STOP_MASK) !== 0) break;
    }
    return result;
  }
}
