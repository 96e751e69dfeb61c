type Callback = (bytes: number, buffer: Uint8Array) => unknown;

/** The `onread` option: what is received goes into the user's own memory, and he is called with it. */
export class UserBuffer {
  readonly #source: (() => unknown) | null;
  readonly #callback: Callback;
  current: Uint8Array;

  private constructor(buffer: Uint8Array, source: (() => unknown) | null, callback: Callback) {
    this.current = buffer;
    this.#source = source;
    this.#callback = callback;
  }

  /** Reads the option; null when it is not one, which Node takes for none. `socket`: `this` of its callback. */
  static from(option: unknown, socket: unknown): UserBuffer | null {
    if (typeof option !== 'object' || option === null) return null;
    const { buffer, callback } = option as { buffer?: unknown; callback?: unknown };
    if (typeof callback !== 'function') return null;
    const call: Callback = (bytes, into) => callback.call(socket, bytes, into);
    if (buffer instanceof Uint8Array) return new UserBuffer(buffer, null, call);
    if (typeof buffer !== 'function') return null;
    const source = (): unknown => buffer.call(undefined);
    const first = source();
    return first instanceof Uint8Array ? new UserBuffer(first, source, call) : null;
  }

  /** `bytes` were received; whether more is wanted. */
  read(bytes: number, buffer: Uint8Array): boolean {
    const wanted = this.#callback(bytes, buffer) !== false;
    const next = this.#source?.();
    if (next instanceof Uint8Array) this.current = next;
    return wanted;
  }
}
