import { closeSync, openSync, writeSync } from 'node:fs';

/** Bytes that are collected before they are written. */
const BATCH = 256 * 1024;
/** Milliseconds that bytes wait at most. */
const FLUSH_MS = 200;

/** A capture file: written in batches, never holding more than one. A write that fails ends the capture, not the stack. */
export class CaptureFile {
  readonly path: string;
  #fd: number;
  #chunks: Uint8Array[] = [];
  #held = 0;
  #timer: NodeJS.Timeout | null = null;
  readonly #onError: (error: Error) => void;

  /** Opens (and empties) the file; throws when that fails. `onError` hears of the write that failed. */
  constructor(path: string, onError: (error: Error) => void) {
    this.path = path;
    this.#fd = openSync(path, 'w', 0o600);
    this.#onError = onError;
  }

  readonly sink = (bytes: Uint8Array): void => {
    if (this.#fd < 0) return;
    this.#chunks.push(bytes);
    this.#held += bytes.length;
    if (this.#held >= BATCH) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  };

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#fd < 0 || this.#held === 0) return;
    const batch = Buffer.concat(this.#chunks, this.#held);
    this.#chunks = [];
    this.#held = 0;
    try {
      for (let at = 0; at < batch.length; ) at += writeSync(this.#fd, batch, at);
    } catch (cause) {
      this.close();
      this.#onError(cause as Error);
    }
  }

  close(): void {
    this.flush();
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    closeSync(fd);
  }
}
