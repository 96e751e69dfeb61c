import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Netns } from '../../device/netdevice/netns.ts';
import type { Family } from './family.ts';

type Row = readonly [type: Family['type'], name: string, help: string, read: (dev: NetDevice) => number];

/** What node_exporter's `netdev` and `netclass` collectors call the counters of a device, and its queue. */
const ROWS: readonly Row[] = [
  ['counter', 'receive_bytes_total', 'Bytes received.', (dev) => dev.statistics.rxBytes],
  ['counter', 'receive_packets_total', 'Packets received.', (dev) => dev.statistics.rxPackets],
  ['counter', 'receive_errs_total', 'Receive errors.', (dev) => dev.statistics.rxErrors],
  ['counter', 'receive_drop_total', 'Received packets dropped.', (dev) => dev.statistics.rxDropped],
  ['counter', 'receive_fifo_total', 'Receive FIFO errors.', (dev) => dev.statistics.rxFifoErrors],
  ['counter', 'receive_frame_total', 'Framing errors.', (dev) => dev.statistics.rxFrameErrors],
  [
    'counter',
    'receive_compressed_total',
    'Compressed packets received.',
    (dev) => dev.statistics.rxCompressed,
  ],
  ['counter', 'receive_multicast_total', 'Multicast packets received.', (dev) => dev.statistics.multicast],
  ['counter', 'receive_nohandler_total', 'Packets that nobody handles.', (dev) => dev.statistics.rxNohandler],
  ['counter', 'transmit_bytes_total', 'Bytes sent.', (dev) => dev.statistics.txBytes],
  ['counter', 'transmit_packets_total', 'Packets sent.', (dev) => dev.statistics.txPackets],
  ['counter', 'transmit_errs_total', 'Transmit errors.', (dev) => dev.statistics.txErrors],
  ['counter', 'transmit_drop_total', 'Packets dropped instead of sent.', (dev) => dev.statistics.txDropped],
  ['counter', 'transmit_fifo_total', 'Transmit FIFO errors.', (dev) => dev.statistics.txFifoErrors],
  ['counter', 'transmit_colls_total', 'Collisions.', (dev) => dev.statistics.collisions],
  [
    'counter',
    'transmit_carrier_total',
    'Carrier losses while sending.',
    (dev) => dev.statistics.txCarrierErrors,
  ],
  ['counter', 'transmit_compressed_total', 'Compressed packets sent.', (dev) => dev.statistics.txCompressed],
  ['counter', 'carrier_up_changes_total', 'Times that the carrier came.', (dev) => dev.carrierUpCount],
  ['counter', 'carrier_down_changes_total', 'Times that the carrier went.', (dev) => dev.carrierDownCount],
  [
    'counter',
    'transmit_queue_drops_total',
    'Packets that found the queue full.',
    (dev) => dev.discipline.drops,
  ],
  [
    'counter',
    'transmit_queue_requeues_total',
    'Packets put back into the queue.',
    (dev) => dev.discipline.requeues,
  ],
  ['gauge', 'transmit_queue_packets', 'Packets in the queue.', (dev) => dev.discipline.backlog],
  ['gauge', 'mtu_bytes', 'MTU.', (dev) => dev.mtu],
  ['gauge', 'up', '1 while the device is running and has its carrier.', (dev) => Number(dev.running)],
];

/** A family for each counter of devices, a sample a device. */
export function deviceFamilies(ns: Netns): Family[] {
  return ROWS.map(([type, name, help, read]) => ({
    type,
    name: `network_${name}`,
    help,
    labels: ['device'],
    samples: () => ns.devices.map((dev) => [{ device: dev.name }, read(dev)] as const),
  }));
}
