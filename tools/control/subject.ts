import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Inet } from '../../stack/inet.ts';
import { noDevice } from './protocol.ts';

/** The device of that name; an error in iproute2's words when there is none. */
export function findDevice(inet: Pick<Inet, 'ns'>, name: string): NetDevice {
  const dev = inet.ns.deviceByName(name);
  if (dev === undefined) throw noDevice(name);
  return dev;
}

/**
 * The device asked for, or all of them. Their pending link events run first: a query sees the state as it is (Linux:
 * `linkwatch_sync_dev` in `rtnl_getlink`).
 */
export function queriedDevices(inet: Pick<Inet, 'ns'>, name: string | undefined): readonly NetDevice[] {
  const devices = name === undefined ? inet.ns.devices : [findDevice(inet, name)];
  for (const dev of devices) dev.ns.machine.linkwatch.sync(dev);
  return devices;
}
