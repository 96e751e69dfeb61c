import { isIP } from 'node:net';

/** The name under which an address has its PTR records (RFC 1035, section 3.5; RFC 3596, section 2.5); undefined: it is no address. */
export function reverseName(address: string): string | undefined {
  switch (isIP(address)) {
    case 4:
      return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
    case 6:
      return `${nibbles(address).split('').reverse().join('.')}.ip6.arpa`;
    default:
      return undefined;
  }
}

/** The 32 hexadecimal digits of an IPv6 address. */
function nibbles(address: string): string {
  const [bare = ''] = address.split('%');
  // An IPv4 address at the end stands for the last two groups.
  const text = bare.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
    const [a, b, c, d] = parts.map(Number) as [number, number, number, number];
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = '', tail] = text.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const before = groups(head);
  const after = groups(tail ?? '');
  const zeros = new Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  return [...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join('');
}
