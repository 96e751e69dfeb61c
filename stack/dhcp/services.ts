import { EEXIST, NetError } from '../../device/errno.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { DhcpClient } from './client/client.ts';
import type { DhcpClientOptions } from './client/options.ts';
import type { DhcpHost } from './host.ts';
import type { DhcpServerOptions } from './server/options.ts';
import { DhcpServer } from './server/server.ts';

/** The DHCP clients and servers of a stack, one of each a device. */
export class DhcpServices {
  readonly #host: DhcpHost;
  #clients = new Map<NetDevice, DhcpClient>();
  #servers = new Map<NetDevice, DhcpServer>();

  constructor(host: DhcpHost) {
    this.#host = host;
  }

  get clients(): readonly DhcpClient[] {
    return [...this.#clients.values()];
  }

  get servers(): readonly DhcpServer[] {
    return [...this.#servers.values()];
  }

  /** Makes and starts a client. `EEXIST` while the device has one that was not stopped. */
  startClient(dev: NetDevice, options: DhcpClientOptions): DhcpClient {
    const known = this.#clients.get(dev);
    if (known !== undefined && known.state !== 'STOPPED') throw new NetError(-EEXIST, 'dhcp', dev.name);
    const client = new DhcpClient(this.#host, dev, options);
    this.#clients.set(dev, client);
    client.start();
    return client;
  }

  /** Makes and starts a server. `EEXIST` while the device has one that was not stopped. */
  startServer(dev: NetDevice, options: DhcpServerOptions): DhcpServer {
    if (this.#servers.get(dev)?.isOpen === true) throw new NetError(-EEXIST, 'dhcp server', dev.name);
    const server = new DhcpServer(this.#host, dev, options);
    this.#servers.set(dev, server);
    return server;
  }

  /** Stops all. */
  close(): void {
    for (const client of this.#clients.values()) client.close();
    for (const server of this.#servers.values()) server.close();
    this.#clients.clear();
    this.#servers.clear();
  }
}
