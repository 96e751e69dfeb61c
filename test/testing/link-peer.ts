import type { Machine } from '../../device/machine.ts';
import { NETDEV_TX_OK } from '../../device/netdevice/flags.ts';
import type { Link } from '../../device/netdevice/link.ts';
import { CompliancePort } from './compliance-port.ts';

/** A station at the far end of a link under test: it sends bytes and keeps what it receives. */
export interface DriverPeer {
  /** Connects it, so that the link may have carrier. */
  open(): void;
  /** Takes it away and frees what it holds. */
  close(): void;
  /** Sends one frame, or none when it can't. */
  send(frame: Uint8Array): void;
  /** Frames received so far, as copies, in order. */
  readonly received: readonly Uint8Array[];
}

/** A far end that is itself a link of the same machine, as with veth pairs and wires. */
export function linkPeer(machine: Machine, link: Link): DriverPeer {
  const port = new CompliancePort(machine, link.carrier);
  link.bind(port);
  return {
    received: port.received,
    open() {
      port.opened = true;
      if (link.open() < 0) throw new Error('the far end does not open');
    },
    close() {
      port.opened = false;
      link.stop();
      link.close();
    },
    send(frame) {
      const packet = machine.pool.from(frame);
      if (packet === null) return;
      if (link.startXmit(packet) === NETDEV_TX_OK) link.flush?.();
      else packet.release();
    },
  };
}
