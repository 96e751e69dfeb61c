import { parseIpv4, parsePrefix } from '../../stack/wire/address.ts';

/** A command line that makes no sense: printed on stderr, exit status 1. */
export class UsageError extends Error {}

/** Reads a keyword's value from the words that follow it. */
export type ReadWord = (next: () => string, keyword: string) => unknown;

/**
 * The arguments of one command as iproute2 shapes them: `KEYWORD VALUE` pairs in any order, and bare words that fill
 * `bare`'s parameters in turn. Several keywords may name one parameter.
 */
export interface Grammar {
  readonly keywords: Readonly<Record<string, readonly [param: string, read: ReadWord]>>;
  readonly bare?: readonly (readonly [param: string, read: ReadWord])[];
}

export type Words = Record<string, unknown>;

/** Turns words into the parameters of a control method. */
export function readWords(grammar: Grammar, words: readonly string[]): Words {
  const found: Words = {};
  let bare = 0;
  let at = 0;
  const next = (): string => {
    const word = words[at++];
    if (word === undefined) throw new UsageError('Command line is not complete. Try option "--help"');
    return word;
  };
  while (at < words.length) {
    const word = next();
    const keyword = Object.hasOwn(grammar.keywords, word) ? grammar.keywords[word] : undefined;
    const place = keyword ?? grammar.bare?.[bare++];
    if (place === undefined) throw new UsageError(`Error: "${word}" is a garbage.`);
    const [param, read] = place;
    if (Object.hasOwn(found, param))
      throw new UsageError(`Error: duplicate "${param}": "${word}" is the second value.`);
    found[param] = keyword === undefined ? read(() => word, param) : read(next, word);
  }
  return found;
}

/** The word as it is. */
export const word: ReadWord = (next) => next();

/** A whole number, decimal or 0x. */
export const number: ReadWord = (next, keyword) => {
  const text = next();
  if (!/^-?(\d+|0x[0-9a-f]+)$/i.test(text)) throw wrongValue(text, keyword);
  return Number(text);
};

/** `on` or `off`. */
export const onOff: ReadWord = (next, keyword) => {
  const text = next();
  if (text !== 'on' && text !== 'off')
    throw new UsageError(`Error: argument of "${keyword}" must be "on" or "off", not "${text}"`);
  return text === 'on';
};

/** `NAME on`, or `on` alone for all; several names with commas between them: which are to be on and which off. */
export const switches: ReadWord = (next, keyword) => {
  const first = next();
  const alone = first === 'on' || first === 'off';
  const on = onOff(alone ? () => first : next, keyword);
  return Object.fromEntries((alone ? ['all'] : first.split(',')).map((name) => [name, on]));
};

/** A keyword that stands for its value by itself. */
export function constant(value: unknown): ReadWord {
  return () => value;
}

/** One word of a few, any case. */
export function choice(...words: readonly string[]): ReadWord {
  return (next, keyword) => {
    const text = next();
    const chosen = words.find((candidate) => candidate === text.toLowerCase());
    if (chosen === undefined) throw wrongValue(text, keyword);
    return chosen;
  };
}

export const address: ReadWord = (next) => {
  const text = next();
  if (Number.isNaN(parseIpv4(text)))
    throw new UsageError(`Error: any valid address is expected rather than "${text}".`);
  return text;
};

export const prefix: ReadWord = (next) => {
  const text = next();
  if (text !== 'default' && text !== 'any' && text !== 'all' && parsePrefix(text) === undefined)
    throw new UsageError(`Error: any valid prefix is expected rather than "${text}".`);
  return text === 'any' || text === 'all' ? 'default' : text;
};

/** Throws iproute2's complaint unless all of `params` are there. */
export function need(words: Words, ...params: readonly string[]): void {
  for (const param of params) {
    if (!Object.hasOwn(words, param))
      throw new UsageError(`Not enough information: "${param}" argument is required.`);
  }
}

function wrongValue(text: string, keyword: string): UsageError {
  return new UsageError(`Error: argument "${text}" is wrong: Invalid "${keyword}" value`);
}
