import type { Packet } from '../../device/memory/packet.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Path } from './path.ts';

/** A protocol above IP (Linux: `struct net_protocol`). */
export interface IpProtocol {
  /**
   * Takes a whole datagram, with its ownership: `packet.start` is at the transport header, `packet.network` at the IP header.
   * `path.type` tells whether it was for this host, all, or a group.
   */
  receive(packet: Packet, dev: NetDevice, path: Path): void;
  /**
   * Hears of an ICMP error about a datagram of this protocol that this host sent; `packet.start` is at the IP header that it
   * quotes, of which the transport header may be cut. It may look but not keep. `info`: the MTU, gateway or pointer.
   */
  error?(packet: Packet, type: number, code: number, info: number): void;
}

/**
 * Sees every datagram that is delivered to this host before its protocol does; `packet.start` is at the transport header. It
 * may look and copy, not keep. True: it is wanted, so that no "protocol unreachable" is answered (Linux: raw sockets).
 */
export type RawListener = (packet: Packet, dev: NetDevice) => boolean;

/** Hears of every ICMP error about a datagram of this host, as {@link IpProtocol.error} does. */
export type RawErrorListener = (packet: Packet, type: number, code: number, info: number) => void;

/** The protocols above IP, by number. */
export class ProtocolRegistry {
  readonly #handlers: (IpProtocol | null)[] = new Array<IpProtocol | null>(256).fill(null);
  #raw: readonly RawListener[] = [];
  #rawErrors: readonly RawErrorListener[] = [];

  /** Registers the handler of a protocol number, of which there is one. */
  add(protocol: number, handler: IpProtocol): void {
    if (this.get(protocol) !== null) throw new Error(`IP protocol ${protocol} has a handler`);
    this.#handlers[protocol] = handler;
  }

  remove(protocol: number): void {
    this.#handlers[protocol] = null;
  }

  get(protocol: number): IpProtocol | null {
    return this.#handlers[protocol] ?? null;
  }

  /** Adds a listener to all delivered datagrams, and one to ICMP errors; returns the function that removes them. */
  addRaw(listener: RawListener, errors: RawErrorListener | null = null): () => void {
    this.#raw = [...this.#raw, listener];
    if (errors !== null) this.#rawErrors = [...this.#rawErrors, errors];
    return () => {
      this.#raw = this.#raw.filter((other) => other !== listener);
      this.#rawErrors = this.#rawErrors.filter((other) => other !== errors);
    };
  }

  /** Tells the listeners of an ICMP error. */
  tellError(packet: Packet, type: number, code: number, info: number): void {
    for (const listener of this.#rawErrors) listener(packet, type, code, info);
  }

  /** Shows a datagram to the listeners; whether one of them wants it. */
  tell(packet: Packet, dev: NetDevice): boolean {
    const listeners = this.#raw;
    let wanted = false;
    for (let i = 0; i < listeners.length; i++) wanted = listeners[i]!(packet, dev) || wanted;
    return wanted;
  }
}
