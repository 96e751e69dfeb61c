import { EBADF, EMFILE } from '../../device/errno.ts';
import type { Knob } from '../sysctl/table.ts';
import type { File } from './file.ts';

/** The first descriptor that is given out: below it are a process's standard streams. */
const FIRST = 3;

/** File descriptors (Linux: `struct fdtable`): small numbers, the lowest free one first. */
export class FdTable {
  /** Descriptors up to this number (Linux: `RLIMIT_NOFILE`, at most `fs.nr_open`). */
  readonly limit: Knob;
  readonly #files: (File | null)[] = [null, null, null];
  readonly #closeOnExec = new Set<number>();
  /** No descriptor below this is free. */
  #free = FIRST;
  #open = 0;

  constructor(limit: Knob) {
    this.limit = limit;
  }

  /** Open descriptors. */
  get open(): number {
    return this.#open;
  }

  /** Whether {@link add} would find a number. */
  get hasRoom(): boolean {
    return this.#open + FIRST < this.limit.value;
  }

  /** Gives `file` the lowest free number; `-EMFILE` when there is none. */
  add(file: File): number {
    const files = this.#files;
    let fd = this.#free;
    while (fd < files.length && files[fd] !== null) fd++;
    if (fd >= this.limit.value) return -EMFILE;
    files[fd] = file;
    this.#free = fd + 1;
    this.#open++;
    return fd;
  }

  /** The file of a descriptor, null when it is not open. */
  get(fd: number): File | null {
    return this.#files[fd] ?? null;
  }

  /** Takes a descriptor away and returns its file, null when it was not open. */
  remove(fd: number): File | null {
    const file = this.get(fd);
    if (file === null) return null;
    this.#files[fd] = null;
    this.#closeOnExec.delete(fd);
    this.#free = Math.min(this.#free, fd);
    this.#open--;
    return file;
  }

  /** Notes the close-on-exec flag, which has no effect here but is shown. */
  setCloseOnExec(fd: number, on: boolean): number {
    if (this.get(fd) === null) return -EBADF;
    if (on) this.#closeOnExec.add(fd);
    else this.#closeOnExec.delete(fd);
    return 0;
  }

  closeOnExec(fd: number): boolean {
    return this.#closeOnExec.has(fd);
  }

  /** Open descriptors, lowest first. */
  numbers(): number[] {
    const out: number[] = [];
    for (let fd = 0; fd < this.#files.length; fd++) if (this.#files[fd] !== null) out.push(fd);
    return out;
  }
}
