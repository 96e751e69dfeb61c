import { NETDEV_NOTIFY_PEERS, NETDEV_RESEND_IGMP } from './events.ts';
import type { NetDevice } from './netdevice.ts';
import { raiseNetdev } from './raise.ts';

/**
 * Says "announce me": the network should relearn where this device is, as after a fail-over or a migration (Linux:
 * `netdev_notify_peers`). Raises NOTIFY_PEERS, at which the protocols announce their addresses, then RESEND_IGMP.
 *
 * It is for whoever knows that the device moved. A carrier that came back is no such knowledge, since links flap.
 */
export function notifyPeers(dev: NetDevice): void {
  dev.ns.machine.rtnl.run(() => {
    raiseNetdev(NETDEV_NOTIFY_PEERS, dev);
    raiseNetdev(NETDEV_RESEND_IGMP, dev);
  });
}
