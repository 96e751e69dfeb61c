import { EEXIST, EINVAL, ELOOP, ENOENT } from '../../device/errno.ts';
import {
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLONESHOT,
  EPOLLWAKEUP,
  O_RDWR,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
} from './abi.ts';
import type { File } from './file.ts';
import { Waiter, WaitQueue } from './wait-queue.ts';

/** `data` is given back as it was given. */
export interface EpollEvent {
  events: number;
  data: number;
}

/** Bits of an item that are not events (Linux: `EP_PRIVATE_BITS`). */
const PRIVATE = EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE;
/** What may stand beside EPOLLEXCLUSIVE (Linux: `EPOLLEXCLUSIVE_OK_BITS`). */
const EXCLUSIVE_OK = POLLIN | POLLOUT | POLLERR | POLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;
/** Epolls that may stand in one another (Linux: `EP_MAX_NESTS`). */
const MOST_NESTED = 4;

/** A file that an epoll instance watches (Linux: `struct epitem`). */
class EpollItem extends Waiter {
  readonly epoll: Epoll;
  readonly fd: number;
  readonly file: File;
  events = 0;
  data = 0;
  ready = false;
  readyNext: EpollItem | null = null;
  readyPrevious: EpollItem | null = null;

  constructor(epoll: Epoll, fd: number, file: File) {
    super();
    this.epoll = epoll;
    this.fd = fd;
    this.file = file;
  }

  /** Linux: `ep_poll_callback`. */
  override wake(events: number): boolean {
    if ((this.events & ~PRIVATE) === 0 || (events !== 0 && (events & this.events) === 0)) return false;
    this.epoll.makeReady(this);
    return true;
  }

  override released(): void {
    this.epoll.forget(this);
  }
}

/** An epoll instance (Linux: `fs/eventpoll.c`). What costs is what is ready, not what is watched. */
export class Epoll implements File {
  readonly wait: WaitQueue = new WaitQueue();
  statusFlags: number = O_RDWR;
  readonly #items = new Map<number, EpollItem>();
  #firstReady: EpollItem | null = null;
  #lastReady: EpollItem | null = null;

  /** Files that it watches. */
  get size(): number {
    return this.#items.size;
  }

  control(operation: number, fd: number, file: File, event: Readonly<EpollEvent>): number {
    if (file === this) return -EINVAL;
    const item = this.#items.get(fd);
    switch (operation) {
      case EPOLL_CTL_ADD:
        return item === undefined ? this.#add(fd, file, event) : -EEXIST;
      case EPOLL_CTL_MOD:
        return item === undefined ? -ENOENT : this.#modify(item, event);
      case EPOLL_CTL_DEL:
        if (item === undefined) return -ENOENT;
        this.forget(item);
        return 0;
      default:
        return -EINVAL;
    }
  }

  /** Puts up to `most` events into `out`; how many (Linux: `ep_send_events`). */
  collect(out: EpollEvent[], most: number): number {
    if (most <= 0) return -EINVAL;
    const last = this.#lastReady;
    let count = 0;
    for (let item = this.#firstReady; item !== null && count < most; ) {
      const next: EpollItem | null = item === last ? null : item.readyNext;
      this.#unready(item);
      const revents = item.file.poll() & item.events;
      if (revents !== 0) {
        out.push({ events: revents, data: item.data });
        count++;
        if ((item.events & EPOLLONESHOT) !== 0) item.events &= PRIVATE;
        else if ((item.events & EPOLLET) === 0) this.#append(item);
      }
      item = next;
    }
    return count;
  }

  poll(): number {
    for (let item = this.#firstReady; item !== null; ) {
      if ((item.file.poll() & item.events & ~PRIVATE) !== 0) return POLLIN | POLLRDNORM;
      const next: EpollItem | null = item.readyNext;
      this.#unready(item);
      item = next;
    }
    return 0;
  }

  close(): void {
    for (const item of this.#items.values()) this.forget(item);
    this.wait.release();
  }

  /** Used by its items: something happened to one. */
  makeReady(item: EpollItem): void {
    this.#append(item);
    this.wait.wake(POLLIN | POLLRDNORM);
  }

  /** Used by its items: watches one no longer. */
  forget(item: EpollItem): void {
    item.queue?.remove(item);
    this.#unready(item);
    this.#items.delete(item.fd);
  }

  /** How deep epolls stand in this one; more than allowed when `looking` is among them (Linux: `ep_loop_check`). */
  depth(looking: Epoll): number {
    let deepest = 0;
    for (const { file } of this.#items.values()) {
      if (!(file instanceof Epoll)) continue;
      const depth = file === looking ? MOST_NESTED : file.depth(looking);
      deepest = Math.max(deepest, depth + 1);
      if (deepest > MOST_NESTED) break;
    }
    return deepest;
  }

  #add(fd: number, file: File, event: Readonly<EpollEvent>): number {
    const exclusive = (event.events & EPOLLEXCLUSIVE) !== 0;
    if (exclusive && ((event.events & ~EXCLUSIVE_OK) !== 0 || file instanceof Epoll)) return -EINVAL;
    if (file instanceof Epoll && file.depth(this) + 1 > MOST_NESTED) return -ELOOP;
    const item = new EpollItem(this, fd, file);
    item.exclusive = exclusive;
    item.events = event.events | POLLERR | POLLHUP;
    item.data = event.data;
    this.#items.set(fd, item);
    file.wait.add(item);
    this.#check(item);
    return 0;
  }

  #modify(item: EpollItem, event: Readonly<EpollEvent>): number {
    if (item.exclusive || (event.events & EPOLLEXCLUSIVE) !== 0) return -EINVAL;
    item.events = event.events | POLLERR | POLLHUP;
    item.data = event.data;
    this.#check(item);
    return 0;
  }

  #check(item: EpollItem): void {
    if ((item.file.poll() & item.events & ~PRIVATE) !== 0) this.makeReady(item);
  }

  #append(item: EpollItem): void {
    if (item.ready) return;
    item.ready = true;
    item.readyPrevious = this.#lastReady;
    if (this.#lastReady === null) this.#firstReady = item;
    else this.#lastReady.readyNext = item;
    this.#lastReady = item;
  }

  #unready(item: EpollItem): void {
    if (!item.ready) return;
    item.ready = false;
    if (item.readyPrevious === null) this.#firstReady = item.readyNext;
    else item.readyPrevious.readyNext = item.readyNext;
    if (item.readyNext === null) this.#lastReady = item.readyPrevious;
    else item.readyNext.readyPrevious = item.readyPrevious;
    item.readyNext = null;
    item.readyPrevious = null;
  }
}
