import { EAGAIN } from '../../device/errno.ts';
import type { Packet } from '../../device/memory/packet.ts';
import { ICMP_ECHO, ICMP_HLEN, ICMP_IDENTIFIER, ICMP_TYPE } from '../wire/icmp.ts';
import { ipv4HeaderLength } from '../wire/ipv4.ts';
import type { IpContext } from './context.ts';

/** Who sends echo requests under an identifier of its own. */
export interface PingUser {
  /** An answer with its header at `packet.start`, which stays the registry's. */
  receive(packet: Packet): void;
  /** An ICMP error about a request, whose ICMP header is quoted at `at`. */
  error(packet: Packet, at: number, type: number, code: number, info: number): void;
}

const IDENTIFIERS = 0x10000;

/** Gives answers to the one who asked, by identifier (Linux: `net/ipv4/ping.c`). */
export class PingRegistry {
  readonly #context: IpContext;
  readonly #users = new Map<number, PingUser>();
  #next: number;

  constructor(context: IpContext) {
    this.#context = context;
    this.#next = context.ns.entropy.below(IDENTIFIERS);
  }

  /** An identifier that is not in use; `-EAGAIN` when all are. */
  add(user: PingUser): number {
    if (this.#users.size >= IDENTIFIERS) return -EAGAIN;
    while (this.#users.has(this.#next)) this.#next = (this.#next + 1) % IDENTIFIERS;
    const identifier = this.#next;
    this.#next = (this.#next + 1) % IDENTIFIERS;
    this.#users.set(identifier, user);
    return identifier;
  }

  remove(identifier: number): void {
    this.#users.delete(identifier);
  }

  /** Takes an echo reply; one that nobody waits for is dropped in silence, as the kernel does. */
  receive(packet: Packet): void {
    const user = this.#users.get(packet.pool.view.getUint16(packet.start + ICMP_IDENTIFIER));
    if (user === undefined) this.#context.ip.input.astray?.(packet);
    else user.receive(packet);
    packet.release();
  }

  /** An ICMP error about a message of ours; `packet.start` is at the quoted IP header. */
  error(packet: Packet, type: number, code: number, info: number): void {
    const { view } = packet.pool;
    const at = packet.start + ipv4HeaderLength(view, packet.start);
    if (packet.end - at < ICMP_HLEN || view.getUint8(at + ICMP_TYPE) !== ICMP_ECHO) return;
    const user = this.#users.get(view.getUint16(at + ICMP_IDENTIFIER));
    if (user === undefined) this.#context.ip.input.astray?.(packet);
    else user.error(packet, at, type, code, info);
  }

  get size(): number {
    return this.#users.size;
  }

  /** The stack that requests are sent by. */
  get context(): IpContext {
    return this.#context;
  }
}
