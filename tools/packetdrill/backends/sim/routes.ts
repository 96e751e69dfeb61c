import type { NetDevice } from '../../../../device/netdevice/netdevice.ts';
import type { RouteAttributes } from '../../../../stack/ip/fib-entry.ts';
import type { RouteOptions } from '../../../../stack/options.ts';
import type { RouteChange } from '../../backend.ts';
import { Unsupported } from '../../script/script.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };
/** Metrics that are numbers, by iproute2's names. */
type NumberMetric = Exclude<keyof RouteAttributes, 'mtuLock' | 'quickack' | 'congestion'>;

const METRICS: Readonly<Record<string, NumberMetric>> = {
  mtu: 'mtu',
  advmss: 'advmss',
  window: 'window',
  rtt: 'rtt',
  rttvar: 'rttvar',
  rto_min: 'rtoMin',
  ssthresh: 'ssthresh',
  cwnd: 'cwnd',
  initcwnd: 'initcwnd',
  initrwnd: 'initrwnd',
  reordering: 'reordering',
  hoplimit: 'hopLimit',
};

/** The route through `dev` that a script asks for, in place of the one that was there. Throws `Unsupported` for other metrics. */
export function routeOptions(change: RouteChange, dev: NetDevice): RouteOptions {
  const attributes: Writable<RouteAttributes> = {};
  for (const [name, text] of Object.entries(change.metrics)) {
    if (name === 'congctl') attributes.congestion = text;
    else if (name === 'quickack') attributes.quickack = text !== '0';
    else attributes[metricOf(name)] = numberOf(name, text);
  }
  if (change.mtuLocked) attributes.mtuLock = true;
  return { to: change.to, dev, attributes, mode: 'replace' };
}

function metricOf(name: string): NumberMetric {
  const metric = Object.hasOwn(METRICS, name) ? METRICS[name] : undefined;
  if (metric === undefined) throw new Unsupported(0, `route metric ${name}`);
  return metric;
}

/** `200`, `200ms`, `1s`: times are milliseconds. */
function numberOf(name: string, text: string): number {
  const [, digits, unit] = /^(\d+)(ms|s)?$/.exec(text) ?? [];
  if (digits === undefined) throw new Unsupported(0, `route metric ${name} ${text}`);
  return Number(digits) * (unit === 's' ? 1000 : 1);
}
