import type { RouteChange } from '../backend.ts';

/** Words of a route that say where it goes, which the backend knows itself. */
const PLACE = new Set(['via', 'dev', 'src', 'proto', 'scope', 'table']);

/** Reads the words behind `ip route change`. */
export function parseRoute(text: string): RouteChange {
  const words = text.trim().split(/\s+/);
  const metrics: Record<string, string> = {};
  let mtuLocked = false;
  for (let at = 1; at < words.length; at++) {
    const word = words[at]!;
    if (PLACE.has(word)) at++;
    else if (word === 'mtu' && words[at + 1] === 'lock') {
      mtuLocked = true;
      metrics['mtu'] = words[at + 2] ?? '';
      at += 2;
    } else metrics[word] = words[++at] ?? '';
  }
  return { to: words[0] ?? 'default', metrics, mtuLocked };
}
