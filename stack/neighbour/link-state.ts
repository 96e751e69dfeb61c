import { QDISC_NOOP } from '../../device/netdevice/discipline.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';

/** Whether a frame given to the device now reaches its driver: it runs, has a carrier, and linkwatch has seen that. */
export function canSend(dev: NetDevice): boolean {
  return dev.running && dev.carrier && dev.discipline.active !== QDISC_NOOP;
}
