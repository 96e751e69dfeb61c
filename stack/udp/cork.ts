import type { SendParameters } from '../socket/send-parameters.ts';
import type { UdpDestination } from './output.ts';

const FIRST_ROOM = 2048;

/** A datagram that is being written in parts (MSG_MORE, UDP_CORK), with the destination and options of its first part. */
export class Cork {
  readonly destination: UdpDestination;
  readonly parameters: Readonly<SendParameters>;
  bytes: Uint8Array = new Uint8Array(FIRST_ROOM);
  length = 0;
  /** Calls with MSG_ZEROCOPY that gave it parts. */
  lent = 0;

  constructor(destination: Readonly<UdpDestination>, parameters: Readonly<SendParameters>) {
    this.destination = { ...destination };
    this.parameters = parameters.copy();
  }

  /** The bytes, with room for `more`. */
  room(more: number): Uint8Array {
    const wanted = this.length + more;
    if (wanted > this.bytes.length) {
      const grown = new Uint8Array(Math.max(wanted, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    return this.bytes;
  }
}
