import type { Entropy } from '../../device/random.ts';
import { SipHash } from '../socket/siphash.ts';
import { FastOpenOption } from '../wire/fastopen-option.ts';

/** Bytes of a key, and of a key and the one that it replaces (Linux: `TCP_FASTOPEN_KEY_LENGTH`, `TCP_FASTOPEN_KEY_BUF_LENGTH`). */
const FASTOPEN_KEY_LENGTH = 16;
const FASTOPEN_KEYS_LENGTH = 32;

const COOKIE_LENGTH = 8;
const WORDS = 4;

/** What a cookie turned out to be. */
export const COOKIE_BAD = 0;
export const COOKIE_GOOD = 1;
/** It was made with the key that has been replaced. */
export const COOKIE_OF_BACKUP = 2;

/**
 * The secret of Fast Open cookies: a key and, where keys are changed now and then, the one before it (RFC 7413, section 4.1.2;
 * Linux: `struct tcp_fastopen_context`). A cookie is the SipHash of the client's address and ours.
 */
export class FastOpenKeys {
  readonly #hashes: SipHash[];
  readonly #old = new FastOpenOption();
  readonly #ends = new Uint8Array(8);
  readonly #view = new DataView(this.#ends.buffer);

  /** `words`: four 32-bit words a key, little-endian in memory; one key, or two. */
  constructor(words: readonly number[]) {
    this.#hashes = [];
    for (let at = 0; at < words.length; at += WORDS)
      this.#hashes.push(new SipHash(words.slice(at, at + WORDS)));
  }

  /** One key of chance. */
  static random(entropy: Entropy): FastOpenKeys {
    return new FastOpenKeys([entropy.u32(), entropy.u32(), entropy.u32(), entropy.u32()]);
  }

  /** From the bytes that `TCP_FASTOPEN_KEY` takes; null: there are not as many as one or two keys have. */
  static fromBytes(bytes: Uint8Array): FastOpenKeys | null {
    if (bytes.length !== FASTOPEN_KEY_LENGTH && bytes.length !== FASTOPEN_KEYS_LENGTH) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const words: number[] = [];
    for (let at = 0; at < bytes.length; at += 4) words.push(view.getUint32(at, true));
    return new FastOpenKeys(words);
  }

  /** From the sysctl's text, `1-2-3-4` or `1-2-3-4,5-6-7-8` in hexadecimal; null: it is none. */
  static parse(text: string): FastOpenKeys | null {
    const words: number[] = [];
    const keys = text.trim().split(',');
    if (keys.length > 2) return null;
    for (const key of keys) {
      const parts = key.split('-');
      if (parts.length !== WORDS) return null;
      for (const part of parts) {
        if (!/^[0-9a-f]{1,8}$/i.test(part)) return null;
        words.push(Number.parseInt(part, 16));
      }
    }
    return new FastOpenKeys(words);
  }

  /** All words as the sysctl shows them. */
  toString(): string {
    return this.#hashes.map(({ key }) => [...key].map(hexadecimal).join('-')).join(',');
  }

  /** The bytes that `TCP_FASTOPEN_KEY` gives. */
  toBytes(): Uint8Array {
    const out = new Uint8Array(this.#hashes.length * FASTOPEN_KEY_LENGTH);
    const view = new DataView(out.buffer);
    this.#hashes.forEach(({ key }, index) => {
      for (let i = 0; i < WORDS; i++) view.setInt32(index * FASTOPEN_KEY_LENGTH + i * 4, key[i]!, true);
    });
    return out;
  }

  /** Makes the cookie of a client for a connection to `local` (Linux: `tcp_fastopen_cookie_gen`). */
  make(remote: number, local: number, out: FastOpenOption): void {
    this.#hash(this.#hashes[0]!, remote, local, out);
  }

  /**
   * Whether a client's cookie is one of ours, `COOKIE_*`; in `fresh` is the one that it should have (Linux:
   * `tcp_fastopen_cookie_gen_check`).
   */
  check(remote: number, local: number, cookie: Readonly<FastOpenOption>, fresh: FastOpenOption): number {
    this.make(remote, local, fresh);
    if (fresh.sameCookie(cookie)) return COOKIE_GOOD;
    const backup = this.#hashes[1];
    if (backup === undefined) return COOKIE_BAD;
    this.#hash(backup, remote, local, this.#old);
    return this.#old.sameCookie(cookie) ? COOKIE_OF_BACKUP : COOKIE_BAD;
  }

  #hash(hash: SipHash, remote: number, local: number, out: FastOpenOption): void {
    this.#view.setUint32(0, remote);
    this.#view.setUint32(4, local);
    const low = hash.bytes(this.#ends);
    out.length = COOKIE_LENGTH;
    for (let i = 0; i < 4; i++) {
      out.bytes[i] = low >>> (i * 8);
      out.bytes[i + 4] = hash.high >>> (i * 8);
    }
  }
}

function hexadecimal(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
