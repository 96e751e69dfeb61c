import { type Ipv4, isMulticast, maskOf } from '../wire/address.ts';

/** How the value of an option lies in a message; what is not to be read is undefined. */
export interface Codec<T> {
  read(bytes: Uint8Array): T | undefined;
  write(value: T): Uint8Array;
}

/** A route as options 33 and 121 have it. Gateway 0: the destination is on the link. */
export interface DhcpRoute {
  readonly destination: Ipv4;
  readonly prefixLength: number;
  readonly gateway: Ipv4;
}

function unsigned(size: 2 | 4): Codec<number> {
  return {
    read: (bytes) => (bytes.length === size ? Buffer.from(bytes).readUIntBE(0, size) : undefined),
    write: (value) => {
      const bytes = Buffer.alloc(size);
      bytes.writeUIntBE(value, 0, size);
      return bytes;
    },
  };
}

export const u16: Codec<number> = unsigned(2);
export const u32: Codec<number> = unsigned(4);

/** One address. */
export const address: Codec<Ipv4> = u32;

/** One or more addresses. */
export const addresses: Codec<readonly Ipv4[]> = {
  read: (bytes) => (bytes.length > 0 && bytes.length % 4 === 0 ? words(bytes) : undefined),
  write: (list) => Buffer.concat(list.map((one) => address.write(one))),
};

/** Text without control characters; bytes of 0 at its end, which some servers send, are taken off (RFC 2132, section 2). */
export const text: Codec<string> = {
  read: (bytes) => {
    const value = Buffer.from(bytes).toString('latin1').replace(/\0+$/, '');
    return value !== '' && /^[\x20-\x7e]+$/.test(value) ? value : undefined;
  },
  write: (value) => Buffer.from(value, 'latin1'),
};

/** Destination and router by turns; a destination is a network as its class has it, else a host (RFC 2132, section 5.8). */
export const staticRoutes: Codec<readonly DhcpRoute[]> = {
  read: (bytes) => {
    if (bytes.length === 0 || bytes.length % 8 !== 0) return undefined;
    const list = words(bytes);
    const routes: DhcpRoute[] = [];
    for (let i = 0; i < list.length; i += 2) {
      const destination = list[i]!;
      if (destination === 0) continue; // RFC 2132 forbids a default route here.
      const length = classfulLength(destination);
      const isNetwork = (destination & ~maskOf(length)) === 0;
      routes.push({ destination, prefixLength: isNetwork ? length : 32, gateway: list[i + 1]! });
    }
    return routes;
  },
  write: (routes) => addresses.write(routes.flatMap(({ destination, gateway }) => [destination, gateway])),
};

/** Prefix length, the bytes of the prefix that count, router (RFC 3442). */
export const classlessRoutes: Codec<readonly DhcpRoute[]> = {
  read: (bytes) => {
    const routes: DhcpRoute[] = [];
    const buffer = Buffer.from(bytes);
    for (let at = 0; at < buffer.length; ) {
      const prefixLength = buffer[at++]!;
      const significant = Math.ceil(prefixLength / 8);
      if (prefixLength > 32 || at + significant + 4 > buffer.length) return undefined;
      const padded = Buffer.concat([buffer.subarray(at, at + significant)], 4);
      at += significant;
      const destination = (padded.readUInt32BE(0) & maskOf(prefixLength)) >>> 0;
      routes.push({ destination, prefixLength, gateway: buffer.readUInt32BE(at) });
      at += 4;
    }
    return routes.length > 0 ? routes : undefined;
  },
  write: (routes) =>
    Buffer.concat(
      routes.flatMap(({ destination, prefixLength, gateway }) => [
        Uint8Array.of(prefixLength),
        address.write(destination).subarray(0, Math.ceil(prefixLength / 8)),
        address.write(gateway),
      ]),
    ),
};

/** Bytes of a domain name at most (RFC 1035, section 2.3.4), and of one label. */
const NAME_MOST = 255;
const LABEL_MOST = 63;

/** Domain names as in DNS, whose pointers count from the option's first byte (RFC 3397). */
export const domains: Codec<readonly string[]> = {
  read: (bytes) => {
    const names: string[] = [];
    for (let at = 0; at < bytes.length; ) {
      const found = domainAt(bytes, at);
      if (found === undefined) return undefined;
      names.push(found.name);
      at = found.end;
    }
    return names.length > 0 ? names : undefined;
  },
  write: (names) =>
    Buffer.concat(
      names.flatMap((name) => [
        ...name.split('.').flatMap((label) => [Uint8Array.of(label.length), Buffer.from(label, 'latin1')]),
        Uint8Array.of(0),
      ]),
    ),
};

/** The name that begins at `at`, and where it ends; undefined when it doesn't, or is none. Pointers only go back. */
function domainAt(bytes: Uint8Array, at: number): { name: string; end: number } | undefined {
  const labels: string[] = [];
  let total = 0;
  let end = -1;
  let from = at;
  for (let lowest = at; ; ) {
    const length = bytes[from++];
    if (length === undefined) return undefined;
    if (length === 0) break;
    if (length >= 0xc0) {
      const low = bytes[from++];
      if (low === undefined) return undefined;
      if (end < 0) end = from;
      from = ((length & 0x3f) << 8) | low;
      if (from >= lowest) return undefined;
      lowest = from;
      continue;
    }
    const label = Buffer.from(bytes.subarray(from, from + length)).toString('latin1');
    total += length + 1;
    if (length > LABEL_MOST || total > NAME_MOST || !/^[\w-]+$/.test(label) || label.length < length)
      return undefined;
    labels.push(label);
    from += length;
  }
  return labels.length === 0 ? undefined : { name: labels.join('.'), end: end < 0 ? from : end };
}

/** The bits of the network part that an address of class A, B or C has. */
export function classfulLength(destination: Ipv4): number {
  if (destination >>> 31 === 0) return 8;
  if (destination >>> 30 === 2) return 16;
  return isMulticast(destination) || destination >>> 28 === 0xf ? 32 : 24;
}

function words(bytes: Uint8Array): Ipv4[] {
  const buffer = Buffer.from(bytes);
  return Array.from({ length: bytes.length / 4 }, (_, index) => buffer.readUInt32BE(index * 4));
}
