import { isIP } from 'node:net';
import { parseServer, type ServerAddress } from './server-address.ts';

/** How a stack finds names. Nothing is read from the host: what its files say is given here. */
export interface DnsOptions {
  /** Servers, as `setServers` takes them; those of `resolvConf` when left out. */
  servers?: readonly string[];
  /** The text of a resolv.conf (resolv.conf(5)): nameserver, search, domain, and of the options ndots, timeout, attempts, rotate. */
  resolvConf?: string;
  /** The text of a hosts file (hosts(5)); `127.0.0.1 localhost` when left out. */
  hosts?: string;
  /** Domains that are tried behind a name. */
  search?: readonly string[];
  /** A name with at least so many dots is first tried as it is. */
  ndots?: number;
  /** Milliseconds that the first round of questions waits for an answer; each further round waits twice as long as the one before. */
  timeoutMs?: number;
  /** Rounds over all servers. */
  attempts?: number;
  /** Begin each question with the next server. */
  rotate?: boolean;
  /** Answers that are kept, 0: none. */
  cacheSize?: number;
}

/** {@link DnsOptions}, complete. */
export interface DnsSettings {
  readonly servers: readonly ServerAddress[];
  readonly hosts: string;
  readonly search: readonly string[];
  readonly ndots: number;
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly rotate: boolean;
  readonly cacheSize: number;
}

const DEFAULTS: DnsSettings = {
  servers: [],
  hosts: '127.0.0.1 localhost\n',
  search: [],
  ndots: 1,
  timeoutMs: 5000,
  attempts: 4,
  rotate: false,
  cacheSize: 1024,
};

/** What resolv.conf may ask for at most (glibc: `RES_MAXNDOTS`, `RES_MAXRETRANS`, `RES_MAXRETRY`). */
const NDOTS_MOST = 15;
const TIMEOUT_MOST = 30;
const ATTEMPTS_MOST = 5;
/** And how many servers (glibc: `MAXNS`). */
const SERVERS_MOST = 3;

/** What a stack's options come to. Throws ERR_INVALID_IP_ADDRESS for a server that is none. */
export function dnsSettings(options: DnsOptions = {}): DnsSettings {
  const { servers, resolvConf, ...given } = options;
  const defined = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const settings: DnsSettings = { ...DEFAULTS, ...parseResolvConf(resolvConf ?? ''), ...defined };
  return servers === undefined ? settings : { ...settings, servers: servers.map(parseServer) };
}

/** Reads a resolv.conf; what it does not understand it passes over, as glibc does. */
function parseResolvConf(text: string): Partial<DnsSettings> {
  const servers: ServerAddress[] = [];
  let out: Partial<DnsSettings> = {};
  for (const line of text.split('\n')) {
    if (/^[#;]/.test(line)) continue;
    const [keyword, ...words] = line.trim().split(/\s+/);
    if (keyword === 'nameserver' && isIP(words[0] ?? '') !== 0 && servers.length < SERVERS_MOST)
      servers.push(parseServer(words[0]!));
    else if (keyword === 'search') out = { ...out, search: words };
    else if (keyword === 'domain') out = { ...out, search: words.slice(0, 1) };
    else if (keyword === 'options') out = { ...out, ...parseOptions(words) };
  }
  return servers.length === 0 ? out : { ...out, servers };
}

function parseOptions(words: readonly string[]): Partial<DnsSettings> {
  let out: Partial<DnsSettings> = {};
  for (const word of words) {
    const [, name, digits] = /^(\w+)(?::(\d+))?$/.exec(word) ?? [];
    const number = Number(digits);
    if (name === 'rotate') out = { ...out, rotate: true };
    else if (Number.isNaN(number)) continue;
    else if (name === 'ndots') out = { ...out, ndots: Math.min(number, NDOTS_MOST) };
    else if (name === 'timeout')
      out = { ...out, timeoutMs: Math.min(Math.max(number, 1), TIMEOUT_MOST) * 1000 };
    else if (name === 'attempts') out = { ...out, attempts: Math.min(Math.max(number, 1), ATTEMPTS_MOST) };
  }
  return out;
}
