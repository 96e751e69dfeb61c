import type { IpContext } from '../ip/context.ts';
import type { Ping, PingOptions } from '../ip/ping.ts';
import type { SocketLayer } from '../socket/layer.ts';
import type { Ipv4 } from '../wire/address.ts';

/** What DHCP asks of the stack that it configures, or serves for. */
export interface DhcpHost extends IpContext {
  readonly sockets: SocketLayer;
  readonly dns: { getServers(): string[]; setServers(servers: readonly string[]): void };
  ping(address: Ipv4, options: PingOptions): Ping;
}

/** Milliseconds since the Unix epoch: what a lease that outlives the process counts in. */
export function wallClock(host: DhcpHost): number {
  const { clock } = host.machine;
  return clock.epoch + clock.now();
}
