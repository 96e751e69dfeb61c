import { formatIpv4, INADDR_LOOPBACK, isLimitedBroadcast, isLoopback, isMulticast } from '../wire/address.ts';
import { IP_HLEN, pseudoHeaderSum } from '../wire/ipv4.ts';
import { AF_INET } from './abi.ts';

/**
 * What of sockets and transports depends on the address family. Addresses are plain numbers to everybody else: an IPv4 address is its
 * unsigned 32 bits.
 */
export interface Family {
  /** `AF_*`. */
  readonly domain: number;
  /** Bytes of an IP header without options: what a maximum segment size takes off an MTU beside TCP's own. */
  readonly headerLength: number;
  /** The loopback address: where a connection to no address goes. */
  readonly loopback: number;
  isAny(address: number): boolean;
  isLoopback(address: number): boolean;
  isMulticast(address: number): boolean;
  /** To all on the link, whatever the network. */
  isBroadcast(address: number): boolean;
  format(address: number): string;
  /** The unfolded sum of the pseudo header for a transport checksum over `length` bytes. */
  pseudoHeaderSum(source: number, destination: number, protocol: number, length: number): number;
  /** Bytes of a `sockaddr`. */
  readonly sockaddrLength: number;
  /** Writes a `sockaddr` as it stands in memory on x86-64. */
  writeSockaddr(bytes: Uint8Array, at: number, address: number, port: number): void;
}

export const IPV4: Family = {
  domain: AF_INET,
  headerLength: IP_HLEN,
  loopback: INADDR_LOOPBACK,
  isAny: (address) => address === 0,
  isLoopback,
  isMulticast,
  isBroadcast: isLimitedBroadcast,
  format: formatIpv4,
  pseudoHeaderSum,
  sockaddrLength: 16,
  writeSockaddr(bytes, at, address, port) {
    bytes.fill(0, at, at + 16);
    bytes[at] = AF_INET;
    bytes[at + 2] = port >>> 8;
    bytes[at + 3] = port;
    bytes[at + 4] = address >>> 24;
    bytes[at + 5] = address >>> 16;
    bytes[at + 6] = address >>> 8;
    bytes[at + 7] = address;
  },
};
