import type { NetdevInfo } from './netdev-info.ts';
import type { NetDevice } from './netdevice.ts';
import { NOTIFY_STOP_MASK, notifierToErrno } from './notifier.ts';

/**
 * Raises an event on the device's namespace chain, then on the machine's; a stop on the first keeps the second from
 * running. Returns the last called block's answer (Linux: `call_netdevice_notifiers_info`).
 */
export function raiseNetdev(event: number, dev: NetDevice, rest: Omit<NetdevInfo, 'dev'> = {}): number {
  const info: NetdevInfo = { dev, ...rest };
  const result = dev.ns.chain.call(event, info);
  return (result & NOTIFY_STOP_MASK) !== 0 ? result : dev.ns.machine.chain.call(event, info);
}

/** Raises an event that may be vetoed; 0, or the veto as a negated errno. */
export function askNetdev(event: number, dev: NetDevice, rest: Omit<NetdevInfo, 'dev'> = {}): number {
  return notifierToErrno(raiseNetdev(event, dev, rest));
}
