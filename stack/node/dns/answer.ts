import { BADRESP, FORMERR, NODATA, NOTFOUND, NOTIMP, REFUSED, SERVFAIL } from './codes.ts';
import type { Response, WireRecord } from './message.ts';
import type { QuestionType } from './question.ts';

/** What is known of a question: records, or why there are none. */
export interface Answer {
  /** undefined: there are records. */
  readonly code: string | undefined;
  readonly records: readonly WireRecord[];
  /** Seconds for which it is good; 0: for this once. */
  readonly ttl: number;
}

/** An answer, or the name that the question goes on with, with the lifetime of the way there. */
export type Reading = Answer | { readonly goesOnWith: string; readonly ttl: number };

/** Aliases that are followed from one name. */
export const ALIASES_MOST = 16;

/** What a server says of itself rather than of the name: another one may do better. */
export const SERVERS_FAULT: ReadonlyMap<string, string> = new Map([
  ['SERVFAIL', SERVFAIL],
  ['NOTIMP', NOTIMP],
  ['REFUSED', REFUSED],
  ['FORMERR', FORMERR],
]);

/** An answer that says only why there is none, and is not kept. */
export function failure(code: string): Answer {
  return { code, records: [], ttl: 0 };
}

/**
 * Reads what a server says of `name`: follows aliases to records of the type (RFC 1034, section 3.6.2); one that the answer does not lead
 * on from is to be asked for. For negative answers the lifetime is the SOA's (RFC 2308, sections 3 and 5).
 */
export function readAnswer(response: Response, name: string, type: QuestionType): Reading {
  const { rcode, answers } = response;
  if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') return failure(SERVERS_FAULT.get(rcode) ?? BADRESP);
  if (type === 'ANY') {
    const records = answers.filter((record) => sameName(record.name, name));
    return records.length > 0 ? { code: undefined, records, ttl: leastTtl(records) } : negative(response);
  }
  let here = name;
  let ttl = Number.POSITIVE_INFINITY;
  for (let aliases = 0; aliases <= ALIASES_MOST; aliases++) {
    const records = answers.filter((record) => record.type === type && sameName(record.name, here));
    if (records.length > 0) {
      const least = Math.min(ttl, leastTtl(records));
      return { code: undefined, records: records.map((record) => ({ ...record, ttl: least })), ttl: least };
    }
    const alias = answers.find((record) => record.type === 'CNAME' && sameName(record.name, here));
    if (alias === undefined) {
      if (aliases === 0 || rcode === 'NXDOMAIN' || soa(response) !== undefined) return negative(response);
      return { goesOnWith: here, ttl };
    }
    here = alias.data as string;
    ttl = Math.min(ttl, alias.ttl);
  }
  return failure(BADRESP);
}

function negative(response: Response): Answer {
  const code = response.rcode === 'NXDOMAIN' ? NOTFOUND : NODATA;
  const authority = soa(response);
  if (authority === undefined) return failure(code);
  const { minimum = 0 } = authority.data as { minimum?: number };
  return { code, records: [], ttl: Math.min(authority.ttl, minimum) };
}

function soa(response: Response): WireRecord | undefined {
  return response.authorities.find((record) => record.type === 'SOA');
}

function leastTtl(records: readonly WireRecord[]): number {
  return Math.min(...records.map((record) => record.ttl));
}

function sameName(one: string, other: string): boolean {
  return one.toLowerCase() === (other === '' ? '.' : other.toLowerCase());
}
