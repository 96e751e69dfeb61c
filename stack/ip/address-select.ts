import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { type Ipv4, SCOPE_HOST, SCOPE_LINK } from '../wire/address.ts';
import { IFA_F_SECONDARY, type InetAddress, type InetDevice, inetDevice, inSubnet } from './inet-device.ts';

/** The first primary on the destination's subnet, else the first of all, of at most `scope`; 0: none. */
export function selectOn(inet: InetDevice, destination: Ipv4, scope: number): Ipv4 {
  const narrowest = narrowestScope(inet);
  let first: Ipv4 = 0;
  const { addresses } = inet;
  for (let i = 0; i < addresses.length; i++) {
    const ifa = addresses[i]!;
    if ((ifa.flags & IFA_F_SECONDARY) !== 0 || Math.min(ifa.scope, narrowest) > scope) continue;
    if (destination === 0 || inSubnet(ifa, destination)) return ifa.local;
    if (first === 0) first = ifa.local;
  }
  return first;
}

/** The first primary of any device with at most `scope`, but not one of link scope; 0: none. */
export function selectAnywhere(devices: readonly NetDevice[], scope: number): Ipv4 {
  for (let i = 0; i < devices.length; i++) {
    const addresses = inetDevice(devices[i]!)?.addresses;
    if (addresses === undefined) continue;
    for (let j = 0; j < addresses.length; j++) {
      const ifa = addresses[j]!;
      if ((ifa.flags & IFA_F_SECONDARY) === 0 && ifa.scope !== SCOPE_LINK && ifa.scope <= scope)
        return ifa.local;
    }
  }
  return 0;
}

/** Linux: `confirm_addr_indev`. */
export function confirmOn(inet: InetDevice, destination: Ipv4, local: Ipv4, scope: number): Ipv4 {
  const narrowest = narrowestScope(inet);
  const { addresses } = inet;
  let found: Ipv4 = 0;
  let same = false;
  for (let i = 0; i < addresses.length; i++) {
    const ifa = addresses[i]!;
    const fits = Math.min(ifa.scope, narrowest) <= scope;
    if (found === 0 && fits && (local === 0 || local === ifa.local)) {
      found = ifa.local;
      if (same) break;
    }
    if (same) continue;
    same = inSubnetOrAny(ifa, local) && inSubnetOrAny(ifa, destination);
    if (!same || found === 0) continue;
    if (local !== 0 || destination === 0 || inSubnet(ifa, found)) break;
    if (fits) {
      found = ifa.local;
      break;
    }
    same = false;
  }
  return same ? found : 0;
}

function inSubnetOrAny(ifa: InetAddress, address: Ipv4): boolean {
  return address === 0 || inSubnet(ifa, address);
}

/** Addresses of host scope count as link scope where 127.0.0.0/8 may be routed. */
function narrowestScope(inet: InetDevice): number {
  return inet.conf.values.route_localnet === 1 ? SCOPE_LINK : SCOPE_HOST;
}
