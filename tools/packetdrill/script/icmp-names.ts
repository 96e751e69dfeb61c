/** ICMP types of IPv4 by the names that scripts use (RFC 792). */
export const ICMP_TYPES: Readonly<Record<string, number>> = {
  echo_reply: 0,
  unreachable: 3,
  source_quench: 4,
  redirect: 5,
  echo_request: 8,
  time_exceeded: 11,
  parameter_problem: 12,
  timestamp_request: 13,
  timestamp_reply: 14,
};

const UNREACHABLE: Readonly<Record<string, number>> = {
  net_unreachable: 0,
  host_unreachable: 1,
  protocol_unreachable: 2,
  port_unreachable: 3,
  frag_needed: 4,
  source_route_failed: 5,
  net_unknown: 6,
  host_unknown: 7,
  source_host_isolated: 8,
  net_prohibited: 9,
  host_prohibited: 10,
  net_unreachable_for_tos: 11,
  host_unreachable_for_tos: 12,
  packet_filtered: 13,
  admin_prohibited: 13,
  precedence_violation: 14,
  precedence_cutoff: 15,
};

const REDIRECT: Readonly<Record<string, number>> = { net: 0, host: 1, tos_net: 2, tos_host: 3 };
const TIME_EXCEEDED: Readonly<Record<string, number>> = {
  exceeded_in_transit: 0,
  ttl_exceeded: 0,
  fragment_reassembly: 1,
  fragment_reassembly_time_exceeded: 1,
};

/** Codes by ICMP type. */
export const ICMP_CODES: Readonly<Record<number, Readonly<Record<string, number>>>> = {
  3: UNREACHABLE,
  5: REDIRECT,
  11: TIME_EXCEEDED,
};

/** `unreachable host_unreachable`, or numbers for what has no name. */
export function icmpName(type: number, code: number): string {
  const typeName = nameOf(ICMP_TYPES, type) ?? `type ${type}`;
  const codeName = nameOf(ICMP_CODES[type] ?? {}, code) ?? (code === 0 ? '' : `code ${code}`);
  return codeName === '' ? typeName : `${typeName} ${codeName}`;
}

function nameOf(names: Readonly<Record<string, number>>, value: number): string | undefined {
  return Object.keys(names).find((name) => names[name] === value);
}
