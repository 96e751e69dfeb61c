import { Timer } from '../clock/timer.ts';
import { EBUSY, EEXIST, EINVAL, ENOENT } from '../errno.ts';
import { closeDevice } from './admin.ts';
import {
  NETDEV_DOWN,
  NETDEV_GOING_DOWN,
  NETDEV_POST_INIT,
  NETDEV_PRE_UNINIT,
  NETDEV_REGISTER,
  NETDEV_UNREGISTER,
  NETDEV_UP,
} from './events.ts';
import { fixFeatures, SOFT_FEATURES, SOFT_FEATURES_OFF } from './features.ts';
import { updateOperstate } from './linkwatch.ts';
import { resolveName } from './names.ts';
import type { NetdevInfo } from './netdev-info.ts';
import type { NetDevice } from './netdevice.ts';
import type { Netns } from './netns.ts';
import { NOTIFY_STOP_MASK, type NotifierBlock, type NotifierChain, notifierToErrno } from './notifier.ts';
import { askNetdev, raiseNetdev } from './raise.ts';
import {
  LINK_STATE_DORMANT,
  LINK_STATE_TESTING,
  NET_NAME_ENUM,
  NET_NAME_USER,
  NETREG_REGISTERED,
  NETREG_RELEASED,
  NETREG_UNINITIALIZED,
  NETREG_UNREGISTERED,
  NETREG_UNREGISTERING,
} from './state-bits.ts';
import { unlinkAll } from './upper.ts';

/** Interface indexes are positive 32-bit integers. */
const HIGHEST_INDEX = 0x7fffffff;
/** Milliseconds between reminders while unregistration waits for references. */
const UNREGISTER_AGAIN_MS = 1000;

/**
 * Registers a device: name, index, POST_INIT, listing, REGISTER, RTM_NEWLINK (Linux: `register_netdevice`). Both events can
 * veto, after which the link is closed and the device of no more use. Returns 0 or a negated errno: `-EINVAL` and `-EEXIST`
 * for the name, `-EBUSY` for the index or a device that was registered before.
 */
export function registerDevice(dev: NetDevice): number {
  return dev.ns.machine.rtnl.run(() => {
    if (dev.registration !== NETREG_UNINITIALIZED) return -EBUSY;
    const { ns } = dev;
    const pattern = dev.name;
    const name = resolveName(ns, pattern);
    if (typeof name === 'number') return name;
    dev.name = name;
    dev.nameAssignType = pattern.includes('%') ? NET_NAME_ENUM : NET_NAME_USER;
    const ifindex = reserveIndex(ns, dev.ifindex);
    if (ifindex < 0) {
      dev.name = pattern;
      return ifindex;
    }
    dev.ifindex = ifindex;
    dev.hwFeatures |= SOFT_FEATURES | SOFT_FEATURES_OFF;
    dev.features |= SOFT_FEATURES & ~(dev.link.featuresOff ?? 0);
    dev.wantedFeatures = dev.features & dev.hwFeatures;
    dev.features = fixFeatures(dev.features);
    const refused = askNetdev(NETDEV_POST_INIT, dev);
    if (refused < 0) {
      dev.link.close();
      dev.registration = NETREG_RELEASED;
      return refused;
    }
    dev.registration = NETREG_REGISTERED;
    if (!dev.carrier || (dev.state & (LINK_STATE_DORMANT | LINK_STATE_TESTING)) !== 0) updateOperstate(dev);
    ns.devices = [...ns.devices, dev];
    const vetoed = announceRegistration(dev);
    if (vetoed < 0) return vetoed;
    ns.messages.send('RTM_NEWLINK', dev);
    return 0;
  });
}

/** Takes a device out of its namespace and closes its link (Linux: `unregister_netdevice`). */
export function unregisterDevice(dev: NetDevice): void {
  dev.ns.machine.rtnl.run(() => {
    if (dev.registration !== NETREG_REGISTERED) return;
    delist(dev);
    raiseNetdev(NETDEV_UNREGISTER, dev);
    raiseNetdev(NETDEV_PRE_UNINIT, dev);
    finish(dev);
    dev.ns.messages.send('RTM_DELLINK', dev);
  });
}

/** Registers a block on one namespace's chain, with replay for the devices there (Linux: `register_netdevice_notifier_net`). */
export function registerNetnsNotifier(ns: Netns, block: NotifierBlock<NetdevInfo>): number {
  return ns.machine.rtnl.run(() => registerWithReplay(ns.chain, [ns], block));
}

/** Removes such a block, which first sees the namespace's devices go. */
export function unregisterNetnsNotifier(ns: Netns, block: NotifierBlock<NetdevInfo>): number {
  return ns.machine.rtnl.run(() => unregisterWithReplay(ns.chain, [ns], block));
}

/**
 * Registers a block on the chain that sees every namespace of the machine (Linux: `register_netdevice_notifier`). It is told
 * REGISTER, and UP where that holds, for each device there is; an error to REGISTER undoes that for the devices before,
 * newest first, and is returned.
 */
export function registerNetdevNotifier(ns: Netns, block: NotifierBlock<NetdevInfo>): number {
  const { machine } = ns;
  return machine.rtnl.run(() => registerWithReplay(machine.chain, machine.namespaces, block));
}

/** Removes such a block, which first sees all devices go; `-ENOENT` when it is not there. */
export function unregisterNetdevNotifier(ns: Netns, block: NotifierBlock<NetdevInfo>): number {
  const { machine } = ns;
  return machine.rtnl.run(() => unregisterWithReplay(machine.chain, machine.namespaces, block));
}

function registerWithReplay(
  chain: NotifierChain<NetdevInfo>,
  namespaces: readonly Netns[],
  block: NotifierBlock<NetdevInfo>,
): number {
  const added = chain.register(block);
  if (added < 0) return added;
  const replayed: NetDevice[] = [];
  for (const ns of namespaces) {
    for (const dev of ns.devices) {
      if (!ns.devices.includes(dev)) continue;
      const refused = notifierToErrno(chain.callOne(block, NETDEV_REGISTER, { dev }));
      if (refused < 0) {
        for (const earlier of replayed.reverse()) replayGone(chain, block, earlier);
        chain.unregister(block);
        return refused;
      }
      if (dev.up) chain.callOne(block, NETDEV_UP, { dev });
      replayed.push(dev);
    }
  }
  return 0;
}

function unregisterWithReplay(
  chain: NotifierChain<NetdevInfo>,
  namespaces: readonly Netns[],
  block: NotifierBlock<NetdevInfo>,
): number {
  const removed = chain.unregister(block);
  if (removed < 0) return -ENOENT;
  for (const ns of namespaces) for (const dev of ns.devices) replayGone(chain, block, dev);
  return 0;
}

function replayGone(
  chain: NotifierChain<NetdevInfo>,
  block: NotifierBlock<NetdevInfo>,
  dev: NetDevice,
): void {
  if (dev.up) {
    chain.callOne(block, NETDEV_GOING_DOWN, { dev });
    chain.callOne(block, NETDEV_DOWN, { dev });
  }
  chain.callOne(block, NETDEV_UNREGISTER, { dev });
}

/** Cyclic from 1, so that a freed index is not reused at once; an explicit one leaves the cursor alone. */
function reserveIndex(ns: Netns, wanted: number): number {
  if (wanted !== 0) {
    if (!Number.isInteger(wanted) || wanted < 0 || wanted > HIGHEST_INDEX) return -EINVAL;
    return ns.deviceByIndex(wanted) === undefined ? wanted : -EBUSY;
  }
  let index = ns.lastIfindex;
  do {
    index = index >= HIGHEST_INDEX ? 1 : index + 1;
  } while (ns.deviceByIndex(index) !== undefined);
  ns.lastIfindex = index;
  return index;
}

/**
 * Raises REGISTER. A veto unregisters the device again: blocks already told REGISTER are told UNREGISTER and PRE_UNINIT,
 * and in the compatibility mode all blocks are, as in Linux.
 */
function announceRegistration(dev: NetDevice): number {
  const { ns } = dev;
  const info: NetdevInfo = { dev };
  const told: [NotifierChain<NetdevInfo>, NotifierBlock<NetdevInfo>][] = [];
  for (const chain of [ns.chain, ns.machine.chain]) {
    for (const block of chain.blocks) {
      if (!chain.blocks.includes(block)) continue;
      const result = chain.callOne(block, NETDEV_REGISTER, info);
      const errno = notifierToErrno(result);
      if (errno < 0) {
        delist(dev);
        if (ns.machine.compat.registerVetoTellsAll) {
          raiseNetdev(NETDEV_UNREGISTER, dev);
          raiseNetdev(NETDEV_PRE_UNINIT, dev);
        } else {
          for (const event of [NETDEV_UNREGISTER, NETDEV_PRE_UNINIT]) {
            for (const [toldChain, toldBlock] of told) toldChain.callOne(toldBlock, event, info);
          }
        }
        finish(dev);
        return errno;
      }
      told.push([chain, block]);
      if ((result & NOTIFY_STOP_MASK) !== 0) return 0;
    }
  }
  return 0;
}

/** From here on nobody can open the device or unregister it again, whatever a listener to its last events tries. */
function delist(dev: NetDevice): void {
  dev.registration = NETREG_UNREGISTERING;
  closeDevice(dev);
  unlinkAll(dev);
  dev.ns.machine.linkwatch.forget(dev);
  dev.ns.devices = dev.ns.devices.filter((other) => other !== dev);
}

/** What Linux does when RTNL is released: the device is gone, then freed, at once or when its last reference is given up. */
function finish(dev: NetDevice): void {
  const { machine } = dev.ns;
  dev.purgeBacklog();
  dev.link.close();
  machine.rtnl.afterwards(() => {
    dev.registration = NETREG_UNREGISTERED;
    if (!machine.compat.waitForReferences || dev.references === 0) {
      dev.registration = NETREG_RELEASED;
      return;
    }
    const again = new Timer(machine.clock, () => {
      if (dev.references === 0) {
        dev.registration = NETREG_RELEASED;
        return;
      }
      machine.rtnl.run(() => raiseNetdev(NETDEV_UNREGISTER, dev));
      again.start(UNREGISTER_AGAIN_MS);
    });
    again.start(UNREGISTER_AGAIN_MS);
  });
}

/** Exclusive creation: an index in use answers `-EEXIST` as an `RTM_NEWLINK` with `NLM_F_EXCL` does. */
export function registerDeviceExclusive(dev: NetDevice): number {
  if (dev.ifindex !== 0 && dev.ns.deviceByIndex(dev.ifindex) !== undefined) return -EEXIST;
  return registerDevice(dev);
}
