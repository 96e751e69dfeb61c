import { isValidMac, type MacAddress, parseMac } from '../../device/frame/mac.ts';
import { type Ipv4, type Ipv4Prefix, parseIpv4, parsePrefix } from '../../stack/wire/address.ts';
import { badParam } from './protocol.ts';

/** Reads one parameter: returns its checked value or throws an error that names it. Absent parameters read `undefined`. */
export type Reader<T> = (value: unknown, name: string) => T;

export type Schema = Readonly<Record<string, Reader<unknown>>>;

/** The checked parameters of a schema. */
export type Params<S extends Schema> = { readonly [K in keyof S]: ReturnType<S[K]> };

/** Checks all parameters against a schema, unknown ones included, before anything is done with any. */
export function readParams<S extends Schema>(schema: S, given: Readonly<Record<string, unknown>>): Params<S> {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(schema, name)) throw badParam(name, 'is not known to this method');
  }
  const read = Object.entries(schema).map(([name, reader]) => [
    name,
    reader(Object.hasOwn(given, name) ? given[name] : undefined, name),
  ]);
  return Object.fromEntries(read) as Params<S>;
}

export function optional<T>(reader: Reader<T>): Reader<T | undefined> {
  return (value, name) => (value === undefined ? undefined : reader(value, name));
}

export const flag: Reader<boolean> = (value, name) => {
  if (typeof value !== 'boolean') throw wrong(value, name, 'true or false');
  return value;
};

/** An integer of `min` to `max`. */
export function integer(min: number, max: number): Reader<number> {
  return (value, name) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
      throw wrong(value, name, `an integer from ${min} to ${max}`);
    return value;
  };
}

/** A number, fractions allowed, of `min` to `max`. */
export function real(min: number, max: number): Reader<number> {
  return (value, name) => {
    if (typeof value !== 'number' || !(value >= min && value <= max))
      throw wrong(value, name, `a number from ${min} to ${max}`);
    return value;
  };
}

/** Text of at most `longest` bytes. */
export function text(longest: number): Reader<string> {
  return (value, name) => {
    if (typeof value !== 'string' || Buffer.byteLength(value) > longest)
      throw wrong(value, name, `a text of at most ${longest} bytes`);
    return value;
  };
}

/** One of a few words. */
export function oneOf<const W extends string>(words: readonly W[]): Reader<W> {
  return (value, name) => {
    const word = words.find((candidate) => candidate === value);
    if (word === undefined) throw wrong(value, name, `one of ${words.join(', ')}`);
    return word;
  };
}

/** An object of at most `longest` names, each with true or false. */
export function flagsByName(longest: number): Reader<Readonly<Record<string, boolean>>> {
  return (value, name) => {
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
    const right = entries.length > 0 && entries.length <= longest && !Array.isArray(value);
    if (!right) throw wrong(value, name, `1 to ${longest} names with true or false`);
    return Object.fromEntries(entries.map(([key, on]) => [key, flag(on, `${name}.${key}`)]));
  };
}

/** A list of at most `longest` values. */
export function listOf<T>(reader: Reader<T>, longest: number): Reader<readonly T[]> {
  return (value, name) => {
    if (!Array.isArray(value) || value.length > longest)
      throw wrong(value, name, `a list of at most ${longest}`);
    return value.map((item) => reader(item, name));
  };
}

/** The name of a device, at most 127 bytes as alternative names have. */
export const deviceName: Reader<string> = (value, name) => {
  if (typeof value !== 'string' || value === '' || Buffer.byteLength(value) > 127 || /[/\s]/.test(value))
    throw wrong(value, name, 'the name of a device');
  return value;
};

export const ipv4: Reader<Ipv4> = (value, name) => {
  const address = typeof value === 'string' ? parseIpv4(value) : Number.NaN;
  if (Number.isNaN(address)) throw wrong(value, name, 'an IPv4 address');
  return address;
};

/** `192.0.2.1/24`; a bare address is a host. */
export const prefix: Reader<Ipv4Prefix> = (value, name) => {
  const parsed = typeof value === 'string' ? parsePrefix(value) : undefined;
  if (parsed === undefined) throw wrong(value, name, 'an IPv4 prefix');
  return parsed;
};

/** A destination: `default`, an address, or a prefix whose host bits are zero. */
export const destination: Reader<Ipv4Prefix> = (value, name) =>
  value === 'default' ? { address: 0, length: 0 } : prefix(value, name);

/** Any link-layer address. */
export const mac: Reader<MacAddress> = (value, name) => {
  const address = typeof value === 'string' ? parseMac(value) : Number.NaN;
  if (Number.isNaN(address)) throw wrong(value, name, 'a link-layer address');
  return address;
};

/** An address that a station may have. */
export const stationMac: Reader<MacAddress> = (value, name) => {
  const address = mac(value, name);
  if (!isValidMac(address)) throw wrong(value, name, 'the address of a station, not of a group');
  return address;
};

/** The fields that have a value. */
export function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function wrong(value: unknown, name: string, expected: string): Error {
  return badParam(name, value === undefined ? 'is missing' : `${shown(value)} is not ${expected}`);
}

/** A value as an error shows it: short, and with control characters escaped. */
function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 60 ? `${json.slice(0, 57)}...` : json;
}
