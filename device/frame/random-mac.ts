import type { Entropy } from '../random.ts';
import type { MacAddress } from './mac.ts';

/** A random locally administered station address (Linux: `eth_random_addr`). */
export function randomMac(entropy: Entropy): MacAddress {
  const high = ((entropy.u32() >>> 16) & 0xfeff) | 0x0200;
  return high * 0x1_0000_0000 + entropy.u32();
}
