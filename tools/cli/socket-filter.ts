import type { SocketView } from '../control/view/socket.ts';
import { UsageError } from './words.ts';

/** Whether a socket is wanted. */
type SocketFilter = (socket: SocketView) => boolean;

const TOKEN = /\(|\)|[!<>]=|==|&&|\|\||[=<>!&|]|[^\s()=!<>&|]+/g;

const COMPARISONS: Readonly<Record<string, (one: number, other: number) => boolean>> = {
  '=': (one, other) => one === other,
  '==': (one, other) => one === other,
  '!=': (one, other) => one !== other,
  '<': (one, other) => one < other,
  '>': (one, other) => one > other,
  '<=': (one, other) => one <= other,
  '>=': (one, other) => one >= other,
};

const FIELDS: Readonly<Record<string, (socket: SocketView) => number>> = {
  sport: ({ localPort }) => localPort,
  dport: ({ peerPort }) => peerPort,
};

const HIGHEST_PORT = 65535;

/** Reads an expression of `ss` over ports: `( sport = :22 or dport >= :1024 )`; none: every socket. Throws a {@link UsageError}. */
export function socketFilter(text: string): SocketFilter {
  const tokens = text.match(TOKEN) ?? [];
  if (tokens.length === 0) return () => true;
  const parser = new FilterParser(tokens);
  return parser.whole();
}

/** By recursive descent; `not` binds more than `and`, which binds more than `or`. */
class FilterParser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  whole(): SocketFilter {
    const filter = this.#or();
    const left = this.#tokens[this.#at];
    if (left !== undefined) throw new UsageError(`Error: "${left}" is a garbage.`);
    return filter;
  }

  #or(): SocketFilter {
    let filter = this.#and();
    while (this.#take('or', '|', '||')) {
      const one = filter;
      const other = this.#and();
      filter = (socket) => one(socket) || other(socket);
    }
    return filter;
  }

  #and(): SocketFilter {
    let filter = this.#not();
    while (this.#take('and', '&', '&&')) {
      const one = filter;
      const other = this.#not();
      filter = (socket) => one(socket) && other(socket);
    }
    return filter;
  }

  #not(): SocketFilter {
    let negated = false;
    while (this.#take('not', '!')) negated = !negated;
    const filter = this.#take('(') ? this.#group() : this.#comparison();
    return negated ? (socket) => !filter(socket) : filter;
  }

  #group(): SocketFilter {
    const filter = this.#or();
    if (!this.#take(')')) throw new UsageError('Error: ")" is missing.');
    return filter;
  }

  #comparison(): SocketFilter {
    const read = lookup(FIELDS, this.#next());
    const compare = lookup(COMPARISONS, this.#next());
    const word = this.#next();
    const port = /^:?\d{1,5}$/.test(word) ? Number(word.replace(':', '')) : Number.NaN;
    if (!(port <= HIGHEST_PORT)) throw new UsageError(`Error: "${word}" is no port.`);
    return (socket) => compare(read(socket), port);
  }

  #take(...words: readonly string[]): boolean {
    if (!words.includes(this.#tokens[this.#at] ?? '')) return false;
    this.#at++;
    return true;
  }

  #next(): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new UsageError('Command line is not complete. Try option "--help"');
    return token;
  }
}

function lookup<T>(table: Readonly<Record<string, T>>, word: string): T {
  const found = Object.hasOwn(table, word) ? table[word] : undefined;
  if (found === undefined) throw new UsageError(`Error: "${word}" is a garbage.`);
  return found;
}
