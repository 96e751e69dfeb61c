import { EADDRNOTAVAIL, NetError } from '../errno.ts';
import { ETH_HLEN } from '../frame/ethernet.ts';
import { formatMac, isValidMac, type MacAddress } from '../frame/mac.ts';
import { randomMac } from '../frame/random-mac.ts';
import type { Machine } from '../machine.ts';
import { IFF_TAP, type TapDriver } from '../native.ts';
import { ARPHRD_ETHER } from '../netdevice/flags.ts';
import { TunTapLink } from './tuntap.ts';
import type { TunTapOptions } from './tuntap-open.ts';

export interface TapOptions extends TunTapOptions {
  /** Our own address, which must differ from the kernel side's; random when left out. */
  mac?: MacAddress;
}

/**
 * An Ethernet cable to a TAP interface of the kernel (Linux: `tun` in `IFF_TAP` mode). The interface that `ip link` shows is
 * the other end of the cable: it has an address, an MTU and an administrative state of its own.
 */
export class TapLink extends TunTapLink {
  readonly type: number = ARPHRD_ETHER;
  readonly address: MacAddress;

  /** Opens the queue. Throws a {@link NetError}: `EPERM`, `EBUSY`, `EINVAL` ..., `EOPNOTSUPP` without the native addon. */
  constructor(machine: Machine, options: TapOptions = {}, driver?: TapDriver) {
    super(machine, options, IFF_TAP, 0, ETH_HLEN, driver);
    const kernels = this.queue.hardwareAddress();
    let address = options.mac ?? randomMac(machine.entropy);
    while (options.mac === undefined && address === kernels) address = randomMac(machine.entropy);
    if (!isValidMac(address) || address === kernels) {
      this.queue.close();
      throw new NetError(-EADDRNOTAVAIL, 'tap', `address ${formatMac(address)}`);
    }
    this.address = address;
  }

  /** Nothing to tell the kernel: it hands us every frame, whomever it is for. */
  setMac(_mac: MacAddress): number {
    return 0;
  }
}
