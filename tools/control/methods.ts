import type { Stack } from '../../stack/stack.ts';
import type { MethodTable } from './method.ts';
import { ADDRESS_METHODS } from './methods/address.ts';
import { CAPTURE_METHODS } from './methods/capture.ts';
import { DHCP_METHODS } from './methods/dhcp.ts';
import { LINK_METHODS } from './methods/link.ts';
import { METRICS_METHODS } from './methods/metrics.ts';
import { MONITOR_METHODS } from './methods/monitor.ts';
import { NEIGH_METHODS } from './methods/neigh.ts';
import { PEERS_METHODS } from './methods/peers.ts';
import { PING_METHODS } from './methods/ping.ts';
import { ROUTE_METHODS } from './methods/route.ts';
import { SOCKET_METHODS } from './methods/socket.ts';
import { STATS_METHODS } from './methods/stats.ts';
import { SYSCTL_METHODS } from './methods/sysctl.ts';

/** Everything that can be asked of a running stack. */
export const METHODS: MethodTable<Stack> = {
  ...LINK_METHODS,
  ...ADDRESS_METHODS,
  ...ROUTE_METHODS,
  ...NEIGH_METHODS,
  ...SYSCTL_METHODS,
  ...STATS_METHODS,
  ...METRICS_METHODS,
  ...SOCKET_METHODS,
  ...PEERS_METHODS,
  ...MONITOR_METHODS,
  ...PING_METHODS,
  ...CAPTURE_METHODS,
  ...DHCP_METHODS,
};
