import type { NetDevice } from './netdevice.ts';
import type { NotifierFault } from './notifier.ts';

/** Kinds of message, named as in `linux/rtnetlink.h`. */
export type RtType =
  | 'RTM_NEWLINK'
  | 'RTM_DELLINK'
  | 'RTM_NEWADDR'
  | 'RTM_DELADDR'
  | 'RTM_NEWROUTE'
  | 'RTM_DELROUTE'
  | 'RTM_NEWNEIGH'
  | 'RTM_DELNEIGH';

/** One message: what happened to what. Addresses, routes and neighbours come in `subject`, as their floor defines them. */
export interface RtMessage {
  readonly type: RtType;
  readonly dev: NetDevice | null;
  readonly subject: unknown;
}

export type RtListener = (message: RtMessage) => void;

/**
 * A namespace's event bus, in place of netlink: typed, synchronous, in netlink's order relative to the notifier chains.
 * Listeners only look; one that throws is reported and disturbs nobody.
 */
export class RtBus {
  #listeners: readonly RtListener[] = [];
  readonly #fault: NotifierFault;

  constructor(fault: NotifierFault) {
    this.#fault = fault;
  }

  /** Adds a listener; returns the function that removes it. */
  subscribe(listener: RtListener): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  send(type: RtType, dev: NetDevice | null, subject: unknown = dev): void {
    const message: RtMessage = { type, dev, subject };
    for (const listener of this.#listeners) {
      try {
        listener(message);
      } catch (cause) {
        this.#fault(`a listener to ${type} threw`, cause);
      }
    }
  }
}
