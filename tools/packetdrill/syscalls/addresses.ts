import { formatIpv4 } from '../../../stack/wire/address.ts';
import type { Expression } from '../script/expression.ts';
import type { SocketAddress } from '../syscall.ts';
import type { Arguments } from './arguments.ts';

/** What is not as the script says in an address that was filled in; undefined when all is. */
export function compareAddress(
  args: Arguments,
  expected: Expression,
  actual: SocketAddress | undefined,
): string | undefined {
  if (expected.kind !== 'struct') return undefined;
  if (actual === undefined) return 'address: expected one, actual none';
  const wanted = args.socketAddress(expected, actual);
  const matches =
    wanted.family === actual.family && wanted.address === actual.address && wanted.port === actual.port;
  return matches ? undefined : `address: expected ${format(wanted)}, actual ${format(actual)}`;
}

function format(address: SocketAddress): string {
  return `family ${address.family}, ${formatIpv4(address.address)}, port ${address.port}`;
}
