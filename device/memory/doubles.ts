/** Objects that a class makes before the engine settles how large they are, with room to spare. */
const UNTIL_SETTLED = 16;

/**
 * Says of fields of a class that they hold numbers that are no 32-bit integers: times, rates, totals. V8 finds out by itself, one field
 * after the other and as late as a total passes 2^31, and each time throws away all machine code that has seen such an object.
 * To be called once, where the class is loaded; `make` makes an object as its users do.
 */
export function holdDoubles<T extends object>(make: () => T, fields: readonly (keyof T & string)[]): void {
  const sample = make() as Record<string, number>;
  for (const field of fields) {
    if (typeof sample[field] !== 'number') throw new TypeError(`${field} is no number`);
    sample[field] = 0.5;
    sample[field] = 1.5;
  }
  for (let i = 0; i < UNTIL_SETTLED; i++) make();
}
