import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { GroupMessage } from './messages.ts';

/** The way from one member of a group to another. What is posted arrives once, in order, or never when the other ends. */
export interface Channel {
  /** `transfer`: buffers of the message that the sender gives away. */
  post(message: GroupMessage, transfer?: readonly ArrayBuffer[]): void;
  /** Sets who hears what the other posts, and that it is gone. Called once. */
  listen(hear: (message: GroupMessage) => void, gone: () => void): void;
  close(): void;
}

/** A channel between threads. It does not keep its thread alive. */
export class PortChannel implements Channel {
  readonly #port: MessagePort;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  post(message: GroupMessage, transfer: readonly ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  listen(hear: (message: GroupMessage) => void, gone: () => void): void {
    this.#port.on('message', hear);
    this.#port.once('close', gone);
    this.#port.unref();
  }

  close(): void {
    this.#port.close();
  }
}

/**
 * Ports that connect each of `count` threads with each other: row `i` is for thread `i`, which is to get it by `transferList`, and has the
 * port to thread `j` at `j`, null at `i`.
 */
export function connectThreads(count: number): (MessagePort | null)[][] {
  const rows = Array.from({ length: count }, () => new Array<MessagePort | null>(count).fill(null));
  for (let i = 0; i < count; i++)
    for (let j = i + 1; j < count; j++) {
      const { port1, port2 } = new MessageChannel();
      rows[i]![j] = port1;
      rows[j]![i] = port2;
    }
  return rows;
}
