import { EBUSY, EEXIST } from '../errno.ts';
import { carrierOff, carrierOn, dormantOff, dormantOn, testingOff, testingOn } from './carrier.ts';
import { NETDEV_CHANGEUPPER, NETDEV_PRECHANGEUPPER } from './events.ts';
import type { NetDevice } from './netdevice.ts';
import { IF_OPER_DORMANT, IF_OPER_TESTING } from './operstate.ts';
import { askNetdev, raiseNetdev } from './raise.ts';

/**
 * Puts `upper` on top of `lower` (Linux: `netdev_upper_dev_link`, or `netdev_master_upper_dev_link` with `master`). Both
 * events may veto; a veto on CHANGEUPPER unlinks again. A device has one master at most, and
 * is never above itself (`-EBUSY`).
 */
export function linkUpper(lower: NetDevice, upper: NetDevice, master = false): number {
  return lower.ns.machine.rtnl.run(() => {
    if (lower === upper || isAbove(lower, upper)) return -EBUSY;
    if (lower.uppers.includes(upper)) return -EEXIST;
    if (master && lower.master !== null) return -EBUSY;
    const change = { upper, linking: true, isMaster: master };
    const vetoed = askNetdev(NETDEV_PRECHANGEUPPER, lower, change);
    if (vetoed < 0) return vetoed;
    lower.uppers = [...lower.uppers, upper];
    upper.lowers = [...upper.lowers, lower];
    if (master) lower.master = upper;
    const late = askNetdev(NETDEV_CHANGEUPPER, lower, change);
    if (late < 0) unlink(lower, upper);
    return late;
  });
}

/** Takes `upper` off `lower` (Linux: `netdev_upper_dev_unlink`). */
export function unlinkUpper(lower: NetDevice, upper: NetDevice): void {
  lower.ns.machine.rtnl.run(() => {
    if (!lower.uppers.includes(upper)) return;
    const change = { upper, linking: false, isMaster: lower.master === upper };
    raiseNetdev(NETDEV_PRECHANGEUPPER, lower, change);
    unlink(lower, upper);
    raiseNetdev(NETDEV_CHANGEUPPER, lower, change);
  });
}

/** Cuts all ties of a device that goes away. */
export function unlinkAll(dev: NetDevice): void {
  for (const upper of dev.uppers) unlinkUpper(dev, upper);
  for (const lower of dev.lowers) unlinkUpper(lower, dev);
}

/**
 * Copies dormant, testing and carrier from a device to one stacked on it (Linux: `netif_stacked_transfer_operstate`).
 * Dormant and testing follow from the operational state, which link mode and users also decide, not from the bits.
 */
export function transferOperstate(root: NetDevice, stacked: NetDevice): void {
  if (root.operstate === IF_OPER_DORMANT) dormantOn(stacked);
  else dormantOff(stacked);
  if (root.operstate === IF_OPER_TESTING) testingOn(stacked);
  else testingOff(stacked);
  if (root.carrier) carrierOn(stacked);
  else carrierOff(stacked);
}

function unlink(lower: NetDevice, upper: NetDevice): void {
  lower.uppers = lower.uppers.filter((other) => other !== upper);
  upper.lowers = upper.lowers.filter((other) => other !== lower);
  if (lower.master === upper) lower.master = null;
}

/** Whether `dev` is somewhere above `other`. */
function isAbove(dev: NetDevice, other: NetDevice): boolean {
  return other.uppers.some((upper) => upper === dev || isAbove(dev, upper));
}
