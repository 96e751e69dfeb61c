import { EEXIST, EINVAL, ENFILE } from '../errno.ts';
import type { Netns } from './netns.ts';

/** Longest name in bytes (Linux: `IFNAMSIZ` - 1). */
export const IFNAME_MAX = 15;
/** Units that a pattern may be given: one page of bits (Linux: `__dev_alloc_name`). */
const UNITS = 32768;

/** Linux: `dev_valid_name`. */
export function isValidName(name: string): boolean {
  if (name === '' || name === '.' || name === '..' || Buffer.byteLength(name) > IFNAME_MAX) return false;
  return !/[/:\s]/.test(name);
}

/**
 * The name that `wanted` stands for in a namespace: itself when it is valid and free, or with its one `%d` replaced by the
 * smallest free unit. `-EINVAL`, `-EEXIST`, or `-ENFILE` otherwise (Linux: `dev_prep_valid_name`).
 */
export function resolveName(ns: Netns, wanted: string): string | number {
  if (!isValidName(wanted)) return -EINVAL;
  if (!wanted.includes('%')) return ns.deviceByName(wanted) === undefined ? wanted : -EEXIST;
  const parts = wanted.split('%d');
  if (parts.length !== 2 || parts.some((part) => part.includes('%'))) return -EINVAL;
  const [prefix, suffix] = parts as [string, string];
  const taken = new Set<number>();
  for (const dev of ns.devices)
    for (const name of [dev.name, ...dev.altNames]) {
      const unit = unitOf(name, prefix, suffix);
      if (unit >= 0) taken.add(unit);
    }
  for (let unit = 0; unit < UNITS; unit++) {
    if (taken.has(unit)) continue;
    const name = `${prefix}${unit}${suffix}`;
    return isValidName(name) ? name : -EINVAL;
  }
  return -ENFILE;
}

/** The unit that a name occupies, -1 for none: the number must print back identically, so `eth007` occupies nothing. */
function unitOf(name: string, prefix: string, suffix: string): number {
  if (!name.startsWith(prefix) || !name.endsWith(suffix) || name.length <= prefix.length + suffix.length)
    return -1;
  const digits = name.slice(prefix.length, name.length - suffix.length);
  const unit = Number(digits);
  return Number.isInteger(unit) && unit >= 0 && unit < UNITS && String(unit) === digits ? unit : -1;
}
