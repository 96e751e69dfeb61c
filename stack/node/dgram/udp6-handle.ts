import { UdpHandle } from './handle.ts';
import type { SendRequest } from './send-queue.ts';

/** The handle of a socket of type `udp6`, as on a host without IPv6. */
export class Udp6Handle extends UdpHandle {
  override bind(address: string, _port: number, _flags = 0): number {
    return this.noIpv6(address);
  }

  override connect(address: string, _port: number): number {
    return this.noIpv6(address);
  }

  override send(
    _request: SendRequest,
    _list: readonly Uint8Array[],
    _count: number,
    _port?: number | boolean,
    address = '::1',
  ): number {
    return this.noIpv6(address);
  }
}
