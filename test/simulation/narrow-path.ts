import { Timer } from '../../device/clock/timer.ts';
import { DROP_WIRE_MTU } from '../../device/link/wire/direction.ts';
import type { Wire } from '../../device/link/wire/wire.ts';
import type { Machine } from '../../device/machine.ts';
import type { Packet } from '../../device/memory/packet.ts';

const ETHERNET = 14;
const IP = 20;
const ICMP = 8;
/** What an ICMP error quotes: an IP header without options and eight bytes. */
const QUOTED = 28;
/** Milliseconds until the router's message is back. */
const DELAY = 2;

/**
 * A router in the middle of a wire that has become narrow: what does not fit it drops, and says so as RFC 1191 has it
 * when it is that kind. It is no stack: it writes its message byte by byte.
 */
export class NarrowPath {
  mtu = 0;
  icmp = false;
  readonly #timers = new Set<Timer>();

  constructor(machine: Machine, wire: Wire) {
    for (const [direction, sender] of [
      [wire.aToB, wire.a],
      [wire.bToA, wire.b],
    ] as const)
      direction.onDrop = (reason, packet) => {
        if (reason !== DROP_WIRE_MTU || !this.icmp) return;
        const message = this.#message(packet);
        const timer = new Timer(machine.clock, () => {
          this.#timers.delete(timer);
          const reply = machine.pool.from(message);
          if (reply !== null && wire.whole) sender.port.receive(reply);
          else reply?.release();
        });
        this.#timers.add(timer);
        timer.start(DELAY);
      };
  }

  /** Says nothing any more. */
  close(): void {
    for (const timer of this.#timers) timer.stop();
    this.#timers.clear();
  }

  #message(packet: Packet): Uint8Array {
    const frame = packet.bytes();
    const out = Buffer.alloc(ETHERNET + IP + ICMP + QUOTED);
    frame.copy(out, 0, 6, 12);
    frame.copy(out, 6, 0, 6);
    out.writeUInt16BE(0x0800, 12);
    out[ETHERNET] = 0x45;
    out.writeUInt16BE(IP + ICMP + QUOTED, ETHERNET + 2);
    out[ETHERNET + 8] = 64;
    out[ETHERNET + 9] = 1;
    out.writeUInt32BE(0x0a0000fe, ETHERNET + 12);
    frame.copy(out, ETHERNET + 16, ETHERNET + 12, ETHERNET + 16);
    out[ETHERNET + IP] = 3;
    out[ETHERNET + IP + 1] = 4;
    out.writeUInt16BE(this.mtu, ETHERNET + IP + 6);
    frame.copy(out, ETHERNET + IP + ICMP, ETHERNET, ETHERNET + QUOTED);
    out.writeUInt16BE(checksum(out.subarray(ETHERNET, ETHERNET + IP)), ETHERNET + 10);
    out.writeUInt16BE(checksum(out.subarray(ETHERNET + IP)), ETHERNET + IP + 2);
    return out;
  }
}

function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
