import { domainToASCII } from 'node:url';
import type { Entropy } from '../../../device/random.ts';

/** The types of records that are asked for by name. */
export type QuestionType =
  | 'A'
  | 'AAAA'
  | 'ANY'
  | 'CAA'
  | 'CNAME'
  | 'MX'
  | 'NAPTR'
  | 'NS'
  | 'PTR'
  | 'SOA'
  | 'SRV'
  | 'TXT';

/** What is asked; the name without a dot at its end. */
export interface Question {
  readonly name: string;
  readonly type: QuestionType;
}

/** Longest name in text, and longest part of one (RFC 1035, section 2.3.4). */
const NAME_MOST = 253;
const LABEL_MOST = 63;
const CASE_BIT = 0x20;

/** A name as it goes on the wire: in ASCII (RFC 5891), without the dot at its end; undefined: it can't be a name. */
export function wireName(name: string): string | undefined {
  const bare = name.replace(/\.$/, '');
  const ascii = isAscii(bare) ? bare : domainToASCII(bare);
  if (ascii === '') return bare === '' ? '' : undefined;
  const labels = ascii.split('.');
  const fits = labels.every((label) => label.length > 0 && label.length <= LABEL_MOST);
  return fits && ascii.length <= NAME_MOST ? ascii : undefined;
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}

/** Under which an answer is kept: names differ in more than case. */
export function keyOf({ name, type }: Question): string {
  return `${type} ${name.toLowerCase()}`;
}

/** The name with each letter's case left to chance, which an answer must repeat (draft-vixie-dnsext-dns0x20). */
export function randomCase(name: string, entropy: Entropy): string {
  let bits = 0;
  let left = 0;
  let out = '';
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    const letter = code | CASE_BIT;
    if (letter < 0x61 || letter > 0x7a) {
      out += name[i];
      continue;
    }
    if (left-- === 0) {
      bits = entropy.u32();
      left = 31;
    }
    out += String.fromCharCode(bits & 1 ? letter : letter & ~CASE_BIT);
    bits >>>= 1;
  }
  return out;
}
