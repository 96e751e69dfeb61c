import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import {
  IFA_F_NODAD,
  IFA_F_NOPREFIXROUTE,
  IFA_F_PERMANENT,
  IFA_F_SECONDARY,
  IFA_F_TENTATIVE,
  type InetAddress,
  inetDevice,
} from '../../../stack/ip/inet-device.ts';
import { formatIpv4 } from '../../../stack/wire/address.ts';
import { scopeName } from '../../format/names.ts';
import { type AddressPart, deviceView, type IdentityView } from './link.ts';

/** A device with its addresses as `ip -json address show` prints it, key by key. */
export interface DeviceAddressesView extends IdentityView, AddressPart {
  readonly addr_info: readonly AddressView[];
}

export interface AddressView {
  readonly family: 'inet';
  readonly local: string;
  /** The peer's address, where it is another. */
  readonly address?: string;
  readonly prefixlen: number;
  readonly metric?: number;
  readonly broadcast?: string;
  readonly scope: string;
  readonly dynamic?: true;
  readonly secondary?: true;
  readonly tentative?: true;
  readonly nodad?: true;
  readonly noprefixroute?: true;
  readonly label: string;
  readonly valid_life_time: number;
  readonly preferred_life_time: number;
}

/** Seconds that mean "for ever". */
export const FOREVER = 0xffffffff;

export function deviceAddressesView(
  dev: NetDevice,
  matches: (address: InetAddress) => boolean = () => true,
): DeviceAddressesView {
  const { identity, address } = deviceView(dev);
  const addresses = inetDevice(dev)?.addresses ?? [];
  return { ...identity, ...address, addr_info: addresses.filter(matches).map(addressView) };
}

export function addressView(ifa: InetAddress): AddressView {
  const has = (flag: number): boolean => (ifa.flags & flag) !== 0;
  return {
    family: 'inet',
    local: formatIpv4(ifa.local),
    ...(ifa.address !== ifa.local && { address: formatIpv4(ifa.address) }),
    prefixlen: ifa.prefixLength,
    ...(ifa.metric !== 0 && { metric: ifa.metric }),
    ...(ifa.broadcast !== 0 && { broadcast: formatIpv4(ifa.broadcast) }),
    scope: scopeName(ifa.scope),
    ...(!has(IFA_F_PERMANENT) && { dynamic: true as const }),
    ...(has(IFA_F_SECONDARY) && { secondary: true as const }),
    ...(has(IFA_F_TENTATIVE) && { tentative: true as const }),
    ...(has(IFA_F_NODAD) && { nodad: true as const }),
    ...(has(IFA_F_NOPREFIXROUTE) && { noprefixroute: true as const }),
    label: ifa.label,
    valid_life_time: seconds(ifa.validLifetime),
    preferred_life_time: seconds(ifa.preferredLifetime),
  };
}

function seconds(lifetime: number): number {
  return Number.isFinite(lifetime) ? Math.max(0, Math.floor(lifetime)) : FOREVER;
}
