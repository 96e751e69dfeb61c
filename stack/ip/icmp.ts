import { DROP_POOL_EXHAUSTED, dropReason } from '../../device/drop.ts';
import { checksum } from '../../device/memory/checksum.ts';
import { CHECKSUM_PARTIAL, CHECKSUM_UNNECESSARY, type Packet } from '../../device/memory/packet.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { type CounterName, MIB } from '../counters.ts';
import {
  ICMP_ADDRESS,
  ICMP_ADDRESSREPLY,
  ICMP_DEST_UNREACH,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  ICMP_EXT_ECHO,
  ICMP_EXT_ECHOREPLY,
  ICMP_FRAG_NEEDED,
  ICMP_HLEN,
  ICMP_PARAMETERPROB,
  ICMP_REDIRECT,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
  ICMP_TIMESTAMP,
  ICMP_TIMESTAMPREPLY,
  ICMP_TYPE,
  NR_ICMP_TYPES,
} from '../wire/icmp.ts';
import { IPPROTO_ICMP } from '../wire/ipv4.ts';
import type { IpContext } from './context.ts';
import { IcmpErrors } from './icmp-error.ts';
import { receiveError, receiveRedirect } from './icmp-receive-error.ts';
import { IcmpReplies } from './icmp-reply.ts';
import type { IpOptions } from './options.ts';
import type { Path } from './path.ts';
import { PingRegistry } from './ping-registry.ts';
import { learnPmtu } from './pmtu.ts';
import { followRedirect } from './redirect.ts';
import { isBroadcastPath } from './routes.ts';

/** The checksum is wrong. */
export const DROP_ICMP_CHECKSUM: number = dropReason('icmp_checksum');
/** Too short for what it is. */
export const DROP_ICMP_TRUNCATED: number = dropReason('icmp_truncated');
/** Of a type that nobody knows. */
export const DROP_ICMP_TYPE: number = dropReason('icmp_type');
/** A PROBE message, which nobody here answers (Linux: unless `icmp_echo_enable_probe` is set), and which is no error. */
export const DROP_ICMP_PROBE: number = dropReason('icmp_probe');
/** Sent to all or to a group, which is not answered. */
export const DROP_ICMP_BROADCAST: number = dropReason('icmp_broadcast');

/** What is done with a message of each type. It takes the packet's ownership. */
type Handler = (icmp: Icmp, packet: Packet, dev: NetDevice, path: Path) => void;

function discard(_icmp: Icmp, packet: Packet): void {
  packet.release();
}

/** By type (Linux: `icmp_pointers`). Types that are not here are known, and ignored. */
const HANDLERS: Readonly<Record<number, Handler>> = {
  [ICMP_ECHOREPLY]: (icmp, packet) => icmp.pings.receive(packet),
  [ICMP_DEST_UNREACH]: (icmp, packet, dev) => receiveError(icmp.context, packet, dev),
  [ICMP_SOURCE_QUENCH]: (icmp, packet, dev) => receiveError(icmp.context, packet, dev),
  [ICMP_REDIRECT]: (icmp, packet, dev) => receiveRedirect(icmp.context, packet, dev),
  [ICMP_ECHO]: (icmp, packet, dev, path) => icmp.replies.echo(packet, dev, path),
  [ICMP_TIME_EXCEEDED]: (icmp, packet, dev) => receiveError(icmp.context, packet, dev),
  [ICMP_PARAMETERPROB]: (icmp, packet, dev) => receiveError(icmp.context, packet, dev),
  [ICMP_TIMESTAMP]: (icmp, packet, dev, path) => icmp.replies.timestamp(packet, dev, path),
};

/** The types that are looked at though they came to all or to a group. */
const TO_MANY: ReadonlySet<number> = new Set([ICMP_ECHO, ICMP_TIMESTAMP, ICMP_ADDRESS, ICMP_ADDRESSREPLY]);

const COUNTER_OF: readonly [number, string][] = [
  [ICMP_ECHOREPLY, 'EchoReps'],
  [ICMP_DEST_UNREACH, 'DestUnreachs'],
  [ICMP_SOURCE_QUENCH, 'SrcQuenchs'],
  [ICMP_REDIRECT, 'Redirects'],
  [ICMP_ECHO, 'Echos'],
  [ICMP_TIME_EXCEEDED, 'TimeExcds'],
  [ICMP_PARAMETERPROB, 'ParmProbs'],
  [ICMP_TIMESTAMP, 'Timestamps'],
  [ICMP_TIMESTAMPREPLY, 'TimestampReps'],
  [ICMP_ADDRESS, 'AddrMasks'],
  [ICMP_ADDRESSREPLY, 'AddrMaskReps'],
];
const IN_COUNTERS = countersBy('In');
const OUT_COUNTERS = countersBy('Out');

/** ICMP (Linux: `net/ipv4/icmp.c`). */
export class Icmp {
  readonly context: IpContext;
  readonly errors: IcmpErrors;
  readonly replies: IcmpReplies;
  readonly pings: PingRegistry;

  constructor(context: IpContext) {
    this.context = context;
    this.errors = new IcmpErrors(context);
    this.replies = new IcmpReplies(context);
    this.pings = new PingRegistry(context);
    context.ip.protocols.add(IPPROTO_ICMP, {
      receive: (packet, dev, path) => this.receive(packet, dev, path),
      error: (packet, type, code, info) => this.#quoted(packet, type, code, info),
    });
  }

  /** Sends an error about `packet`; see {@link IcmpErrors.send}. */
  error(
    packet: Packet,
    type: number,
    code: number,
    info: number,
    path: Path | null,
    options: IpOptions | null = null,
  ): void {
    this.errors.send(packet, type, code, info, path, options);
  }

  /** Takes a message whose header is at `packet.start` (Linux: `icmp_rcv`). */
  receive(received: Packet, dev: NetDevice, path: Path): void {
    const { mib, settings } = this.context;
    mib.add(MIB.IcmpInMsgs);
    const packet = this.#linear(received);
    if (packet === null) return;
    const length = packet.end - packet.start;
    const summed = packet.checksum === CHECKSUM_UNNECESSARY || packet.checksum === CHECKSUM_PARTIAL;
    if (!summed && checksum(packet.pool, packet.start, length) !== 0) {
      mib.add(MIB.IcmpInCsumErrors);
      this.refuse(packet, DROP_ICMP_CHECKSUM, dev);
      return;
    }
    if (length < ICMP_HLEN) {
      this.refuseShort(packet, dev);
      return;
    }
    const type = packet.pool.view.getUint8(packet.start + ICMP_TYPE);
    const counter = IN_COUNTERS[type] ?? -1;
    if (counter >= 0) mib.add(counter);
    if (type === ICMP_EXT_ECHO || type === ICMP_EXT_ECHOREPLY) {
      dev.drop(packet, DROP_ICMP_PROBE);
      return;
    }
    if (type > NR_ICMP_TYPES) {
      this.refuse(packet, DROP_ICMP_TYPE, dev);
      return;
    }
    if (isBroadcastPath(path)) {
      const request = type === ICMP_ECHO || type === ICMP_TIMESTAMP;
      if (!TO_MANY.has(type) || (request && settings.icmpEchoIgnoreBroadcasts.value === 1)) {
        this.refuse(packet, DROP_ICMP_BROADCAST, dev);
        return;
      }
    }
    (HANDLERS[type] ?? discard)(this, packet, dev, path);
  }

  /** Counts a message that is sent. */
  countOut(type: number): void {
    const { mib } = this.context;
    mib.add(MIB.IcmpOutMsgs);
    const counter = OUT_COUNTERS[type] ?? -1;
    if (counter >= 0) mib.add(counter);
  }

  /** Counts an error in what was received, and drops it. */
  refuse(packet: Packet, reason: number, dev: NetDevice): void {
    this.context.mib.add(MIB.IcmpInErrors);
    dev.drop(packet, reason);
  }

  /** Refuses what is too short for what it is. */
  refuseShort(packet: Packet, dev: NetDevice): void {
    this.refuse(packet, DROP_ICMP_TRUNCATED, dev);
  }

  /** An error about a message of ours came back (Linux: `icmp_err`, `ping_err`). */
  #quoted(packet: Packet, type: number, code: number, info: number): void {
    if (type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED) learnPmtu(this.context, packet, info);
    else if (type === ICMP_REDIRECT) followRedirect(this.context, packet, info);
    this.pings.error(packet, type, code, info);
  }

  /** A message whose payload is gathered from elsewhere is copied into one piece. */
  #linear(packet: Packet): Packet | null {
    if (packet.payloadLength === 0) return packet;
    const copy = this.context.machine.pool.copy(packet);
    packet.release();
    if (copy === null) this.context.ns.dropUnmade(DROP_POOL_EXHAUSTED);
    return copy;
  }
}

function countersBy(direction: 'In' | 'Out'): Int32Array {
  const counters = new Int32Array(NR_ICMP_TYPES + 1).fill(-1);
  for (const [type, name] of COUNTER_OF) counters[type] = MIB[`Icmp${direction}${name}` as CounterName];
  return counters;
}
