import { ENODEV } from '../errno.ts';
import { NETDEV_CHANGE, NETDEV_DOWN, NETDEV_GOING_DOWN, NETDEV_PRE_UP, NETDEV_UP } from './events.ts';
import { IFF_ALLMULTI, IFF_CHANGEABLE, IFF_PROMISC, IFF_UP, IFF_VOLATILE } from './flags.ts';
import type { NetDevice } from './netdevice.ts';
import { askNetdev, raiseNetdev } from './raise.ts';
import { LINK_STATE_PRESENT, LINK_STATE_START, NETREG_REGISTERED } from './state-bits.ts';

/**
 * Opens a device (Linux: `dev_open`): PRE_UP may veto, the driver may fail, and only then is it up. 0 or a negated errno,
 * `-ENODEV` for a device that is absent or not registered; opening one that is up is no error and no event.
 */
export function openDevice(dev: NetDevice): number {
  return dev.ns.machine.rtnl.run(() => {
    if (dev.up) return 0;
    const failed = start(dev);
    if (failed < 0) return failed;
    dev.ns.messages.send('RTM_NEWLINK', dev);
    raiseNetdev(NETDEV_UP, dev);
    return 0;
  });
}

/** Closes a device (Linux: `dev_close`); cannot fail. */
export function closeDevice(dev: NetDevice): void {
  dev.ns.machine.rtnl.run(() => {
    if (!dev.up) return;
    stop(dev);
    dev.ns.messages.send('RTM_NEWLINK', dev);
    raiseNetdev(NETDEV_DOWN, dev);
  });
}

/**
 * Changes flags as `ip link set` does (Linux: `dev_change_flags`): UP opens or closes, PROMISC and ALLMULTI count users,
 * volatile flags stay what they are. Raises CHANGE when the device is up and other flags changed.
 */
export function changeFlags(dev: NetDevice, flags: number): number {
  return dev.ns.machine.rtnl.run(() => {
    const before = dev.flags;
    const gflagsBefore = dev.gflags;
    dev.flags = (flags & IFF_CHANGEABLE) | (dev.flags & (IFF_UP | IFF_VOLATILE | IFF_PROMISC | IFF_ALLMULTI));
    let result = 0;
    if (((before ^ flags) & IFF_UP) !== 0) {
      if ((before & IFF_UP) !== 0) stop(dev);
      else result = start(dev);
    }
    for (const flag of [IFF_PROMISC, IFF_ALLMULTI]) {
      if (((flags ^ dev.gflags) & flag) === 0) continue;
      dev.gflags ^= flag;
      const increment = (dev.gflags & flag) !== 0 ? 1 : -1;
      if (flag === IFF_PROMISC) countPromiscuity(dev, increment);
      else setAllMulticast(dev, increment);
    }
    if (result < 0) return result;
    announceFlags(dev, before, gflagsBefore);
    return 0;
  });
}

/** Adds (1) or removes (-1) one user of promiscuous reception, and sends RTM_NEWLINK (Linux: `dev_set_promiscuity`). */
export function setPromiscuity(dev: NetDevice, increment: number): void {
  dev.ns.machine.rtnl.run(() => {
    countPromiscuity(dev, increment);
    dev.ns.messages.send('RTM_NEWLINK', dev);
  });
}

/** Linux: `__dev_set_promiscuity`. */
function countPromiscuity(dev: NetDevice, increment: number): void {
  dev.promiscuity += increment;
  dev.flags = dev.promiscuity > 0 ? dev.flags | IFF_PROMISC : dev.flags & ~IFF_PROMISC;
  tellReceiveMode(dev);
}

/** Adds (1) or removes (-1) one user of all-multicast reception (Linux: `dev_set_allmulti`). */
export function setAllMulticast(dev: NetDevice, increment: number): void {
  dev.allMulticast += increment;
  dev.flags = dev.allMulticast > 0 ? dev.flags | IFF_ALLMULTI : dev.flags & ~IFF_ALLMULTI;
  tellReceiveMode(dev);
}

/** Linux: `__dev_open`. */
function start(dev: NetDevice): number {
  if (dev.registration !== NETREG_REGISTERED || (dev.state & LINK_STATE_PRESENT) === 0) return -ENODEV;
  const vetoed = askNetdev(NETDEV_PRE_UP, dev);
  if (vetoed < 0) return vetoed;
  dev.state |= LINK_STATE_START;
  dev.queueStopped = false;
  const failed = dev.link.validateAddress?.() || dev.link.open();
  if (failed < 0) {
    dev.state &= ~LINK_STATE_START;
    return failed;
  }
  dev.flags |= IFF_UP;
  tellReceiveMode(dev);
  if (dev.carrier) dev.activateQueue();
  return 0;
}

/** Linux: `__dev_close`. */
function stop(dev: NetDevice): void {
  raiseNetdev(NETDEV_GOING_DOWN, dev);
  dev.state &= ~LINK_STATE_START;
  dev.deactivateQueue();
  dev.purgeBacklog();
  dev.link.stop();
  dev.flags &= ~IFF_UP;
}

/** Linux: `__dev_notify_flags`. */
function announceFlags(dev: NetDevice, before: number, gflagsBefore: number): void {
  const visible = IFF_PROMISC | IFF_ALLMULTI;
  const changed = (before ^ dev.flags) & ~visible;
  if (changed === 0 && ((gflagsBefore ^ dev.gflags) & visible) === 0) return;
  dev.ns.messages.send('RTM_NEWLINK', dev);
  if ((changed & IFF_UP) !== 0) raiseNetdev(dev.up ? NETDEV_UP : NETDEV_DOWN, dev);
  const others = changed & ~(IFF_UP | IFF_VOLATILE);
  if (dev.up && others !== 0) raiseNetdev(NETDEV_CHANGE, dev, { flagsChanged: before ^ dev.flags });
}

function tellReceiveMode(dev: NetDevice): void {
  if (dev.up) dev.link.setReceiveMode?.((dev.flags & IFF_PROMISC) !== 0, (dev.flags & IFF_ALLMULTI) !== 0);
}
