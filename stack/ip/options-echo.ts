import { type Ipv4, RTN_UNICAST } from '../wire/address.ts';
import { IP_HLEN, IPOPT_COPY, IPOPT_END, IPOPT_NOOP, IPOPT_TS_PRESPEC } from '../wire/ipv4.ts';
import { getAddress, type IpOptions, setAddress } from './options.ts';

/**
 * Prepares the options of the answer to a datagram (Linux: `ip_options_echo`): record route and timestamp go on being
 * recorded, a source route is reversed. `header`: where the received header lies in `bytes`; `received`: its compiled
 * options. False: they leave no sensible answer.
 */
export function echoOptions(
  reply: IpOptions,
  received: IpOptions,
  bytes: Uint8Array,
  header: number,
  source: Ipv4,
  addressType: (address: Ipv4) => number,
): boolean {
  reply.reset();
  if (received.length === 0) return true;
  if (received.recordRoute !== 0 && !echoRecordRoute(reply, received, bytes, header)) return false;
  if (received.timestamp !== 0 && !echoTimestamp(reply, received, bytes, header, addressType)) return false;
  if (received.sourceRoute !== 0) echoSourceRoute(reply, received, bytes, header, source);
  while ((reply.length & 3) !== 0) reply.data[reply.length++] = IPOPT_END;
  return true;
}

/** Copies an option behind those that are there; returns where it begins in the reply's data. */
function append(reply: IpOptions, bytes: Uint8Array, at: number, size: number): number {
  const begin = reply.length;
  for (let i = 0; i < size; i++) reply.data[begin + i] = bytes[at + i]!;
  reply.length += size;
  return begin;
}

function echoRecordRoute(reply: IpOptions, received: IpOptions, bytes: Uint8Array, header: number): boolean {
  const at = header + received.recordRoute;
  const size = bytes[at + 1]!;
  const pointer = bytes[at + 2]!;
  const begin = append(reply, bytes, at, size);
  reply.recordRoute = begin + IP_HLEN;
  if (received.recordNeedsAddress && pointer <= size) {
    if (pointer + 3 > size) return false;
    reply.data[begin + 2] = pointer + 4;
    reply.recordNeedsAddress = true;
  }
  return true;
}

function echoTimestamp(
  reply: IpOptions,
  received: IpOptions,
  bytes: Uint8Array,
  header: number,
  addressType: (address: Ipv4) => number,
): boolean {
  const at = header + received.timestamp;
  const size = bytes[at + 1]!;
  let pointer = bytes[at + 2]!;
  const begin = append(reply, bytes, at, size);
  reply.timestamp = begin + IP_HLEN;
  if (pointer > size) return true;
  if (received.timestampNeedsAddress) {
    if (pointer + 3 > size) return false;
    reply.timestampNeedsAddress = true;
    pointer += 4;
  }
  if (received.timestampNeedsTime) {
    if (pointer + 3 > size) return false;
    if ((bytes[at + 3]! & 0xf) !== IPOPT_TS_PRESPEC) {
      reply.timestampNeedsTime = true;
      pointer += 4;
    } else if (
      pointer + 7 <= size &&
      addressType(getAddress(reply.data, begin + pointer - 1)) !== RTN_UNICAST
    ) {
      reply.timestampNeedsTime = true;
      pointer += 8;
    }
  }
  reply.data[begin + 2] = pointer;
  return true;
}

/** The hops that were passed, last one first; the first of them becomes the destination in the header. */
function echoSourceRoute(
  reply: IpOptions,
  received: IpOptions,
  bytes: Uint8Array,
  header: number,
  source: Ipv4,
): void {
  const at = header + received.sourceRoute;
  const size = bytes[at + 1]!;
  const begin = reply.length;
  let pointer = Math.min(bytes[at + 2]!, size + 1) - 4;
  if (pointer <= 3) return;
  const firstHop = getAddress(bytes, at + pointer - 1);
  let filled = 4;
  for (pointer -= 4; pointer > 3; pointer -= 4, filled += 4)
    setAddress(reply.data, begin + filled - 1, getAddress(bytes, at + pointer - 1));
  // A route that names its sender as the first hop is one too long (RFC 1812, section 5.2.4.1).
  if (source === getAddress(bytes, at + pointer + 3)) filled -= 4;
  if (filled <= 3) return;
  reply.firstHop = firstHop;
  reply.data[begin] = bytes[at]!;
  reply.data[begin + 1] = filled + 3;
  reply.data[begin + 2] = 4;
  reply.sourceRoute = begin + IP_HLEN;
  reply.length += filled + 3;
  reply.strict = received.strict;
}

/**
 * Writes the options into a header that is about to be sent, with this host's address and time where they are asked for
 * (Linux: `ip_options_build`). `recorded` is the source address of the interface it leaves by.
 */
export function buildOptions(
  options: IpOptions,
  bytes: Uint8Array,
  header: number,
  destination: Ipv4,
  recorded: Ipv4,
  timestamp: number,
): void {
  const at = header + IP_HLEN;
  for (let i = 0; i < options.length; i++) bytes[at + i] = options.data[i]!;
  if (options.sourceRoute !== 0) {
    const route = header + options.sourceRoute;
    setAddress(bytes, route + bytes[route + 1]! - 4, destination);
  }
  if (options.recordNeedsAddress) {
    const route = header + options.recordRoute;
    setAddress(bytes, route + bytes[route + 2]! - 5, recorded);
  }
  const stamps = header + options.timestamp;
  if (options.timestampNeedsAddress) setAddress(bytes, stamps + bytes[stamps + 2]! - 9, recorded);
  if (options.timestampNeedsTime) setAddress(bytes, stamps + bytes[stamps + 2]! - 5, timestamp);
}

/** Turns the options that only the first fragment carries into no-operations (Linux: `ip_options_fragment`). */
export function clearUncopiedOptions(bytes: Uint8Array, at: number, length: number): void {
  const end = at + length;
  let option = at;
  while (option < end) {
    const kind = bytes[option]!;
    if (kind === IPOPT_END) return;
    if (kind === IPOPT_NOOP) {
      option++;
      continue;
    }
    const size = option + 1 < end ? bytes[option + 1]! : 0;
    if (size < 2 || size > end - option) return;
    if ((kind & IPOPT_COPY) === 0) bytes.fill(IPOPT_NOOP, option, option + size);
    option += size;
  }
}
