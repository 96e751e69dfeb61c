const NEWLINE = 0x0a;

export interface LineListener {
  /** A complete line, without its newline. */
  line(text: string): void;
  /** A line grew past the limit; nothing is read any more. */
  tooLong(): void;
}

/** Cuts a stream of bytes into lines of at most `limit` bytes; holds no more than one line and what came while paused. */
export class LineReader {
  readonly #limit: number;
  readonly #listener: LineListener;
  #pieces: Buffer[] = [];
  #held = 0;
  #paused = false;
  #stopped = false;
  #waiting: Buffer = Buffer.alloc(0);

  constructor(limit: number, listener: LineListener) {
    this.#limit = limit;
    this.#listener = listener;
  }

  push(chunk: Buffer): void {
    let from = 0;
    while (!this.#stopped && from < chunk.length) {
      if (this.#paused) {
        this.#waiting = Buffer.concat([this.#waiting, chunk.subarray(from)]);
        return;
      }
      const newline = chunk.indexOf(NEWLINE, from);
      const end = newline < 0 ? chunk.length : newline;
      this.#hold(chunk.subarray(from, end));
      if (this.#stopped || newline < 0) return;
      from = newline + 1;
      const text = Buffer.concat(this.#pieces, this.#held).toString('utf8');
      this.#pieces = [];
      this.#held = 0;
      this.#listener.line(text);
    }
  }

  /** Gives out no line until {@link resume}; whoever pauses also pauses the stream. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    const waiting = this.#waiting;
    this.#waiting = Buffer.alloc(0);
    this.push(waiting);
  }

  /** Reads nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#pieces = [];
    this.#held = 0;
    this.#waiting = Buffer.alloc(0);
  }

  #hold(piece: Buffer): void {
    if (piece.length === 0) return;
    if (this.#held + piece.length > this.#limit) {
      this.stop();
      this.#listener.tooLong();
      return;
    }
    this.#pieces.push(piece);
    this.#held += piece.length;
  }
}
