/**
 * tapir's stack: {@link createStack} makes one, {@link Stack.addDevice} gives it a link, and the rest is asked of the
 * {@link Stack}.
 */

export { RealClock } from '../device/clock/real.ts';
export { VirtualClock } from '../device/clock/virtual.ts';
export { errnoName, NetError } from '../device/errno.ts';
export { formatMac, type MacAddress, parseMac } from '../device/frame/mac.ts';
export { LINUX_COMPAT, type LinuxCompat, Machine, type MachineOptions } from '../device/machine.ts';
export { PacketPool } from '../device/memory/pool.ts';
export type { Link, LinkPort } from '../device/netdevice/link.ts';
export type { NetDevice } from '../device/netdevice/netdevice.ts';
export { SeededEntropy } from '../device/random.ts';
export { type CounterName, MIB, Mib } from './counters.ts';
export { DhcpClient } from './dhcp/client/client.ts';
export type { DhcpEventName, DhcpNews } from './dhcp/client/events.ts';
export type { DhcpLease } from './dhcp/client/lease.ts';
export type { DhcpClientOptions, LeaseStore, ResolverSeam } from './dhcp/client/options.ts';
export type { SavedDhcpClient } from './dhcp/client/snapshot.ts';
export type {
  DhcpServerOptions,
  OfferedOptions,
  ReservationOptions,
  SavedServerLease,
  ServerStore,
  SubnetOptions,
} from './dhcp/server/options.ts';
export { DhcpServer } from './dhcp/server/server.ts';
export type { Inet, NeighbourSeam, RouteResult } from './inet.ts';
export * from './ip/fib-entry.ts';
export { type InetAddress, InetDevice, inetDevice } from './ip/inet-device.ts';
export { Ping, type PingOptions, type PingReply, type PingSummary } from './ip/ping.ts';
export { type Channel, connectThreads, PortChannel } from './multi-queue/channel.ts';
export { GroupMember } from './multi-queue/member.ts';
export type { GroupMessage } from './multi-queue/messages.ts';
export * from './neighbour/netevent.ts';
export type { Dgram } from './node/dgram/index.ts';
export type { Dns, DnsOptions } from './node/dns/index.ts';
export type { AddressOptions, DeviceOptions, RouteOptions, StackOptions } from './options.ts';
export { createStack, Stack } from './stack.ts';
export { SysctlTable } from './sysctl/table.ts';
export { formatIpv4, type Ipv4, type Ipv4Prefix, parseIpv4, parsePrefix } from './wire/address.ts';
