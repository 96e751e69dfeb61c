/** Hears when it is the only one that refers to a page. */
export interface PageWatcher {
  onIdle: (() => void) | null;
}

/**
 * Send pages: parts of the region that hold an application's bytes from the moment they are copied in until the last packet
 * that points at them is gone. A page is counted: its socket holds one reference, each packet in flight another.
 */
export class PagePool {
  static readonly PAGE = 65536;

  /** Number of pages. */
  readonly count: number;
  /** Requests that found no free page. */
  exhausted = 0;
  readonly #base: number;
  readonly #references: Int32Array;
  readonly #free: Int32Array;
  #left: number;
  /** Buffers of applications, by page, that hear when only they refer to it. */
  readonly #watchers: (PageWatcher | null)[];

  /** `base`: offset of the first page in the region. */
  constructor(base: number, count: number) {
    this.#base = base;
    this.count = count;
    this.#references = new Int32Array(count);
    this.#free = new Int32Array(count);
    this.#left = count;
    this.#watchers = new Array<PageWatcher | null>(count).fill(null);
    for (let page = 0; page < count; page++) this.#free[count - 1 - page] = page;
  }

  /** A page with one reference, or -1 when none is free. */
  alloc(): number {
    if (this.#left === 0) {
      this.exhausted++;
      return -1;
    }
    const page = this.#free[--this.#left]!;
    this.#references[page] = 1;
    return page;
  }

  /** Offset of a page's first byte in the region. */
  offset(page: number): number {
    return this.#base + page * PagePool.PAGE;
  }

  retain(page: number): void {
    this.#references[page]!++;
  }

  /** Gives up one reference; throws on a page that has none. */
  release(page: number): void {
    const references = this.#references[page]! - 1;
    if (!(references >= 0)) throw new Error(`send page ${page} released twice`);
    this.#references[page] = references;
    if (references === 0) this.#free[this.#left++] = page;
    else if (references === 1) this.#watchers[page]?.onIdle?.();
  }

  /** How many refer to a page. */
  references(page: number): number {
    return this.#references[page]!;
  }

  /** Says who hears when one reference to `page` is left. */
  watch(page: number, watcher: PageWatcher | null): void {
    this.#watchers[page] = watcher;
  }

  get free(): number {
    return this.#left;
  }
}
