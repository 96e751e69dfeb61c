import type { Clock } from '../clock/clock.ts';
import { dropReasonName } from '../drop.ts';
import type { Machine } from '../machine.ts';
import type { Packet } from '../memory/packet.ts';
import { ARPHRD_NONE } from '../netdevice/flags.ts';
import type { Link } from '../netdevice/link.ts';
import type { NetDevice } from '../netdevice/netdevice.ts';
import type { Netns } from '../netdevice/netns.ts';
import { LINKTYPE_ETHERNET, LINKTYPE_RAW } from '../pcap/format.ts';
import type { CaptureWriter, FrameNotes } from '../pcap/writer.ts';
import { LinkFilter } from './filter.ts';

const IN: FrameNotes = { direction: 'in' };
const OUT: FrameNotes = { direction: 'out' };

/**
 * Wraps `inner` so that every frame is written to `writer` under `name`: received ones when they arrive, sent ones when
 * they are handed to the link, and, where the format has comments, dropped ones with `drop: reason`.
 */
export function capture(machine: Machine, inner: Link, writer: CaptureWriter, name: string): CaptureLink {
  return new CaptureLink(machine, inner, writer, name);
}

/** A link that records its frames; made by {@link capture}. */
export class CaptureLink extends LinkFilter {
  readonly machine: Machine;
  readonly writer: CaptureWriter;
  readonly interfaceId: number;

  constructor(machine: Machine, inner: Link, writer: CaptureWriter, name: string) {
    super(inner);
    this.machine = machine;
    this.writer = writer;
    this.interfaceId = writer.addInterface(name, linkTypeOf(inner.type));
  }

  override startXmit(packet: Packet): number {
    this.#write(packet, OUT);
    return super.startXmit(packet);
  }

  override receive(packet: Packet): void {
    this.#write(packet, IN);
    super.receive(packet);
  }

  override enqueue(packet: Packet): void {
    this.#write(packet, IN);
    super.enqueue(packet);
  }

  override drop(packet: Packet, reason: number): void {
    if (this.writer.annotates) this.#write(packet, { comment: `drop: ${dropReasonName(reason)}` });
    super.drop(packet, reason);
  }

  #write(packet: Packet, notes: FrameNotes): void {
    const time = captureTime(this.machine.clock);
    this.writer.write(this.interfaceId, time, frameFrom(packet, packet.start), notes);
  }
}

/**
 * Writes what every device of a namespace sends, receives and, where the format has comments, drops; returns the function
 * that ends it. Devices become interfaces when their first frame is seen. What was dropped before it had a link header goes
 * to a raw-IP interface called `none`.
 */
export function captureNamespace(ns: Netns, writer: CaptureWriter): () => void {
  const recorder = new NamespaceRecorder(ns, writer);
  const removeTap = ns.addTap((packet, dev, outgoing) => recorder.frame(packet, dev, outgoing));
  const removeDrop = ns.onDrop((reason, packet, dev) => recorder.drop(packet, dev, reason));
  return () => {
    removeTap();
    removeDrop();
  };
}

class NamespaceRecorder {
  readonly #ns: Netns;
  readonly #writer: CaptureWriter;
  readonly #interfaces = new Map<NetDevice | null, number>();

  constructor(ns: Netns, writer: CaptureWriter) {
    this.#ns = ns;
    this.#writer = writer;
  }

  frame(packet: Packet, dev: NetDevice, outgoing: boolean): void {
    this.#write(packet, dev, outgoing ? packet.start : packet.link, outgoing ? OUT : IN);
  }

  drop(packet: Packet, dev: NetDevice | null, reason: number): void {
    if (!this.#writer.annotates) return;
    const notes = { comment: `drop: ${dropReasonName(reason)}` };
    if (dev !== null && packet.link <= packet.start && packet.link + dev.hardHeaderLength <= packet.network)
      this.#write(packet, dev, packet.link, notes);
    else this.#write(packet, null, Math.min(packet.network, packet.start), notes);
  }

  #write(packet: Packet, dev: NetDevice | null, at: number, notes: FrameNotes): void {
    let interfaceId = this.#interfaces.get(dev);
    if (interfaceId === undefined) {
      interfaceId =
        dev === null
          ? this.#writer.addInterface('none', LINKTYPE_RAW)
          : this.#writer.addInterface(dev.name, linkTypeOf(dev.type));
      this.#interfaces.set(dev, interfaceId);
    }
    this.#writer.write(interfaceId, captureTime(this.#ns.machine.clock), frameFrom(packet, at), notes);
  }
}

/** Microseconds since the Unix epoch, exact. */
function captureTime(clock: Clock): number {
  return Math.round(clock.epoch * 1000) + Math.round(clock.now() * 1000);
}

/** The bytes of a packet from `at` on: a view where they are linear, which is good until the packet changes. */
function frameFrom(packet: Packet, at: number): Uint8Array {
  const { u8 } = packet.pool;
  const linear = u8.subarray(at, packet.end);
  if (packet.payloadLength === 0) return linear;
  const whole = new Uint8Array(linear.length + packet.payloadLength);
  whole.set(linear);
  whole.set(u8.subarray(packet.payload, packet.payload + packet.payloadLength), linear.length);
  return whole;
}

function linkTypeOf(type: number): number {
  return type === ARPHRD_NONE ? LINKTYPE_RAW : LINKTYPE_ETHERNET;
}
