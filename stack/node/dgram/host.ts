import type { SocketLayer } from '../../socket/layer.ts';

/** Resolves a name to an address of a family, as `dns.lookup` does. */
export type LookupFunction = (
  hostname: string,
  family: 4 | 6,
  callback: (error: Error | null, address: string, family: number) => void,
) => void;

/** What sockets of `dgram` stand on. */
export interface DgramHost {
  readonly sockets: SocketLayer;
  /** Asked for each name, so that replacing it has an effect at once. */
  lookup(...args: Parameters<LookupFunction>): void;
}
