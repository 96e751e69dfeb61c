import type { Path } from './path.ts';

/** Places, a power of two; a flow whose place another one has taken asks the routes again. */
const PLACES = 64;

/**
 * The paths to this host that packets took lately, by what they were found with, so that the flow of a connection asks the routes
 * once a change and not once a packet (Linux: early demultiplexing to a socket's `sk_rx_dst`). Everything in it is of one generation
 * of the routes. Addresses are signed 32-bit integers here, which the engine never has to allocate.
 */
export class InputCache {
  readonly #sources = new Int32Array(PLACES);
  readonly #destinations = new Int32Array(PLACES);
  /** Interface and TOS. */
  readonly #ways = new Int32Array(PLACES);
  readonly #paths: (Path | null)[] = new Array<Path | null>(PLACES).fill(null);
  #generation = -1;

  /** What was kept for such a packet in this generation of the routes, null: nothing. */
  find(destination: number, source: number, tos: number, ifindex: number, generation: number): Path | null {
    if (generation !== this.#generation) {
      this.#paths.fill(null);
      this.#generation = generation;
      return null;
    }
    const place = placeOf(destination, source);
    const path = this.#paths[place]!;
    if (path === null || this.#sources[place] !== source || this.#destinations[place] !== destination)
      return null;
    return this.#ways[place] === wayOf(tos, ifindex) ? path : null;
  }

  /** Keeps a path for such packets until the routes change. */
  keep(destination: number, source: number, tos: number, ifindex: number, path: Path): void {
    const place = placeOf(destination, source);
    this.#sources[place] = source;
    this.#destinations[place] = destination;
    this.#ways[place] = wayOf(tos, ifindex);
    this.#paths[place] = path;
  }
}

function placeOf(destination: number, source: number): number {
  const mixed = Math.imul(source ^ Math.imul(destination, 0x9e3779b1), 0x85ebca6b);
  return (mixed >>> 16) & (PLACES - 1);
}

function wayOf(tos: number, ifindex: number): number {
  return (ifindex << 8) | tos;
}
