import {
  SCOPE_HOST,
  SCOPE_LINK,
  SCOPE_NOWHERE,
  SCOPE_SITE,
  SCOPE_UNIVERSE,
} from '../../stack/wire/address.ts';

/** Numbers and the names that iproute2 has for them, both ways; a number without a name is its own name. */
class NameTable {
  readonly #byNumber: ReadonlyMap<number, string>;

  constructor(names: readonly (readonly [number, string])[]) {
    this.#byNumber = new Map(names);
  }

  name(number: number): string {
    return this.#byNumber.get(number) ?? String(number);
  }

  /** The number of a name or of a number's text up to 255; undefined when it is neither. */
  number(name: string): number | undefined {
    for (const [number, known] of this.#byNumber) if (known === name) return number;
    return /^\d{1,3}$/.test(name) && Number(name) <= 255 ? Number(name) : undefined;
  }
}

/** Linux: `/etc/iproute2/rt_scopes`. */
const SCOPES = new NameTable([
  [SCOPE_UNIVERSE, 'global'],
  [SCOPE_SITE, 'site'],
  [SCOPE_LINK, 'link'],
  [SCOPE_HOST, 'host'],
  [SCOPE_NOWHERE, 'nowhere'],
]);

/** Linux: `/etc/iproute2/rt_protos`. */
const ROUTE_PROTOCOLS = new NameTable([
  [1, 'redirect'],
  [2, 'kernel'],
  [3, 'boot'],
  [4, 'static'],
  [16, 'dhcp'],
]);

/** Linux: `/etc/iproute2/rt_tables`. */
const ROUTE_TABLES = new NameTable([
  [253, 'default'],
  [254, 'main'],
  [255, 'local'],
]);

export const scopeName = (scope: number): string => SCOPES.name(scope);
export const scopeNumber = (name: string): number | undefined => SCOPES.number(name);
export const routeProtocolName = (protocol: number): string => ROUTE_PROTOCOLS.name(protocol);
export const routeProtocolNumber = (name: string): number | undefined => ROUTE_PROTOCOLS.number(name);
export const routeTableName = (table: number): string => ROUTE_TABLES.name(table);
export const routeTableNumber = (name: string): number | undefined => ROUTE_TABLES.number(name);
