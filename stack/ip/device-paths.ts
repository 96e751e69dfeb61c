import { EACCES, EHOSTUNREACH, EINVAL, ENETUNREACH } from '../../device/errno.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST, RTN_UNICAST, RTN_UNREACHABLE } from '../wire/address.ts';
import { Path } from './path.ts';

/** The paths through a device that no route stands for, made once with its IPv4 state. */
export class DevicePaths {
  /** Anything is taken to be on the link: what an interface was asked for and no route fits. */
  readonly onLink: Path;
  readonly broadcast: Path;
  readonly multicast: Path;
  /** To this host, for packets that came back by the loopback device. */
  readonly local: Path;
  /** Received, and to be answered with an error: host or network unreachable, prohibited, or dropped in silence. */
  readonly hostUnreachable: Path;
  readonly networkUnreachable: Path;
  readonly prohibited: Path;
  readonly blackhole: Path;

  constructor(dev: NetDevice) {
    this.onLink = new Path(RTN_UNICAST, dev, null);
    this.broadcast = new Path(RTN_BROADCAST, dev, null);
    this.multicast = new Path(RTN_MULTICAST, dev, null);
    this.local = new Path(RTN_LOCAL, dev, null);
    this.hostUnreachable = new Path(RTN_UNREACHABLE, dev, null, EHOSTUNREACH);
    this.networkUnreachable = new Path(RTN_UNREACHABLE, dev, null, ENETUNREACH);
    this.prohibited = new Path(RTN_UNREACHABLE, dev, null, EACCES);
    this.blackhole = new Path(RTN_UNREACHABLE, dev, null, EINVAL);
  }

  /** The path for a packet that a lookup refused with the negated `errno`. */
  refusing(errno: number): Path {
    if (errno === -EHOSTUNREACH) return this.hostUnreachable;
    if (errno === -ENETUNREACH) return this.networkUnreachable;
    if (errno === -EACCES) return this.prohibited;
    return this.blackhole;
  }
}
