/**
 * One connection (or UDP socket) of a script, and how the script's numbers stand to those on the wire. The remote end's numbers are the
 * script's own, since the script is the remote end; the local end's are learned from the packets that the stack sends.
 */
export class Flow {
  readonly protocol: 'tcp' | 'udp';
  /** As the script numbers it; undefined while no system call has given one. */
  fd: number | undefined;
  state: 'new' | 'listening' | 'connecting' | 'passive' = 'new';
  /** Listening sockets: how many connections came in already. */
  children = 0;
  localAddress: number;
  remoteAddress: number;
  /** Undefined until it is known. */
  localPort: number | undefined;
  remotePort: number | undefined;
  /** The first sequence number of the local end: as the script writes it, and as it was on the wire. */
  localIsn: { readonly script: number; readonly live: number } | undefined;
  remoteIsn: number | undefined;
  /** The last sequence number that the stack sent, on the wire's scale. */
  lastSeq = 0;
  /** Timestamps of the local end on the wire, by those that the script writes. */
  readonly timestamps: Map<number, number> = new Map();
  /** The first of them. */
  firstTimestamp: { readonly script: number; readonly live: number } | undefined;

  constructor(protocol: 'tcp' | 'udp', localAddress: number, remoteAddress: number) {
    this.protocol = protocol;
    this.localAddress = localAddress;
    this.remoteAddress = remoteAddress;
  }

  /** A sequence number of the local end from the script's scale to the wire's; packets with SYN count from 0. */
  localToLive(number: number, syn: boolean): number {
    if (this.localIsn === undefined) return number >>> 0;
    return (number + this.localIsn.live - (syn ? this.localIsn.script : 0)) >>> 0;
  }

  localToScript(number: number, syn: boolean): number {
    if (this.localIsn === undefined) return number;
    return (number - this.localIsn.live + (syn ? this.localIsn.script : 0)) >>> 0;
  }

  /** A sequence number of the remote end from the script's scale to the wire's. */
  remoteToLive(number: number, syn: boolean): number {
    return syn ? number >>> 0 : (number + (this.remoteIsn ?? 0)) >>> 0;
  }

  remoteToScript(number: number, syn: boolean): number {
    return syn ? number : (number - (this.remoteIsn ?? 0)) >>> 0;
  }

  /** Learns what the script calls the timestamp of a packet that the stack sent. */
  learnTimestamp(script: number, live: number): void {
    this.firstTimestamp ??= { script, live };
    this.timestamps.set(script, live);
  }
}
