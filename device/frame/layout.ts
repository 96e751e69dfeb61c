import type { Structure } from 'buffer-layout';

/**
 * The offset of `field` in a header, taken from its one declaration. Asked at load time only; throws for an unknown name,
 * so a renamed field can't leave a stale constant behind.
 */
export function offsetIn<T extends object>(layout: Structure<T>, field: keyof T & string): number {
  const offset = layout.offsetOf(field);
  if (offset === undefined) throw new Error(`no field ${field} in this layout`);
  return offset;
}
