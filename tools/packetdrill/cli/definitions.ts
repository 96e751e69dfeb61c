/** Definitions that public scripts take for granted. */
const DEFAULTS: readonly (readonly [name: string, value: string])[] = [
  ['CMSG_LEVEL_IP', 'SOL_IP'],
  ['CMSG_TYPE_RECVERR', 'IP_RECVERR'],
  ['CODE', 'host_unreachable'],
  // SipHash-2-4 of 192.0.2.1 and 192.168.0.1 with the key that defaults.sh sets.
  ['TFO_COOKIE', '3021b9d889017eeb'],
];

/** Adds `NAME=VALUE` to the definitions. Throws an error for anything else. */
export function define(text: string, definitions: ReadonlyMap<string, string>): Map<string, string> {
  const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new Error(`"${text}" is not NAME=VALUE`);
  return new Map([...definitions, [name, value]]);
}

export function defaultDefinitions(): Map<string, string> {
  return new Map(DEFAULTS);
}
