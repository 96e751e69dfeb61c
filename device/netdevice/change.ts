import { EADDRNOTAVAIL, EEXIST, EINVAL, ENODEV, EOPNOTSUPP, ERANGE } from '../errno.ts';
import { isValidMac, type MacAddress } from '../frame/mac.ts';
import { QDISC_NOOP, QDISC_NOQUEUE, QDISC_PFIFO } from './discipline.ts';
import {
  NETDEV_CHANGE,
  NETDEV_CHANGE_TX_QUEUE_LEN,
  NETDEV_CHANGEADDR,
  NETDEV_CHANGEMTU,
  NETDEV_CHANGENAME,
  NETDEV_FEAT_CHANGE,
  NETDEV_PRE_CHANGEADDR,
  NETDEV_PRECHANGEMTU,
} from './events.ts';
import { fixFeatures } from './features.ts';
import { isValidName, resolveName } from './names.ts';
import type { NetDevice } from './netdevice.ts';
import { IF_LINK_MODE_TESTING, userMaySetOperstate } from './operstate.ts';
import { askNetdev, raiseNetdev } from './raise.ts';
import {
  LINK_STATE_DORMANT,
  LINK_STATE_PRESENT,
  LINK_STATE_TESTING,
  NET_ADDR_SET,
  NET_NAME_RENAMED,
} from './state-bits.ts';

/** Longest alias in bytes (Linux: `IFALIASZ` - 1). */
const ALIAS_MAX = 255;
/** Longest alternative name in bytes (Linux: `ALTIFNAMSIZ` - 1). */
const ALTNAME_MAX = 127;

/** Renames a device, up or not (Linux: `dev_change_name`). A veto on CHANGENAME puts the old name back and raises it again. */
export function changeName(dev: NetDevice, wanted: string): number {
  return dev.ns.machine.rtnl.run(() => {
    if (wanted === dev.name) return 0;
    const name = resolveName(dev.ns, wanted);
    if (typeof name === 'number') return name;
    const old = dev.name;
    const oldType = dev.nameAssignType;
    dev.name = name;
    dev.nameAssignType = NET_NAME_RENAMED;
    const vetoed = askNetdev(NETDEV_CHANGENAME, dev);
    if (vetoed < 0) {
      dev.name = old;
      dev.nameAssignType = oldType;
      raiseNetdev(NETDEV_CHANGENAME, dev);
      return vetoed;
    }
    dev.ns.messages.send('RTM_NEWLINK', dev);
    return 0;
  });
}

/**
 * Sets the MTU in bytes (Linux: `dev_set_mtu`). PRECHANGEMTU carries the proposed value and may veto; a veto on CHANGEMTU,
 * which carries the old value, undoes the change and raises CHANGEMTU with the refused one.
 */
export function setMtu(dev: NetDevice, mtu: number): number {
  return dev.ns.machine.rtnl.run(() => {
    if (mtu === dev.mtu) return 0;
    if (!Number.isInteger(mtu) || mtu < 0 || mtu < dev.minMtu || (dev.maxMtu > 0 && mtu > dev.maxMtu))
      return -EINVAL;
    if ((dev.state & LINK_STATE_PRESENT) === 0) return -ENODEV;
    const proposed = dev.ns.machine.compat.prechangemtuWithoutValue ? {} : { mtu };
    const vetoed = askNetdev(NETDEV_PRECHANGEMTU, dev, proposed);
    if (vetoed < 0) return vetoed;
    const old = dev.mtu;
    const failed = storeMtu(dev, mtu);
    if (failed < 0) return failed;
    const late = askNetdev(NETDEV_CHANGEMTU, dev, { mtu: old });
    if (late < 0) {
      storeMtu(dev, old);
      raiseNetdev(NETDEV_CHANGEMTU, dev, { mtu });
      return late;
    }
    dev.ns.messages.send('RTM_NEWLINK', dev);
    return 0;
  });
}

/**
 * Sets the link-layer address (Linux: `dev_set_mac_address`). PRE_CHANGEADDR carries the new address and may veto. Setting
 * the address that it has is no change, and raises CHANGEADDR only in the compatibility mode.
 */
export function setMacAddress(dev: NetDevice, address: MacAddress): number {
  return dev.ns.machine.rtnl.run(() => {
    if (dev.addressLength === 0 || dev.link.setMac === undefined) return -EOPNOTSUPP;
    if ((dev.state & LINK_STATE_PRESENT) === 0) return -ENODEV;
    if (!isValidMac(address)) return -EADDRNOTAVAIL;
    const vetoed = askNetdev(NETDEV_PRE_CHANGEADDR, dev, { address });
    if (vetoed < 0) return vetoed;
    const changed = address !== dev.address;
    if (changed) {
      const failed = dev.link.setMac(address);
      if (failed < 0) return failed;
      dev.address = address;
    }
    dev.addressAssignType = NET_ADDR_SET;
    if (changed || dev.ns.machine.compat.changeaddrWhenUnchanged) raiseNetdev(NETDEV_CHANGEADDR, dev);
    dev.ns.messages.send('RTM_NEWLINK', dev);
    return 0;
  });
}

/** Sets the length of the transmit queue in packets (Linux: `dev_change_tx_queue_len`). A veto puts the old one back. */
export function setTxQueueLength(dev: NetDevice, length: number): number {
  return dev.ns.machine.rtnl.run(() => {
    if (!Number.isInteger(length) || length < 0) return -ERANGE;
    if (length === dev.txQueueLen) return 0;
    const old = dev.txQueueLen;
    applyQueueLength(dev, length);
    const vetoed = askNetdev(NETDEV_CHANGE_TX_QUEUE_LEN, dev);
    if (vetoed < 0) {
      applyQueueLength(dev, old);
      return vetoed;
    }
    dev.ns.messages.send('RTM_NEWLINK', dev);
    return 0;
  });
}

/** A user's carrier setting (Linux: `dev_change_carrier`): only for drivers that let users decide. */
export function changeCarrier(dev: NetDevice, on: boolean): number {
  return dev.ns.machine.rtnl.run(() => {
    if (dev.link.changeCarrier === undefined) return -EOPNOTSUPP;
    if ((dev.state & LINK_STATE_PRESENT) === 0) return -ENODEV;
    return dev.link.changeCarrier(on);
  });
}

/** A user's operational state (Linux: `set_operstate`); a state that can't be set from here is ignored, as there. */
export function setOperstate(dev: NetDevice, operstate: number): void {
  dev.ns.machine.rtnl.run(() => {
    const dormant = (dev.state & LINK_STATE_DORMANT) !== 0;
    const testing = (dev.state & LINK_STATE_TESTING) !== 0;
    if (!userMaySetOperstate(dev.operstate, operstate, dormant, testing)) return;
    dev.operstate = operstate;
    stateChanged(dev);
  });
}

/** Sets what an operational UP is capped to (Linux: `IFLA_LINKMODE`); it takes effect at the next change of carrier. */
export function setLinkMode(dev: NetDevice, linkMode: number): number {
  return dev.ns.machine.rtnl.run(() => {
    if (!Number.isInteger(linkMode) || linkMode < 0 || linkMode > IF_LINK_MODE_TESTING) return -EINVAL;
    if (linkMode === dev.linkMode) return 0;
    dev.linkMode = linkMode;
    stateChanged(dev);
    return 0;
  });
}

/** Sets the alias (Linux: `dev_set_alias`); at most 255 bytes. */
export function setAlias(dev: NetDevice, alias: string): number {
  return dev.ns.machine.rtnl.run(() => {
    if (Buffer.byteLength(alias) > ALIAS_MAX) return -EINVAL;
    dev.alias = alias;
    dev.ns.messages.send('RTM_NEWLINK', dev);
    return 0;
  });
}

/** Adds a name by which the device is also found (`ip link property add altname`). */
export function addAltName(dev: NetDevice, name: string): number {
  return dev.ns.machine.rtnl.run(() => {
    const shapely = name !== '' && !/[/:\s]/.test(name) && Buffer.byteLength(name) <= ALTNAME_MAX;
    if (!shapely && !isValidName(name)) return -EINVAL;
    if (dev.ns.deviceByName(name) !== undefined) return -EEXIST;
    dev.altNames = [...dev.altNames, name];
    dev.ns.messages.send('RTM_NEWLINK', dev);
    return 0;
  });
}

/**
 * Turns features on and off as `wanted` says, as far as the device lets its user (Linux: `netdev_update_features`). What is on then
 * is what of it can stand together; FEAT_CHANGE is raised when that is another set than before.
 */
export function setFeatures(dev: NetDevice, wanted: number): number {
  return dev.ns.machine.rtnl.run(() => {
    const before = dev.wantedFeatures;
    dev.wantedFeatures = wanted & dev.hwFeatures;
    const features = fixFeatures((dev.features & ~dev.hwFeatures) | dev.wantedFeatures);
    if (features === dev.features) return 0;
    const failed = dev.link.setFeatures?.(features) ?? 0;
    if (failed < 0) {
      dev.wantedFeatures = before;
      return failed;
    }
    dev.features = features;
    raiseNetdev(NETDEV_FEAT_CHANGE, dev);
    dev.ns.messages.send('RTM_NEWLINK', dev);
    return 0;
  });
}

/** Takes an absent device from its users, or gives it back (Linux: `netif_device_detach`, `netif_device_attach`). */
export function setPresent(dev: NetDevice, present: boolean): void {
  if (present === ((dev.state & LINK_STATE_PRESENT) !== 0)) return;
  if (present) {
    dev.state |= LINK_STATE_PRESENT;
    if (dev.running) dev.wakeQueue();
    dev.ns.machine.linkwatch.resume(dev);
  } else {
    dev.state &= ~LINK_STATE_PRESENT;
    if (dev.running) dev.stopQueue();
  }
}

/** Linux: `netdev_state_change`. Never on a device that is down. */
function stateChanged(dev: NetDevice): void {
  if (!dev.up) return;
  raiseNetdev(NETDEV_CHANGE, dev, { flagsChanged: 0 });
  dev.ns.messages.send('RTM_NEWLINK', dev);
}

function storeMtu(dev: NetDevice, mtu: number): number {
  const failed = dev.link.changeMtu?.(mtu) ?? 0;
  if (failed < 0) return failed;
  dev.mtu = mtu;
  return 0;
}

function applyQueueLength(dev: NetDevice, length: number): void {
  const { discipline } = dev;
  dev.txQueueLen = length;
  discipline.queue.cap = Math.max(length, 1);
  discipline.configured = length > 0 ? QDISC_PFIFO : QDISC_NOQUEUE;
  if (discipline.active !== QDISC_NOOP) discipline.active = discipline.configured;
}
