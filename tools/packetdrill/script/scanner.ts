import { Unsupported } from './script.ts';

const BLANK = /(?:\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y;

/** Reads a script's text from front to back, skipping blanks and comments between words. */
export class Scanner {
  readonly text: string;
  #at = 0;

  constructor(text: string) {
    this.text = text;
    this.skipBlank();
  }

  get position(): number {
    return this.#at;
  }

  get atEnd(): boolean {
    return this.#at >= this.text.length;
  }

  /** The line of a position, from 1. */
  line(position: number = this.#at): number {
    let line = 1;
    for (let at = this.text.indexOf('\n'); at >= 0 && at < position; at = this.text.indexOf('\n', at + 1))
      line++;
    return line;
  }

  /** Takes what the sticky pattern matches here, with the blanks behind it; undefined when it does not match. */
  match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.text);
    if (found === null) return undefined;
    this.#at += found[0].length;
    this.skipBlank();
    return found;
  }

  /** Whether the sticky pattern matches here; takes nothing. */
  sees(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    return pattern.test(this.text);
  }

  /** Takes `literal` when it stands here. */
  take(literal: string): boolean {
    if (!this.text.startsWith(literal, this.#at)) return false;
    this.#at += literal.length;
    this.skipBlank();
    return true;
  }

  need(literal: string): void {
    if (!this.take(literal)) throw this.unexpected(`"${literal}"`);
  }

  needMatch(pattern: RegExp, what: string): RegExpExecArray {
    const found = this.match(pattern);
    if (found === undefined) throw this.unexpected(what);
    return found;
  }

  /** Goes back to a position taken before. */
  rewind(position: number): void {
    this.#at = position;
  }

  /** The text from `start` to here on one line, without comments. */
  since(start: number): string {
    return this.text
      .slice(start, this.#at)
      .replaceAll(/\/\/[^\n]*|\/\*[\s\S]*?\*\//g, ' ')
      .replaceAll(/\s+/g, ' ')
      .trim();
  }

  unexpected(wanted: string): Unsupported {
    const rest = this.text.slice(this.#at).split('\n', 1)[0]!.trim();
    return new Unsupported(this.line(), `expected ${wanted}, found ${rest === '' ? 'the end' : `"${rest}"`}`);
  }

  skipBlank(): void {
    BLANK.lastIndex = this.#at;
    const found = BLANK.exec(this.text);
    if (found !== null) this.#at += found[0].length;
  }
}

const LEXEME =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\]|\\.)*"|`[^`]*`|%\{[\s\S]*?\}%|--\w[^\s]*|[A-Za-z_]\w*/g;

/**
 * Puts in the definitions of the command line: every word of the script that is defined is replaced, not so in comments,
 * strings, shell commands and code. A definition is a number, a word, a `"string"` or a `` `command` ``.
 */
export function substitute(text: string, definitions: ReadonlyMap<string, string>): string {
  return text.replaceAll(LEXEME, (lexeme) => definitions.get(lexeme) ?? lexeme);
}
