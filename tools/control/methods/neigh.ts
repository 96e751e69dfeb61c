import { EEXIST, ENOENT } from '../../../device/errno.ts';
import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import { type Neighbour, NO_ADDRESS } from '../../../stack/neighbour/neighbour.ts';
import {
  NEIGH_UPDATE_F_ADMIN,
  NEIGH_UPDATE_F_OVERRIDE,
  NEIGH_UPDATE_F_OVERRIDE_ISROUTER,
  NUD_FAILED,
  NUD_NOARP,
  NUD_NONE,
  NUD_PERMANENT,
  nudState,
} from '../../../stack/neighbour/nud.ts';
import type { Stack } from '../../../stack/stack.ts';
import { formatIpv4, type Ipv4 } from '../../../stack/wire/address.ts';
import { type MethodTable, method } from '../method.ts';
import { deviceName, flag, ipv4, oneOf, optional, type Reader, stationMac } from '../params.ts';
import { badParam, ControlError, refusal } from '../protocol.ts';
import { findDevice } from '../subject.ts';
import { type NeighView, neighView } from '../view/neigh.ts';

const ANY_STATE = -1;

const nud: Reader<number> = (value, name) => {
  if (value === 'all') return ANY_STATE;
  const state = typeof value === 'string' ? nudState(value) : undefined;
  if (state === undefined) throw badParam(name, `${JSON.stringify(value)} is no neighbour state`);
  return state;
};

const SELECT = {
  dev: optional(deviceName),
  address: optional(ipv4),
  nud: optional(nud),
  proxy: optional(flag),
};

const ENTRY = {
  dev: deviceName,
  address: optional(ipv4),
  proxy: optional(ipv4),
  lladdr: optional(stationMac),
  nud: optional(nud),
};

type Selected = { readonly [K in keyof typeof SELECT]: ReturnType<(typeof SELECT)[K]> };

export const NEIGH_METHODS: MethodTable<Stack> = {
  'neigh.show': method({ ...SELECT, stats: optional(flag) }, (stack: Stack, { stats = false, ...wanted }) =>
    wanted.proxy === true
      ? showProxies(stack, wanted)
      : select(stack, wanted, NUD_NOARP).map((neigh) => neighView(neigh, stats)),
  ),
  'neigh.add': method(
    { ...ENTRY, mode: optional(oneOf(['add', 'replace', 'change'])) },
    (stack: Stack, { mode = 'add', dev: name, address, proxy, lladdr, nud: state = NUD_PERMANENT }) => {
      const dev = findDevice(stack, name);
      if (state === ANY_STATE) throw badParam('nud', '"all" is no state of one entry');
      if (proxy !== undefined) {
        if (address !== undefined || lladdr !== undefined) throw badParam('proxy', 'stands alone');
        stack.arp.proxies.add(dev, proxy, true);
        return;
      }
      addEntry(stack, dev, needed(address), lladdr ?? NO_ADDRESS, state, mode);
    },
  ),
  'neigh.del': method(ENTRY, (stack: Stack, { dev: name, address, proxy }) => {
    const dev = findDevice(stack, name);
    if (proxy !== undefined) {
      const result = stack.arp.proxies.delete(dev, proxy);
      if (result < 0) throw refusal(result);
      return;
    }
    const entry = stack.arp.table.lookup(dev, needed(address));
    if (entry === null) throw refusal(-ENOENT);
    deleteEntry(entry);
  }),
  'neigh.flush': method(SELECT, (stack: Stack, wanted) => {
    if (Object.values(wanted).every((value) => value === undefined))
      throw new ControlError('EPARAM', 'Flush requires arguments.');
    const entries = select(stack, wanted, NUD_NOARP | NUD_PERMANENT);
    for (const entry of entries) deleteEntry(entry);
    return { flushed: entries.length };
  }),
};

/** Entries that match, without those in a state of `spared` unless they are asked for by it. */
function select(stack: Stack, wanted: Selected, spared: number): Neighbour[] {
  const dev = wanted.dev === undefined ? undefined : findDevice(stack, wanted.dev);
  const { address, nud: state } = wanted;
  return [...stack.arp.table.entries()].filter(
    (entry) =>
      (dev === undefined || entry.dev === dev) &&
      (address === undefined || entry.key === address) &&
      (state === undefined
        ? entry.state !== NUD_NONE && (entry.state & spared) === 0
        : state === ANY_STATE || entry.state === state),
  );
}

function showProxies(stack: Stack, { dev, address }: Selected): NeighView[] {
  const device = dev === undefined ? undefined : findDevice(stack, dev);
  return stack.arp.proxies
    .entries()
    .filter((entry) => (device === undefined || entry.dev === device) && (address ?? entry.key) === entry.key)
    .map((entry) => ({ dst: formatIpv4(entry.key), dev: entry.dev?.name ?? '*', proxy: null }));
}

/** Linux: `neigh_add`. An entry that can't be what is asked for is not left behind. */
function addEntry(
  stack: Stack,
  dev: NetDevice,
  address: Ipv4,
  mac: number,
  state: number,
  mode: 'add' | 'replace' | 'change',
): void {
  const { table } = stack.arp;
  const known = table.lookup(dev, address);
  if (known !== null && mode === 'add') throw refusal(-EEXIST);
  if (known === null && mode === 'change') throw refusal(-ENOENT);
  const entry = known ?? table.create(dev, address, state === NUD_PERMANENT);
  if (typeof entry === 'number') throw refusal(entry);
  const flags = NEIGH_UPDATE_F_ADMIN | NEIGH_UPDATE_F_OVERRIDE | NEIGH_UPDATE_F_OVERRIDE_ISROUTER;
  const result = entry.update(mac, state, flags);
  if (result >= 0) return;
  if (known === null) table.remove(entry);
  throw refusal(result);
}

/** Linux: `neigh_delete`. */
function deleteEntry(entry: Neighbour): void {
  entry.update(NO_ADDRESS, NUD_FAILED, NEIGH_UPDATE_F_ADMIN | NEIGH_UPDATE_F_OVERRIDE);
  entry.table.remove(entry);
}

function needed(address: Ipv4 | undefined): Ipv4 {
  if (address === undefined) throw badParam('address', 'is missing');
  return address;
}
