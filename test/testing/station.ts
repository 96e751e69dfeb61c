import type { VirtualClock } from '../../device/clock/virtual.ts';
import { check } from '../../device/errno.ts';
import type { Machine } from '../../device/machine.ts';
import { NETDEV_TX_OK } from '../../device/netdevice/flags.ts';
import type { Link } from '../../device/netdevice/link.ts';
import { CompliancePort } from './compliance-port.ts';

/** A link's user that sends bytes and notes what it receives: the least that a test puts at an end of a link. */
export class Station extends CompliancePort {
  readonly link: Link;

  /** Binds and opens the link. */
  constructor(machine: Machine, link: Link) {
    super(machine, link.carrier);
    this.link = link;
    link.bind(this);
    this.up();
  }

  up(): void {
    this.opened = true;
    check(this.link.open(), 'open');
  }

  down(): void {
    this.link.stop();
    this.opened = false;
  }

  /** Sends a frame; whether the link took it. Throws when the pool is empty. */
  send(frame: Uint8Array): boolean {
    const packet = this.machine.pool.from(frame);
    if (packet === null) throw new Error('the pool is empty');
    const taken = this.link.startXmit(packet) === NETDEV_TX_OK;
    if (taken) this.link.flush?.();
    else packet.release();
    return taken;
  }

  /** Frames received since the last call, as copies. */
  take(): Buffer[] {
    return this.received.splice(0);
  }

  close(): void {
    this.down();
    this.link.close();
    this.closed = true;
  }
}

/** Notes when frames arrive at a station, as `at ms: number in the frame's last byte`. */
export class ArrivalLog extends Station {
  readonly arrivals: [at: number, mark: number][] = [];

  override receive(packet: Parameters<CompliancePort['receive']>[0]): void {
    const mark = packet.pool.u8[packet.end - 1]!;
    this.arrivals.push([(this.machine.clock as VirtualClock).now(), mark]);
    super.receive(packet);
  }
}
