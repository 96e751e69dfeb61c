import { MAC_ZERO, type MacAddress } from '../frame/mac.ts';
import type { Machine } from '../machine.ts';
import { IFF_TUN, type TapDriver } from '../native.ts';
import { ARPHRD_NONE, IFF_NOARP, IFF_POINTOPOINT } from '../netdevice/flags.ts';
import { TunTapLink } from './tuntap.ts';
import type { TunTapOptions } from './tuntap-open.ts';

export type TunOptions = TunTapOptions;

/** A point-to-point line to a TUN interface of the kernel: IP packets without a link header. */
export class TunLink extends TunTapLink {
  readonly type: number = ARPHRD_NONE;
  readonly address: MacAddress = MAC_ZERO;

  /** Opens the queue. Throws a NetError: `EPERM`, `EBUSY`, `EINVAL` ..., `EOPNOTSUPP` without the native addon. */
  constructor(machine: Machine, options: TunOptions = {}, driver?: TapDriver) {
    super(machine, options, IFF_TUN, IFF_POINTOPOINT | IFF_NOARP, 0, driver);
  }
}
