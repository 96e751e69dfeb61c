import { SIOCINQ, SOCK_DGRAM } from '../../socket/abi.ts';
import type { Ipv4 } from '../../wire/address.ts';
import { Exchange } from './exchange.ts';
import type { ServerAddress } from './server-address.ts';

/** Over UDP: the socket is connected, so that nothing comes in but from the server's address and port. */
export class UdpExchange extends Exchange {
  /** Sends `query`; 0 or a negated errno. */
  send(query: Uint8Array, server: ServerAddress, local: Ipv4): number {
    const connected = this.connect(SOCK_DGRAM, server, local);
    if (connected < 0) return connected;
    return Math.min(0, this.sockets.send(this.fd, query));
  }

  protected override ready(): void {
    while (this.fd >= 0) {
      const bytes = new Uint8Array(Math.max(0, this.sockets.ioctl(this.fd, SIOCINQ)));
      const got = this.receive(bytes);
      if (got === undefined) return;
      if (got < 0) {
        this.user.failed(got);
        return;
      }
      this.user.message(bytes);
    }
  }
}
