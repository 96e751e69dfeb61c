import { isIPv4, isIPv6 } from 'node:net';
import { EAFNOSUPPORT, EINVAL } from '../../../device/errno.ts';
import { AF_INET } from '../../socket/abi.ts';
import { SocketAddress } from '../../socket/address.ts';
import { IPV4 } from '../../socket/family.ts';
import { parseIpv4 } from '../../wire/address.ts';

/** An end of a connection, as `address()` gives it. */
export interface Endpoint {
  readonly address: string;
  readonly family: string;
  readonly port: number;
}

/** The end that text and a port name; `-EAFNOSUPPORT` for a family that the stack hasn't, `-EINVAL` for what is no address. */
export function socketAddress(address: string, port: number): SocketAddress | number {
  if (isIPv4(address)) return new SocketAddress(AF_INET, parseIpv4(address), port);
  return isIPv6(address) ? -EAFNOSUPPORT : -EINVAL;
}

export function endpoint({ address, port }: SocketAddress): Endpoint {
  return { address: IPV4.format(address), family: 'IPv4', port };
}
