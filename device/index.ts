/**
 * The device floor: everything that the protocols run on. Read {@link Link} (what a driver offers), {@link LinkPort} (what it
 * is offered), {@link NetDevice} (what the protocols see) and {@link Packet} (who owns what) to know every seam.
 */

export { Clock } from './clock/clock.ts';
export { FLUSH, Work } from './clock/deferred.ts';
export { RealClock } from './clock/real.ts';
export { Timer } from './clock/timer.ts';
export { VirtualClock } from './clock/virtual.ts';
export * from './drop.ts';
export * from './errno.ts';
export * from './frame/ethernet.ts';
export * from './frame/mac.ts';
export { randomMac } from './frame/random-mac.ts';
export * from './frame/vlan.ts';
export { type CaptureLink, capture, captureNamespace } from './link/capture.ts';
export {
  DROP_FAULT_INJECTED,
  type FaultAction,
  type FaultDirection,
  type FaultLink,
  type FaultRule,
  fault,
  nthFrame,
} from './link/fault.ts';
export { LinkFilter } from './link/filter.ts';
export { LoopbackLink } from './link/loopback.ts';
export type { FdbEntry, FdbEvent, FdbKind, FdbListener } from './link/switch/fdb.ts';
export { DROP_SWITCH_PORT_DOWN, type SwitchPort } from './link/switch/port.ts';
export * from './link/switch/switch.ts';
export { TapLink, type TapOptions } from './link/tap.ts';
export { TunLink, type TunOptions } from './link/tun.ts';
export type { TunTapOptions } from './link/tuntap-open.ts';
export * from './link/tuntap2.ts';
export { createVeth, type VethLink, type VethOptions } from './link/veth.ts';
export * from './link/wire/direction.ts';
export type { GilbertElliott, Impairment } from './link/wire/impairment.ts';
export { createWire, type Wire, type WireEnd, type WireOptions, type WireSide } from './link/wire/wire.ts';
export { LINUX_COMPAT, type LinuxCompat, Machine, type MachineOptions } from './machine.ts';
export { checksum, checksumAdjust, fold, sumBytes } from './memory/checksum.ts';
export * from './memory/packet.ts';
export type { PacketOwner } from './memory/packet-owner.ts';
export { HEADROOM, LARGE_SLOT, PacketPool, type PoolOptions, SMALL_SLOT, sharedPool } from './memory/pool.ts';
export { PacketQueue } from './memory/queue.ts';
export * from './netdevice/admin.ts';
export * from './netdevice/carrier.ts';
export * from './netdevice/change.ts';
export { qdiscName } from './netdevice/discipline.ts';
export * from './netdevice/events.ts';
export * from './netdevice/features.ts';
export * from './netdevice/flags.ts';
export type { Link, LinkPort } from './netdevice/link.ts';
export type { NetdevInfo } from './netdevice/netdev-info.ts';
export { NetDevice, type NetDeviceOptions } from './netdevice/netdevice.ts';
export { Netns, type PacketTap, type ProtocolHandler } from './netdevice/netns.ts';
export * from './netdevice/notifier.ts';
export * from './netdevice/operstate.ts';
export { notifyPeers } from './netdevice/peers.ts';
export * from './netdevice/registry.ts';
export type { RtListener, RtMessage, RtType } from './netdevice/rtnetlink.ts';
export * from './netdevice/state-bits.ts';
export { LinkStatistics } from './netdevice/statistics.ts';
export * from './netdevice/upper.ts';
export * from './pcap/capture-file.ts';
export { LINKTYPE_ETHERNET, LINKTYPE_RAW } from './pcap/format.ts';
export { PcapWriter, type PcapWriterOptions } from './pcap/pcap-writer.ts';
export { PcapngWriter } from './pcap/pcapng-writer.ts';
export { readCapture } from './pcap/reader.ts';
export type { CaptureSink, CaptureWriter, CaptureWriterOptions, FrameNotes } from './pcap/writer.ts';
export { Entropy, RealEntropy, SeededEntropy } from './random.ts';
