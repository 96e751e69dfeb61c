import type { WireRecord } from './message.ts';
import type { QuestionType } from './question.ts';

/** What `options` of `resolve4` and `resolve6` may ask for. */
export interface ResolveOptions {
  readonly ttl?: boolean;
}

/** Data of records as dns-packet gives them. */
interface Mx {
  readonly preference: number;
  readonly exchange: string;
}
interface Srv {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}
interface Soa {
  readonly mname: string;
  readonly rname: string;
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  readonly minimum: number;
}
interface Naptr {
  readonly order: number;
  readonly preference: number;
  readonly flags: string;
  readonly services: string;
  readonly regexp: string;
  readonly replacement: string;
}
interface Caa {
  readonly flags: number;
  readonly tag: string;
  readonly value: string;
}

type Shape = (data: never) => unknown;

/** Each type's record as Node shows it. */
const SHAPES: Readonly<Record<Exclude<QuestionType, 'ANY'>, Shape>> = {
  A: (data: string) => data,
  AAAA: (data: string) => data,
  CNAME: hostname,
  NS: hostname,
  PTR: hostname,
  MX: ({ preference, exchange }: Mx) => ({ exchange: hostname(exchange), priority: preference }),
  SRV: ({ target, port, priority, weight }: Srv) => ({ name: hostname(target), port, priority, weight }),
  SOA: ({ mname, rname, serial, refresh, retry, expire, minimum }: Soa) => ({
    nsname: hostname(mname),
    hostmaster: hostname(rname),
    serial,
    refresh,
    retry,
    expire,
    minttl: minimum,
  }),
  NAPTR: ({ order, preference, flags, services, regexp, replacement }: Naptr) => ({
    flags,
    service: services,
    regexp,
    replacement: hostname(replacement),
    order,
    preference,
  }),
  TXT: (data: readonly Uint8Array[]) => data.map((part) => Buffer.from(part).toString('latin1')),
  CAA: ({ flags, tag, value }: Caa) => ({ critical: flags, [tag]: value }),
};

/** What the value of an address or a name is called in `resolveAny`. */
const SINGLE: Readonly<Record<string, string>> = {
  A: 'address',
  AAAA: 'address',
  CNAME: 'value',
  NS: 'value',
  PTR: 'value',
  TXT: 'entries',
};

/** The root has no name in Node. */
function hostname(name: string): string {
  return name === '.' ? '' : name;
}

/** Records as `resolve` and its like give them: of SOA there is one. */
export function shaped(records: readonly WireRecord[], type: QuestionType, options: ResolveOptions): unknown {
  if (type === 'ANY') return records.flatMap((record) => anyShaped(record));
  const values = records.map((record) => {
    const value = SHAPES[type](record.data as never);
    return options.ttl === true && (type === 'A' || type === 'AAAA')
      ? { address: value, ttl: record.ttl }
      : value;
  });
  return type === 'SOA' ? values[0] : values;
}

function anyShaped({ type, ttl, data }: WireRecord): object[] {
  if (!(type in SHAPES)) return [];
  const value = SHAPES[type as keyof typeof SHAPES](data as never);
  const single = SINGLE[type];
  if (single === undefined) return [{ ...(value as object), type }];
  return [single === 'address' ? { address: value, ttl, type } : { [single]: value, type }];
}
