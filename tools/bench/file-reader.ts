import { read, write } from 'node:fs';

/**
 * A TAP driven as every npm module drives it: `fs.read` and `fs.write` on its descriptor, through libuv's thread pool. The
 * yardstick that batched native calls are measured beside.
 */
export class FileReader {
  readonly #fd: number;
  readonly #frame: Buffer = Buffer.alloc(2048);

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Reads one frame, which is there or comes soon; answers with a view that the next call overwrites. */
  async read(): Promise<Buffer> {
    for (;;) {
      const length = await this.#tryRead();
      if (length > 0) return this.#frame.subarray(0, length);
    }
  }

  write(frame: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      write(this.#fd, frame, 0, frame.length, null, (error) => (error ? reject(error) : resolve()));
    });
  }

  #tryRead(): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.#fd, this.#frame, 0, this.#frame.length, null, (error, length) => {
        if (error === null) resolve(length);
        else if (error.code === 'EAGAIN') resolve(0);
        else reject(error);
      });
    });
  }
}
