import { EINVAL } from '../../device/errno.ts';
import type { Entropy } from '../../device/random.ts';
import type { Mib } from '../counters.ts';
import type { SysctlTable } from '../sysctl/table.ts';
import { FastOpenBlackhole } from './fastopen-blackhole.ts';
import { FastOpenCache } from './fastopen-cache.ts';
import { FastOpenKeys } from './fastopen-cookie.ts';
import type { TcpSettings } from './settings.ts';

/** Bits of `net.ipv4.tcp_fastopen`. */
export const TFO_CLIENT_ENABLE = 1;
export const TFO_SERVER_ENABLE = 2;
/** Data in a SYN without a cookie: sent, accepted. */
export const TFO_CLIENT_NO_COOKIE = 4;
export const TFO_SERVER_COOKIE_NOT_REQD = 0x200;
/** Listeners that did not ask for it do Fast Open too. */
export const TFO_SERVER_WO_SOCKOPT1 = 0x400;

const NO_KEY = '00000000-00000000-00000000-00000000';

/** What the connections of a stack share for Fast Open (RFC 7413). */
export class FastOpen {
  readonly cache: FastOpenCache = new FastOpenCache();
  readonly blackhole: FastOpenBlackhole;
  /** The secret of listeners that have none of their own, null: there was no need for one yet. */
  keys: FastOpenKeys | null = null;
  readonly #entropy: Entropy;
  readonly #settings: TcpSettings;

  /** Declares `net.ipv4.tcp_fastopen_key`. `now`: milliseconds. */
  constructor(settings: TcpSettings, table: SysctlTable, entropy: Entropy, mib: Mib, now: () => number) {
    this.#settings = settings;
    this.#entropy = entropy;
    this.blackhole = new FastOpenBlackhole(settings.fastopenBlackholeTimeoutSec, mib, now);
    table.addText('net.ipv4.tcp_fastopen_key', {
      get: () => this.keys?.toString() ?? NO_KEY,
      set: (text) => this.#setKeys(text),
    });
  }

  /** Whether any of the bits `TFO_*` is set. */
  allows(bits: number): boolean {
    return (this.#settings.fastopen.value & bits) !== 0;
  }

  /** Makes a secret, unless there is one (Linux: `tcp_fastopen_init_key_once`). */
  needKeys(): void {
    this.keys ??= FastOpenKeys.random(this.#entropy);
  }

  #setKeys(text: string): number {
    const keys = FastOpenKeys.parse(text);
    if (keys === null) return -EINVAL;
    this.keys = keys;
    return 0;
  }
}
