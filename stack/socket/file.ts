import type { WaitQueue } from './wait-queue.ts';

/** What a file descriptor stands for: a socket, or an epoll instance. */
export interface File {
  readonly wait: WaitQueue;
  /** `O_RDWR`, `O_NONBLOCK`: what fcntl(F_GETFL) shows. */
  statusFlags: number;
  /** What is true of it now, as `POLL*` bits. */
  poll(): number;
  /** Ends it: the last descriptor is gone. */
  close(): void;
}
