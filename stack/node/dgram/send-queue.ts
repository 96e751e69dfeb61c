import type { SocketAddress } from '../../socket/address.ts';

/** What Node's socket hands down with a datagram, and is told of it when it is gone. */
export interface SendRequest {
  readonly list: readonly Uint8Array[];
  readonly address: string | undefined;
  readonly port: number | undefined;
  readonly callback?: ((error: Error | null, bytes: number) => void) | undefined;
  /** `status`: 0 or a negated errno; `bytes`: that were sent. */
  oncomplete(status: number, bytes: number): void;
}

/** A datagram that waits for room in the socket's send buffer; `to` is null where the socket is connected. */
export interface QueuedSend {
  readonly request: SendRequest;
  readonly iov: readonly Uint8Array[];
  readonly to: SocketAddress | null;
  readonly bytes: number;
}

/** Datagrams that wait for room, first in, first out (libuv: `send_queue_size`, `send_queue_count`). */
export class SendQueue {
  #entries: QueuedSend[] = [];
  #bytes = 0;

  get count(): number {
    return this.#entries.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get first(): QueuedSend | undefined {
    return this.#entries[0];
  }

  push(entry: QueuedSend): void {
    this.#entries.push(entry);
    this.#bytes += entry.bytes;
  }

  shift(): void {
    this.#bytes -= this.#entries.shift()?.bytes ?? 0;
  }

  /** Empties it; what was in it. */
  takeAll(): readonly QueuedSend[] {
    const entries = this.#entries;
    this.#entries = [];
    this.#bytes = 0;
    return entries;
  }
}
