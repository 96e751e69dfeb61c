import { type AddressView, type DeviceAddressesView, FOREVER } from '../control/view/address.ts';
import { formatDevice } from './link.ts';

/** A device with its addresses as `ip address show` prints it. */
export function formatDeviceAddresses(view: DeviceAddressesView): string {
  return [formatDevice(view), ...view.addr_info.map((address) => `    ${formatAddress(address)}`)].join('\n');
}

const FLAGS = ['dynamic', 'secondary', 'tentative', 'nodad', 'noprefixroute'] as const;

/** One address, in two lines. */
export function formatAddress(address: AddressView): string {
  const words = [`inet ${address.local}`];
  if (address.address !== undefined) words.push(`peer ${address.address}`);
  words[words.length - 1] += `/${address.prefixlen}`;
  if (address.metric !== undefined) words.push(`metric ${address.metric}`);
  if (address.broadcast !== undefined) words.push(`brd ${address.broadcast}`);
  words.push(`scope ${address.scope}`);
  for (const flag of FLAGS) if (address[flag] === true) words.push(flag);
  words.push(address.label);
  const valid = lifetime(address.valid_life_time);
  const preferred = lifetime(address.preferred_life_time);
  return `${words.join(' ')}\n       valid_lft ${valid} preferred_lft ${preferred}`;
}

function lifetime(seconds: number): string {
  return seconds === FOREVER ? 'forever' : `${seconds}sec`;
}
