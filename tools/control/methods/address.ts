import { IFA_F_SECONDARY, type InetAddress, inSubnet } from '../../../stack/ip/inet-device.ts';
import type { Stack } from '../../../stack/stack.ts';
import { formatIpv4, type Ipv4Prefix, maskOf } from '../../../stack/wire/address.ts';
import { scopeNumber } from '../../format/names.ts';
import { type MethodTable, method } from '../method.ts';
import { deviceName, flag, given, integer, ipv4, optional, prefix, type Reader, text } from '../params.ts';
import { badParam } from '../protocol.ts';
import { findDevice, queriedDevices } from '../subject.ts';
import { deviceAddressesView } from '../view/address.ts';
import { answered } from '../wording.ts';

/** Seconds that fit into 32 bits. */
const LIFETIME = integer(0, 0xfffffffe);

const scope: Reader<number> = (value, name) => {
  const number = typeof value === 'string' ? scopeNumber(value) : undefined;
  if (number === undefined) throw badParam(name, 'invalid scope value');
  return number;
};

/** An address, `+` for the one that the prefix gives, `-` for none. */
const broadcast: Reader<string> = (value, name) =>
  value === '+' || value === '-' ? value : formatIpv4(ipv4(value, name));

const SHOW = {
  dev: optional(deviceName),
  up: optional(flag),
  scope: optional(scope),
  to: optional(prefix),
  label: optional(text(15)),
  secondary: optional(flag),
};

const ADD = {
  dev: deviceName,
  address: prefix,
  peer: optional(prefix),
  broadcast: optional(broadcast),
  label: optional(text(15)),
  scope: optional(scope),
  metric: optional(integer(0, 0xffffffff)),
  validLifetime: optional(LIFETIME),
  preferredLifetime: optional(LIFETIME),
  noPrefixRoute: optional(flag),
};

export const ADDRESS_METHODS: MethodTable<Stack> = {
  'address.show': method(SHOW, (stack: Stack, { dev, up, ...wanted }) => {
    const filtering = Object.values(wanted).some((value) => value !== undefined);
    return queriedDevices(stack, dev)
      .filter((device) => up === undefined || device.up === up)
      .map((device) => deviceAddressesView(device, (address) => selects(wanted, address)))
      .filter((view) => !filtering || view.addr_info.length > 0);
  }),
  'address.add': method(ADD, (stack: Stack, { dev: name, address, peer, broadcast: brd, ...rest }) => {
    const dev = findDevice(stack, name);
    if (rest.label !== undefined && rest.label !== dev.name && !rest.label.startsWith(`${dev.name}:`))
      throw badParam('label', `must be "${dev.name}" or begin with "${dev.name}:"`);
    if ((rest.preferredLifetime ?? 0) > (rest.validLifetime ?? Number.POSITIVE_INFINITY))
      throw badParam('preferredLifetime', 'is longer than validLifetime');
    const options = {
      address: formatPrefix(address),
      ...(peer !== undefined && { peer: formatPrefix(peer) }),
      ...(brd !== undefined && brd !== '-' && { broadcast: brd }),
      ...given(rest),
    };
    const sameSubnet = stack
      .addressesOf(dev)
      .some(
        (ifa) => ifa.prefixLength === (peer ?? address).length && inSubnet(ifa, (peer ?? address).address),
      );
    answered(() => stack.addAddress(dev, options), {
      EEXIST: 'Error: ipv4: Address already assigned.',
      ...(sameSubnet && { EINVAL: 'Error: ipv4: Invalid scope value.' }),
    });
  }),
  'address.del': method({ dev: deviceName, address: prefix }, (stack: Stack, { dev, address }) => {
    const device = findDevice(stack, dev);
    answered(() => stack.deleteAddress(device, formatPrefix(address)), {
      EADDRNOTAVAIL: 'Error: ipv4: Address not found.',
    });
  }),
};

interface Selection {
  readonly scope: number | undefined;
  readonly to: Ipv4Prefix | undefined;
  readonly label: string | undefined;
  readonly secondary: boolean | undefined;
}

function selects(wanted: Selection, address: InetAddress): boolean {
  const { scope: inScope, to, label, secondary } = wanted;
  return (
    (inScope === undefined || address.scope === inScope) &&
    (to === undefined || ((address.local ^ to.address) & maskOf(to.length)) === 0) &&
    (label === undefined || address.label === label) &&
    (secondary === undefined || ((address.flags & IFA_F_SECONDARY) !== 0) === secondary)
  );
}

function formatPrefix({ address, length }: Ipv4Prefix): string {
  return `${formatIpv4(address)}/${length}`;
}
