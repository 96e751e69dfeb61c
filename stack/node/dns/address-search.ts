import { isIP } from 'node:net';
import type { Answer } from './answer.ts';
import type { Channel } from './channel.ts';
import { BADNAME, CANCELLED, DESTRUCTION, NODATA, NOTFOUND } from './codes.ts';
import type { DnsHost } from './host.ts';
import type { HostAddress } from './hosts.ts';

/** What is wanted of a name: addresses of a family, 0 for both. */
export interface Wanted {
  readonly family: 0 | 4 | 6;
  /** Only of families that the stack has an address of (`AI_ADDRCONFIG`): it has no IPv6. */
  readonly onlyConfigured: boolean;
  /** IPv4 addresses as IPv6 ones, where IPv6 is wanted and there are no others, or with them (`AI_V4MAPPED`, `AI_ALL`). */
  readonly mapped: boolean;
  readonly all: boolean;
}

/** Hears the addresses, in the order of reachability; a code in the words of getaddrinfo when there are none. */
export type SearchDone = (code: string | undefined, addresses: readonly HostAddress[]) => void;

/** Names that are this host wherever they are asked for (RFC 6761, section 6.3). */
const LOCALHOST = /^(?:.+\.)?localhost\.?$/i;

/** Finds a name's addresses as getaddrinfo does: in the hosts file, then by the servers along the search list. */
export function searchAddresses(
  host: DnsHost,
  channel: Channel,
  name: string,
  wanted: Wanted,
  done: SearchDone,
): void {
  const { family, mapped } = wanted;
  const known = host.hosts.addresses(name, family);
  const localhost = LOCALHOST.test(name) ? [{ address: '127.0.0.1', family: 4 }] : [];
  const local = known.length > 0 ? known : localhost.filter((one) => family === 0 || one.family === family);
  if (local.length > 0 || localhost.length > 0) {
    const code = local.length > 0 ? undefined : NOTFOUND;
    channel.later(() => done(code, local));
    return;
  }
  const families: (4 | 6)[] = family === 0 ? [4, 6] : [family];
  if (family === 6 && mapped) families.push(4);
  const asked = families.filter((one) => one === 4 || !wanted.onlyConfigured);
  const candidates = candidatesFor(name, host.settings.search, host.settings.ndots);
  if (asked.length === 0 || candidates.length === 0) channel.later(() => done(NOTFOUND, []));
  else new Search(channel, candidates, asked, wanted, done).start();
}

/** What a name may stand for: itself first when it has dots enough, and not only itself unless it ends in one (resolv.conf(5)). */
export function candidatesFor(name: string, search: readonly string[], ndots: number): readonly string[] {
  if (name.endsWith('.')) return [name];
  const dots = name.split('.').length - 1;
  const longer = search.map((domain) => `${name}.${domain}`.replace(/\.$/, ''));
  return dots >= ndots ? [name, ...longer] : [...longer, name];
}

/** One search: each candidate's questions together, until one has addresses. */
class Search {
  readonly #channel: Channel;
  readonly #candidates: readonly string[];
  readonly #families: readonly (4 | 6)[];
  readonly #wanted: Wanted;
  readonly #done: SearchDone;
  #index = 0;
  /** A server had no answer, so that the name may be there. */
  #unsure = false;

  constructor(
    channel: Channel,
    candidates: readonly string[],
    families: readonly (4 | 6)[],
    wanted: Wanted,
    done: SearchDone,
  ) {
    this.#channel = channel;
    this.#candidates = candidates;
    this.#families = families;
    this.#wanted = wanted;
    this.#done = done;
  }

  start(): void {
    const name = this.#candidates[this.#index]!;
    const answers = new Map<number, Answer>();
    for (const family of this.#families)
      this.#channel.query({ name, type: family === 4 ? 'A' : 'AAAA' }, (answer) => {
        answers.set(family, answer);
        if (answers.size === this.#families.length) this.#answered(answers);
      });
  }

  #answered(answers: ReadonlyMap<number, Answer>): void {
    const found = this.#order(addressesOf(answers.get(4), 4), addressesOf(answers.get(6), 6));
    if (found.length > 0) {
      this.#done(undefined, found);
      return;
    }
    for (const { code } of answers.values()) {
      if (code === CANCELLED || code === DESTRUCTION) {
        this.#done('EAI_AGAIN', []);
        return;
      }
      if (code !== NOTFOUND && code !== NODATA && code !== BADNAME) this.#unsure = true;
    }
    this.#index++;
    if (this.#index < this.#candidates.length) this.start();
    else this.#done(this.#unsure ? 'EAI_AGAIN' : NOTFOUND, []);
  }

  /** What can be reached comes first (RFC 6724, rule 1), and that is IPv4. */
  #order(four: readonly HostAddress[], six: readonly HostAddress[]): readonly HostAddress[] {
    const { family, all } = this.#wanted;
    if (family !== 6) return [...four, ...six];
    const mapped = four.map(({ address }) => ({ address: `::ffff:${address}`, family: 6 }));
    return six.length === 0 || all ? [...six, ...mapped] : six;
  }
}

function addressesOf(answer: Answer | undefined, family: 4 | 6): HostAddress[] {
  return (answer?.records ?? [])
    .map((record) => ({ address: String(record.data), family }))
    .filter((one) => isIP(one.address) === family);
}
