import type { MonitorEvent } from '../control/view/monitor.ts';
import { formatAddress } from './address.ts';
import { formatDevice } from './link.ts';
import { formatNeigh } from './neigh.ts';
import { formatRoute } from './route.ts';

const LABELS = {
  link: 'LINK',
  address: 'ADDR',
  route: 'ROUTE',
  neigh: 'NEIGH',
  notifier: 'NOTIFIER',
} as const;

/** One event as `ip monitor` prints it: `[LINK]3: tap0: ...`; notifier events by their name. */
export function formatMonitor(event: MonitorEvent): string {
  const deleted = 'deleted' in event && event.deleted === true ? 'Deleted ' : '';
  return `[${LABELS[event.group]}]${deleted}${body(event)}`;
}

function body(event: MonitorEvent): string {
  switch (event.group) {
    case 'link':
      return formatDevice(event.link);
    case 'address':
      return `${event.ifindex}: ${event.ifname}    ${formatAddress(event.address)}`;
    case 'route':
      return formatRoute(event.route);
    case 'neigh':
      return formatNeigh(event.neigh);
    case 'notifier':
      return notifier(event);
  }
}

function notifier(event: MonitorEvent & { group: 'notifier' }): string {
  const words = [event.dev, event.event];
  if ((event.flagsChanged?.length ?? 0) > 0) words.push(`flags_changed <${event.flagsChanged?.join(',')}>`);
  if (event.mtu !== undefined) words.push(`mtu ${event.mtu}`);
  if (event.address !== undefined) words.push(`address ${event.address}`);
  if (event.upper !== undefined)
    words.push(`${event.linking === true ? 'linking' : 'unlinking'} ${event.upper}`);
  return words.join(' ');
}

/** `[2026-11-23T23:00:43.334840]`, as `ip -ts monitor` puts in front; UTC. */
export function timestamp(time: number): string {
  const micros = String(Math.round((time % 1) * 1000) % 1000).padStart(3, '0');
  return `[${new Date(time).toISOString().slice(0, -1)}${micros}]`;
}
