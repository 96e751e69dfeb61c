import { formatMac } from '../../../device/frame/mac.ts';
import { netdevEventName } from '../../../device/netdevice/events.ts';
import { flagNames } from '../../../device/netdevice/flags.ts';
import type { NetdevInfo } from '../../../device/netdevice/netdev-info.ts';
import { NOTIFY_DONE } from '../../../device/netdevice/notifier.ts';
import type { RtMessage, RtType } from '../../../device/netdevice/rtnetlink.ts';
import { FibEntry } from '../../../stack/ip/fib-entry.ts';
import type { InetAddress } from '../../../stack/ip/inet-device.ts';
import { Neighbour } from '../../../stack/neighbour/neighbour.ts';
import type { Stack } from '../../../stack/stack.ts';
import { type Call, type MethodTable, method } from '../method.ts';
import { listOf, oneOf, optional } from '../params.ts';
import { addressView } from '../view/address.ts';
import { linkView } from '../view/link.ts';
import type { MonitorEvent, MonitorGroup } from '../view/monitor.ts';
import { MONITOR_GROUPS } from '../view/monitor.ts';
import { neighView } from '../view/neigh.ts';
import { routeView } from '../view/route.ts';

const GROUPS: Readonly<Record<RtType, MonitorGroup>> = {
  RTM_NEWLINK: 'link',
  RTM_DELLINK: 'link',
  RTM_NEWADDR: 'address',
  RTM_DELADDR: 'address',
  RTM_NEWROUTE: 'route',
  RTM_DELROUTE: 'route',
  RTM_NEWNEIGH: 'neigh',
  RTM_DELNEIGH: 'neigh',
};

/** Below every block that acts on events: a monitor sees what happened, after the protocols did their part. */
const LAST = -0x80000000;

export const MONITOR_METHODS: MethodTable<Stack> = {
  monitor: method(
    { groups: optional(listOf(oneOf(MONITOR_GROUPS), MONITOR_GROUPS.length)) },
    (stack: Stack, { groups }, call) =>
      monitor(stack, new Set(groups === undefined || groups.length === 0 ? MONITOR_GROUPS : groups), call),
  ),
};

/** Sends events until the call is cancelled. */
function monitor(stack: Stack, groups: ReadonlySet<MonitorGroup>, call: Call): Promise<null> {
  const { clock } = stack.machine;
  const now = (): number => clock.epoch + clock.now();
  const unsubscribe = stack.ns.messages.subscribe((message) => {
    const group = GROUPS[message.type];
    if (groups.has(group)) call.emit({ group, time: now(), ...describe(message) } as MonitorEvent);
  });
  const block = {
    priority: LAST,
    notify: (event: number, info: NetdevInfo): number => {
      call.emit({ group: 'notifier', time: now(), ...describeNotifier(event, info) });
      return NOTIFY_DONE;
    },
  };
  // Straight onto the chain: what was there before the monitor is nothing that happens, so there is no replay.
  if (groups.has('notifier')) stack.ns.chain.register(block);
  return new Promise((resolve) => {
    call.signal.addEventListener('abort', () => {
      unsubscribe();
      stack.ns.chain.unregister(block);
      resolve(null);
    });
  });
}

function describe({ type, dev, subject }: RtMessage): object {
  const group = GROUPS[type];
  const deleted = type.startsWith('RTM_DEL') ? { deleted: true as const } : {};
  if (group === 'link' && dev !== null) return { type, ...deleted, link: linkView(dev) };
  if (group === 'address') {
    const address = subject as InetAddress;
    return {
      type,
      ...deleted,
      ifindex: address.dev.ifindex,
      ifname: address.dev.name,
      address: addressView(address),
    };
  }
  if (subject instanceof FibEntry) return { type, ...deleted, route: routeView(subject, true) };
  if (subject instanceof Neighbour) return { type, ...deleted, neigh: neighView(subject, false) };
  return { type, ...deleted };
}

/** What an event carries, by the field's name. */
function describeNotifier(event: number, info: NetdevInfo): object {
  const { dev, flagsChanged, mtu, address, upper, linking } = info;
  return {
    event: netdevEventName(event),
    dev: dev.name,
    ...(flagsChanged !== undefined && { flagsChanged: flagNames(flagsChanged) }),
    ...(mtu !== undefined && { mtu }),
    ...(address !== undefined && { address: formatMac(address) }),
    ...(upper !== undefined && { upper: upper.name, linking: linking === true }),
  };
}
