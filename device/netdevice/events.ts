/**
 * Netdevice notifier events with the numbers and names of Linux 6.12 (`linux/netdevice.h`). The numbers are free of
 * collisions but are no ABI: save names, not numbers.
 */
export const NETDEV_UP = 1;
export const NETDEV_DOWN = 2;
export const NETDEV_REBOOT = 3;
export const NETDEV_CHANGE = 4;
export const NETDEV_REGISTER = 5;
export const NETDEV_UNREGISTER = 6;
export const NETDEV_CHANGEMTU = 7;
export const NETDEV_CHANGEADDR = 8;
export const NETDEV_PRE_CHANGEADDR = 9;
export const NETDEV_GOING_DOWN = 10;
export const NETDEV_CHANGENAME = 11;
export const NETDEV_FEAT_CHANGE = 12;
export const NETDEV_BONDING_FAILOVER = 13;
export const NETDEV_PRE_UP = 14;
export const NETDEV_PRE_TYPE_CHANGE = 15;
export const NETDEV_POST_TYPE_CHANGE = 16;
export const NETDEV_POST_INIT = 17;
export const NETDEV_PRE_UNINIT = 18;
export const NETDEV_RELEASE = 19;
export const NETDEV_NOTIFY_PEERS = 20;
export const NETDEV_JOIN = 21;
export const NETDEV_CHANGEUPPER = 22;
export const NETDEV_RESEND_IGMP = 23;
export const NETDEV_PRECHANGEMTU = 24;
export const NETDEV_CHANGEINFODATA = 25;
export const NETDEV_BONDING_INFO = 26;
export const NETDEV_PRECHANGEUPPER = 27;
export const NETDEV_CHANGELOWERSTATE = 28;
export const NETDEV_UDP_TUNNEL_PUSH_INFO = 29;
export const NETDEV_UDP_TUNNEL_DROP_INFO = 30;
export const NETDEV_CHANGE_TX_QUEUE_LEN = 31;
export const NETDEV_CVLAN_FILTER_PUSH_INFO = 32;
export const NETDEV_CVLAN_FILTER_DROP_INFO = 33;
export const NETDEV_SVLAN_FILTER_PUSH_INFO = 34;
export const NETDEV_SVLAN_FILTER_DROP_INFO = 35;
export const NETDEV_OFFLOAD_XSTATS_ENABLE = 36;
export const NETDEV_OFFLOAD_XSTATS_DISABLE = 37;
export const NETDEV_OFFLOAD_XSTATS_REPORT_USED = 38;
export const NETDEV_OFFLOAD_XSTATS_REPORT_DELTA = 39;
export const NETDEV_XDP_FEAT_CHANGE = 40;

/** Index: event number. */
const NAMES: readonly string[] = [
  '',
  'UP',
  'DOWN',
  'REBOOT',
  'CHANGE',
  'REGISTER',
  'UNREGISTER',
  'CHANGEMTU',
  'CHANGEADDR',
  'PRE_CHANGEADDR',
  'GOING_DOWN',
  'CHANGENAME',
  'FEAT_CHANGE',
  'BONDING_FAILOVER',
  'PRE_UP',
  'PRE_TYPE_CHANGE',
  'POST_TYPE_CHANGE',
  'POST_INIT',
  'PRE_UNINIT',
  'RELEASE',
  'NOTIFY_PEERS',
  'JOIN',
  'CHANGEUPPER',
  'RESEND_IGMP',
  'PRECHANGEMTU',
  'CHANGEINFODATA',
  'BONDING_INFO',
  'PRECHANGEUPPER',
  'CHANGELOWERSTATE',
  'UDP_TUNNEL_PUSH_INFO',
  'UDP_TUNNEL_DROP_INFO',
  'CHANGE_TX_QUEUE_LEN',
  'CVLAN_FILTER_PUSH_INFO',
  'CVLAN_FILTER_DROP_INFO',
  'SVLAN_FILTER_PUSH_INFO',
  'SVLAN_FILTER_DROP_INFO',
  'OFFLOAD_XSTATS_ENABLE',
  'OFFLOAD_XSTATS_DISABLE',
  'OFFLOAD_XSTATS_REPORT_USED',
  'OFFLOAD_XSTATS_REPORT_DELTA',
  'XDP_FEAT_CHANGE',
];

/** The name of an event without its prefix: `netdevEventName(NETDEV_UP)` is `'UP'` (Linux: `netdev_cmd_to_name`). */
export function netdevEventName(event: number): string {
  return NAMES[event] ?? `EVENT_${event}`;
}

/** Numbers of all events, in order. */
export const NETDEV_EVENTS: readonly number[] = NAMES.flatMap((name, number) =>
  name === '' ? [] : [number],
);
