import { type Ipv4, RTN_UNICAST } from '../wire/address.ts';
import {
  IP_HLEN,
  IPOPT_END,
  IPOPT_LSRR,
  IPOPT_NOOP,
  IPOPT_RA,
  IPOPT_RR,
  IPOPT_SSRR,
  IPOPT_TIMESTAMP,
  IPOPT_TS_PRESPEC,
  IPOPT_TS_TSANDADDR,
  IPOPT_TS_TSONLY,
} from '../wire/ipv4.ts';

/** Bytes of the longest options. */
export const IP_OPTIONS_MAX = 40;
/** {@link IpOptions.compile}: nothing is wrong. */
export const OPTIONS_OK = -1;

/** What reading options needs to know, and what is filled in as a received packet passes. */
export interface OptionsContext {
  /** They came in a packet; else they are to be sent, and only noted what is to be filled in later. */
  readonly received: boolean;
  /** The address of this host that the packet is taken to be sent to (Linux: `fib_compute_spec_dst`). */
  specificDestination(): Ipv4;
  /** `RTN_*` of an address. */
  addressType(address: Ipv4): number;
  /** Milliseconds since midnight UT. */
  timestamp(): number;
}

/**
 * The options of one datagram: where each lies, and what is still to be filled in (Linux: `struct ip_options`). Made once by
 * its user and used again for each packet. Offsets count from the beginning of the IP header; 0: not there.
 */
export class IpOptions {
  /** The options' bytes, for a datagram that is to be sent. */
  readonly data: Uint8Array = new Uint8Array(IP_OPTIONS_MAX);
  /** Bytes of options. */
  length = 0;
  sourceRoute = 0;
  recordRoute = 0;
  timestamp = 0;
  routerAlert = 0;
  strict = false;
  /** The source route names the next hop, `nextHop`. */
  sourceRouteHit = false;
  nextHop: Ipv4 = 0;
  /** To be sent: the first hop of the source route, which goes into the header as the destination. */
  firstHop: Ipv4 = 0;
  recordNeedsAddress = false;
  timestampNeedsAddress = false;
  timestampNeedsTime = false;
  /** The bytes were changed, so the header's checksum is to be computed again. */
  changed = false;

  reset(): void {
    this.length = 0;
    this.sourceRoute = 0;
    this.recordRoute = 0;
    this.timestamp = 0;
    this.routerAlert = 0;
    this.strict = false;
    this.sourceRouteHit = false;
    this.nextHop = 0;
    this.firstHop = 0;
    this.recordNeedsAddress = false;
    this.timestampNeedsAddress = false;
    this.timestampNeedsTime = false;
    this.changed = false;
  }

  /** Takes over what `other` has, but not its bytes. */
  assign(other: IpOptions): void {
    this.length = other.length;
    this.sourceRoute = other.sourceRoute;
    this.recordRoute = other.recordRoute;
    this.timestamp = other.timestamp;
    this.routerAlert = other.routerAlert;
    this.strict = other.strict;
    this.sourceRouteHit = other.sourceRouteHit;
    this.nextHop = other.nextHop;
    this.firstHop = other.firstHop;
    this.recordNeedsAddress = other.recordNeedsAddress;
    this.timestampNeedsAddress = other.timestampNeedsAddress;
    this.timestampNeedsTime = other.timestampNeedsTime;
    this.changed = other.changed;
  }

  /**
   * Reads `length` bytes of options at `at`, checks them, and in a received packet fills in this host's address and time
   * (Linux: `__ip_options_compile`). {@link OPTIONS_OK}, or the offset in the IP header of the byte that is wrong, which is
   * the pointer of a parameter problem. Options that are to be sent must be complete.
   */
  compile(bytes: Uint8Array, at: number, length: number, context: OptionsContext): number {
    this.reset();
    this.length = length;
    const header = at - IP_HLEN;
    const end = at + length;
    let option = at;
    while (option < end) {
      const kind = bytes[option]!;
      if (kind === IPOPT_END) {
        this.#clearRest(bytes, option + 1, end);
        return OPTIONS_OK;
      }
      if (kind === IPOPT_NOOP) {
        option++;
        continue;
      }
      const size = option + 1 < end ? bytes[option + 1]! : 0;
      if (size < 2 || size > end - option) return option - header;
      const wrong = this.#one(kind, bytes, option, size, header, context);
      if (wrong >= 0) return wrong - header;
      option += size;
    }
    return OPTIONS_OK;
  }

  /** Looks at one option; -1, or where in `bytes` it is wrong. */
  #one(
    kind: number,
    bytes: Uint8Array,
    at: number,
    size: number,
    header: number,
    context: OptionsContext,
  ): number {
    switch (kind) {
      case IPOPT_SSRR:
      case IPOPT_LSRR:
        return this.#readSourceRoute(kind, bytes, at, size, header, context);
      case IPOPT_RR:
        return this.#readRecordRoute(bytes, at, size, header, context);
      case IPOPT_TIMESTAMP:
        return this.#readTimestamp(bytes, at, size, header, context);
      case IPOPT_RA:
        if (size < 4) return at + 1;
        if (bytes[at + 2] === 0 && bytes[at + 3] === 0) this.routerAlert = at - header;
        return -1;
      default:
        return -1;
    }
  }

  /** What follows the end of options must be zero. */
  #clearRest(bytes: Uint8Array, at: number, end: number): void {
    for (let i = at; i < end; i++) {
      if (bytes[i] === IPOPT_END) continue;
      bytes[i] = IPOPT_END;
      this.changed = true;
    }
  }

  #readSourceRoute(
    kind: number,
    bytes: Uint8Array,
    at: number,
    size: number,
    header: number,
    context: OptionsContext,
  ): number {
    if (size < 3) return at + 1;
    if (bytes[at + 2]! < 4) return at + 2;
    if (this.sourceRoute !== 0) return at;
    if (!context.received) {
      if (bytes[at + 2] !== 4 || size < 7 || ((size - 3) & 3) !== 0) return at + 1;
      this.firstHop = getAddress(bytes, at + 3);
      if (size > 7) bytes.copyWithin(at + 3, at + 7, at + size);
    }
    this.strict = kind === IPOPT_SSRR;
    this.sourceRoute = at - header;
    return -1;
  }

  #readRecordRoute(
    bytes: Uint8Array,
    at: number,
    size: number,
    header: number,
    context: OptionsContext,
  ): number {
    if (this.recordRoute !== 0) return at;
    if (size < 3) return at + 1;
    const pointer = bytes[at + 2]!;
    if (pointer < 4) return at + 2;
    if (pointer <= size) {
      if (pointer + 3 > size) return at + 2;
      if (context.received) {
        setAddress(bytes, at + pointer - 1, context.specificDestination());
        this.changed = true;
      }
      bytes[at + 2] = pointer + 4;
      this.recordNeedsAddress = true;
    }
    this.recordRoute = at - header;
    return -1;
  }

  #readTimestamp(
    bytes: Uint8Array,
    at: number,
    size: number,
    header: number,
    context: OptionsContext,
  ): number {
    if (this.timestamp !== 0) return at;
    if (size < 4) return at + 1;
    const pointer = bytes[at + 2]!;
    if (pointer < 5) return at + 2;
    const flags = bytes[at + 3]!;
    if (pointer <= size) {
      if (pointer + 3 > size) return at + 2;
      const wrong = this.#fillTimestamp(bytes, at, size, context);
      if (wrong >= 0) return wrong;
    } else if ((flags & 0xf) !== IPOPT_TS_PRESPEC) {
      if (flags >>> 4 === 15) return at + 3;
      if (context.received) {
        bytes[at + 3] = flags + 0x10;
        this.changed = true;
      }
    }
    this.timestamp = at - header;
    return -1;
  }

  /** There is room for one more entry. */
  #fillTimestamp(bytes: Uint8Array, at: number, size: number, context: OptionsContext): number {
    const pointer = bytes[at + 2]!;
    const entry = at + pointer - 1;
    const kind = bytes[at + 3]! & 0xf;
    let timeAt = -1;
    if (kind === IPOPT_TS_TSONLY) {
      timeAt = entry;
      bytes[at + 2] = pointer + 4;
    } else if (kind === IPOPT_TS_TSANDADDR) {
      if (pointer + 7 > size) return at + 2;
      if (context.received) setAddress(bytes, entry, context.specificDestination());
      timeAt = entry + 4;
      this.timestampNeedsAddress = true;
      bytes[at + 2] = pointer + 8;
    } else if (kind === IPOPT_TS_PRESPEC) {
      if (pointer + 7 > size) return at + 2;
      if (context.addressType(getAddress(bytes, entry)) === RTN_UNICAST) return -1;
      timeAt = entry + 4;
      bytes[at + 2] = pointer + 8;
    } else {
      return !context.received ? at + 3 : -1;
    }
    this.timestampNeedsTime = true;
    if (context.received) {
      setAddress(bytes, timeAt, context.timestamp());
      this.changed = true;
    }
    return -1;
  }
}

/** The four bytes at `at`, network order, as an unsigned number. */
export function getAddress(bytes: Uint8Array, at: number): Ipv4 {
  return (bytes[at]! * 0x1000000 + (bytes[at + 1]! << 16) + (bytes[at + 2]! << 8) + bytes[at + 3]!) >>> 0;
}

/** Writes an unsigned 32-bit number in network order. */
export function setAddress(bytes: Uint8Array, at: number, address: Ipv4): void {
  bytes[at] = address >>> 24;
  bytes[at + 1] = address >>> 16;
  bytes[at + 2] = address >>> 8;
  bytes[at + 3] = address;
}
