import { EADDRNOTAVAIL, EEXIST, EINVAL, EOPNOTSUPP } from '../../../device/errno.ts';
import { formatMac, isValidMac, type MacAddress } from '../../../device/frame/mac.ts';
import { changeFlags } from '../../../device/netdevice/admin.ts';
import { dormantOff, dormantOn, testingOff, testingOn } from '../../../device/netdevice/carrier.ts';
import {
  changeCarrier,
  changeName,
  setAlias,
  setFeatures,
  setLinkMode,
  setMacAddress,
  setMtu,
  setOperstate,
  setTxQueueLength,
} from '../../../device/netdevice/change.ts';
import { FEATURE_NAMES, featuresNamed } from '../../../device/netdevice/features.ts';
import { IFF_ALLMULTI, IFF_NOARP, IFF_PROMISC, IFF_UP } from '../../../device/netdevice/flags.ts';
import { isValidName } from '../../../device/netdevice/names.ts';
import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import { IF_OPER_DORMANT, IF_OPER_TESTING, IF_OPER_UP } from '../../../device/netdevice/operstate.ts';
import { LINK_STATE_DORMANT, LINK_STATE_TESTING } from '../../../device/netdevice/state-bits.ts';
import type { Inet } from '../../../stack/inet.ts';
import { type MethodTable, method } from '../method.ts';
import {
  deviceName,
  flag,
  flagsByName,
  integer,
  mac,
  oneOf,
  optional,
  type Params,
  text,
} from '../params.ts';
import { badParam, ControlError, refusal } from '../protocol.ts';
import { findDevice, queriedDevices } from '../subject.ts';
import { linkView } from '../view/link.ts';

const SHOW = {
  dev: optional(deviceName),
  up: optional(flag),
  stats: optional(integer(0, 2)),
  details: optional(flag),
};

const SET = {
  dev: deviceName,
  address: optional(mac),
  mtu: optional(integer(0, 0x7fffffff)),
  name: optional(text(255)),
  alias: optional(text(1024)),
  txqueuelen: optional(integer(0, 0x7fffffff)),
  up: optional(flag),
  arp: optional(flag),
  promisc: optional(flag),
  allmulticast: optional(flag),
  state: optional(oneOf(['up', 'dormant', 'testing'])),
  mode: optional(oneOf(['default', 'dormant', 'testing'])),
  carrier: optional(flag),
  dormant: optional(flag),
  testing: optional(flag),
  offload: optional(flagsByName(32)),
};

type SetParams = Params<typeof SET>;

const OPERSTATES = { up: IF_OPER_UP, dormant: IF_OPER_DORMANT, testing: IF_OPER_TESTING };
const LINK_MODES = { default: 0, dormant: 1, testing: 2 };

/** One attribute of `link set`: what keeps it from being set, how it is set, how it is put back. */
interface Attribute<T> {
  /** Throws when the value can't be right for the device, before anything is changed. */
  check?(dev: NetDevice, value: T): void;
  /** 0 or a negated errno. */
  apply(dev: NetDevice, value: T): number;
  /** What stands there now, for `apply` to put back when a later attribute is refused; undefined: nothing to put back. */
  current(dev: NetDevice): T | undefined;
}

/** One bit of the flags that users may change. `inverted`: the bit says the contrary of the parameter. */
function flagBit(bit: number, inverted = false): Attribute<boolean> {
  return {
    apply: (dev, on) => {
      const flags = (dev.flags & ~(IFF_PROMISC | IFF_ALLMULTI)) | dev.gflags;
      return changeFlags(dev, on === inverted ? flags & ~bit : flags | bit);
    },
    current: (dev) => (((dev.flags | dev.gflags) & bit) !== 0) !== inverted,
  };
}

/** What a driver says of its link, for a user to try out: Linux has no request for it. */
function stateBit(
  bit: number,
  on: (dev: NetDevice) => void,
  off: (dev: NetDevice) => void,
): Attribute<boolean> {
  return {
    apply: (dev, value) => {
      if (value) on(dev);
      else off(dev);
      return 0;
    },
    current: (dev) => (dev.state & bit) !== 0,
  };
}

/** In the order in which Linux sets them (`do_setlink`). */
const ATTRIBUTES: { readonly [K in Exclude<keyof SetParams, 'dev'>]: Attribute<NonNullable<SetParams[K]>> } =
  {
    address: {
      check: checkAddress,
      apply: setMacAddress,
      current: (dev) => dev.address,
    },
    mtu: {
      check: checkMtu,
      apply: setMtu,
      current: (dev) => dev.mtu,
    },
    name: {
      check: checkName,
      apply: changeName,
      current: (dev) => dev.name,
    },
    alias: {
      check: (_dev, alias) => {
        if (Buffer.byteLength(alias) > 255) throw badParam('alias', 'is longer than 255 bytes');
      },
      apply: setAlias,
      current: (dev) => dev.alias,
    },
    promisc: flagBit(IFF_PROMISC),
    allmulticast: flagBit(IFF_ALLMULTI),
    arp: flagBit(IFF_NOARP, true),
    up: flagBit(IFF_UP),
    txqueuelen: {
      apply: setTxQueueLength,
      current: (dev) => dev.txQueueLen,
    },
    state: {
      apply: (dev, state) => {
        setOperstate(dev, OPERSTATES[state]);
        return 0;
      },
      current: () => undefined,
    },
    mode: {
      apply: (dev, mode) => setLinkMode(dev, LINK_MODES[mode]),
      current: (dev) => (['default', 'dormant', 'testing'] as const)[dev.linkMode],
    },
    carrier: {
      check: (dev) => {
        if (dev.link.changeCarrier === undefined) throw refusal(-EOPNOTSUPP);
      },
      apply: changeCarrier,
      current: (dev) => dev.carrier,
    },
    dormant: stateBit(LINK_STATE_DORMANT, dormantOn, dormantOff),
    testing: stateBit(LINK_STATE_TESTING, testingOn, testingOff),
    offload: {
      check: checkOffload,
      apply: (dev, offload) => setFeatures(dev, wantedFeatures(dev, offload)),
      current: wantedByName,
    },
  };

export const LINK_METHODS: MethodTable<Inet> = {
  'link.show': method(SHOW, (inet: Inet, { dev, up, stats = 0, details = false }) =>
    queriedDevices(inet, dev)
      .filter((device) => up === undefined || device.up === up)
      .map((device) => linkView(device, { stats, details })),
  ),
  'link.set': method(SET, setLink),
};

/** Sets attributes all or none: each is checked first, and one that is refused late takes back those before it. */
function setLink(inet: Inet, { dev: name, ...values }: SetParams): void {
  const dev = findDevice(inet, name);
  const wanted = (Object.keys(ATTRIBUTES) as (keyof typeof ATTRIBUTES)[]).filter(
    (key) => values[key] !== undefined,
  );
  const steps = wanted.map((key) => step(dev, ATTRIBUTES[key] as Attribute<unknown>, values[key]));
  const done: (() => void)[] = [];
  for (const { apply, undo } of steps) {
    const result = apply();
    if (result < 0) {
      for (const back of done.reverse()) back();
      throw refusal(result);
    }
    done.push(undo);
  }
}

function step(
  dev: NetDevice,
  attribute: Attribute<unknown>,
  value: unknown,
): { apply: () => number; undo: () => void } {
  attribute.check?.(dev, value);
  const before = attribute.current(dev);
  return {
    apply: () => attribute.apply(dev, value),
    undo: () => {
      if (before !== undefined) attribute.apply(dev, before);
    },
  };
}

function checkAddress(dev: NetDevice, address: MacAddress): void {
  if (dev.addressLength === 0 || dev.link.setMac === undefined) throw refusal(-EOPNOTSUPP);
  if (!isValidMac(address)) {
    const { message, code } = refusal(-EADDRNOTAVAIL);
    throw new ControlError(code, `${message} (${formatMac(address)} is no station's)`, 'address');
  }
}

/** Linux answers with these words (`dev_validate_mtu`). */
function checkMtu(dev: NetDevice, mtu: number): void {
  if (mtu < dev.minMtu) throw new ControlError('EINVAL', 'Error: mtu less than device minimum.', 'mtu');
  if (dev.maxMtu > 0 && mtu > dev.maxMtu)
    throw new ControlError('EINVAL', 'Error: mtu greater than device maximum.', 'mtu');
}

function checkName(dev: NetDevice, name: string): void {
  if (!isValidName(name.replace('%d', '0'))) throw refusal(-EINVAL);
  const other = dev.ns.deviceByName(name);
  if (other !== undefined && other !== dev) throw refusal(-EEXIST);
}

/** Each name is known, and stands for something that this device lets its user toggle. */
function checkOffload(dev: NetDevice, offload: Readonly<Record<string, boolean>>): void {
  for (const name of Object.keys(offload)) {
    const features = featuresNamed(name);
    if (features === 0) throw badParam('offload', `${JSON.stringify(name)} is no offload`);
    if ((features & dev.hwFeatures) === 0) throw refusal(-EOPNOTSUPP);
  }
}

function wantedFeatures(dev: NetDevice, offload: Readonly<Record<string, boolean>>): number {
  let wanted = dev.wantedFeatures;
  for (const [name, on] of Object.entries(offload))
    wanted = on ? wanted | featuresNamed(name) : wanted & ~featuresNamed(name);
  return wanted;
}

/** What is wanted now, one by one. */
function wantedByName(dev: NetDevice): Record<string, boolean> {
  return Object.fromEntries(FEATURE_NAMES.map(([bit, name]) => [name, (dev.wantedFeatures & bit) !== 0]));
}
