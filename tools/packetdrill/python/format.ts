/** What code in scripts works with. Truth is 1 or 0. */
export type Value = number | string;

const FIELD = /%(?:(%)|([-0+ #]*)(\d*)(?:\.(\d+))?([diuxXosrf]))/g;

/** Python's `'format' % values` for the conversions d, i, u, x, X, o, s, r and f. */
export function formatPercent(format: string, values: readonly Value[]): string {
  let next = 0;
  return format.replaceAll(
    FIELD,
    (
      _whole,
      percent: string | undefined,
      flags: string,
      width: string,
      digits: string | undefined,
      kind: string,
    ) => {
      if (percent !== undefined) return '%';
      const text = convert(kind, values[next++] ?? '', digits);
      if (flags?.includes('-') === true) return text.padEnd(Number(width));
      return text.padStart(Number(width), flags?.includes('0') === true ? '0' : ' ');
    },
  );
}

function convert(kind: string, value: Value, digits: string | undefined): string {
  if (typeof value === 'string') return value;
  switch (kind) {
    case 'x':
      return value.toString(16);
    case 'X':
      return value.toString(16).toUpperCase();
    case 'o':
      return value.toString(8);
    case 'f':
      return value.toFixed(Number(digits ?? 6));
    case 's':
    case 'r':
      return String(value);
    default:
      return String(Math.trunc(value));
  }
}
