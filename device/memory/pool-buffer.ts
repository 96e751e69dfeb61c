import type { PagePool, PageWatcher } from './pages.ts';

/**
 * A page of the pool in the hands of an application, which fills it and has it sent as it is, without a copy. It may be changed
 * again when it is `idle`: then no connection needs its bytes any more, and no packet points at them.
 */
export class PoolBuffer implements PageWatcher {
  /** The page's bytes, as many as were asked for. */
  readonly bytes: Uint8Array;
  readonly page: number;
  /** Called each time that it becomes idle; it must only note that, and schedule work. */
  onIdle: (() => void) | null = null;
  readonly #pages: PagePool;
  #released = false;

  /** Takes over the caller's reference to `page` of `pages`, which lie in `u8`; `length`: bytes of it that are used. */
  constructor(pages: PagePool, page: number, u8: Uint8Array, length: number) {
    const offset = pages.offset(page);
    this.bytes = u8.subarray(offset, offset + length);
    this.page = page;
    this.#pages = pages;
    pages.watch(page, this);
  }

  /** Nobody but the application refers to it. */
  get idle(): boolean {
    return !this.#released && this.#pages.references(this.page) === 1;
  }

  get released(): boolean {
    return this.#released;
  }

  /** Gives the page back, which goes to the pool when it is no longer needed. Its bytes are not the application's any more. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#pages.watch(this.page, null);
    this.#pages.release(this.page);
  }
}
