import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from './abi.ts';
import type { File } from './file.ts';
import { WaitQueue } from './wait-queue.ts';

/** A file that is all in memory, opened for reading: what sendfile sends from. */
export class BytesFile implements File {
  readonly wait: WaitQueue = new WaitQueue();
  readonly bytes: Uint8Array;
  statusFlags = 0;
  /** Where the next read without a position of its own begins. */
  position = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** A file can always be read. */
  poll(): number {
    return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
  }

  /** Bytes read into `target`; 0 at the end. */
  read(target: Uint8Array): number {
    const part = this.bytes.subarray(this.position, this.position + target.length);
    target.set(part);
    this.position += part.length;
    return part.length;
  }

  close(): void {
    this.wait.release();
  }
}
