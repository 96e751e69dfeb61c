import { VirtualClock } from '../../device/clock/virtual.ts';
import { Machine } from '../../device/machine.ts';
import { CHECKSUM_UNNECESSARY } from '../../device/memory/packet.ts';
import { PacketPool } from '../../device/memory/pool.ts';
import { AF_INET, SOCK_NONBLOCK, SOCK_STREAM } from '../../stack/socket/abi.ts';
import { SocketAddress } from '../../stack/socket/address.ts';
import { createStack, type Stack } from '../../stack/stack.ts';
import { parseIpv4 } from '../../stack/wire/address.ts';
import { setIpv4Checksum } from '../../stack/wire/ipv4.ts';
import { TH_ACK, TH_SYN } from '../../stack/wire/tcp.ts';
import type { Bench } from './result.ts';
import { type Round, summarise } from './result.ts';
import { SinkLink } from './sink-link.ts';

const LOCAL = parseIpv4('192.0.2.1');
const REMOTES = parseIpv4('198.18.0.0');
const PORT = 80;
const FEW = 10;
const MANY = 100_000;
/** Segments that are delivered in one measurement. */
const SEGMENTS = 100_000;
const FRAME_BYTES = 40;
const PEER_ISN = 1000;

/** A server with connections, all of them opened by a handshake. */
class Server {
  readonly clock = new VirtualClock();
  readonly pool = new PacketPool({ small: 256, large: 4, pages: 4 });
  readonly link = new SinkLink();
  readonly stack: Stack;
  /** For {@link FEW} of the connections, spread over the table, an acknowledgement with nothing new in it. */
  readonly segments: Buffer[] = [];

  constructor(connections: number) {
    this.stack = createStack({ machine: new Machine({ clock: this.clock, pool: this.pool }) });
    const { sockets } = this.stack;
    this.stack.addDevice(this.link, { name: 'sink0', addresses: ['192.0.2.1/24'] });
    this.stack.addRoute({ to: 'default', dev: 'sink0' });
    const listener = sockets.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockets.bind(listener, new SocketAddress(AF_INET, 0, PORT));
    sockets.listen(listener, 16);
    for (let i = 0; i < connections; i++) {
      this.receive(segment(i, TH_SYN, PEER_ISN, 0));
      const ack = segment(i, TH_ACK, PEER_ISN + 1, this.link.lastSequence + 1);
      this.receive(ack);
      if (sockets.accept(listener) < 0) throw new Error(`connection ${i} was not opened`);
      if (i % (connections / FEW) === 0) this.segments.push(ack);
    }
  }

  receive(frame: Buffer): void {
    const packet = this.pool.from(frame);
    if (packet === null) throw new Error('the pool is empty');
    packet.checksum = CHECKSUM_UNNECESSARY;
    this.link.port.receive(packet);
    this.clock.drain();
  }

  /** Nanoseconds a segment, from the device to its connection. */
  measure(): number {
    const { segments } = this;
    const begin = performance.now();
    for (let i = 0; i < SEGMENTS; i++) this.receive(segments[i % FEW]!);
    return ((performance.now() - begin) * 1e6) / SEGMENTS;
  }
}

function segment(peer: number, flags: number, seq: number, ack: number): Buffer {
  const frame = Buffer.alloc(FRAME_BYTES);
  frame[0] = 0x45;
  frame.writeUInt16BE(FRAME_BYTES, 2);
  frame[8] = 64;
  frame[9] = 6;
  frame.writeUInt32BE(REMOTES + (peer >>> 4), 12);
  frame.writeUInt32BE(LOCAL, 16);
  frame.writeUInt16BE(40_000 + (peer & 15), 20);
  frame.writeUInt16BE(PORT, 22);
  frame.writeUInt32BE(seq, 24);
  frame.writeUInt32BE(ack >>> 0, 28);
  frame[32] = 0x50;
  frame[33] = flags;
  frame.writeUInt16BE(8192, 34);
  setIpv4Checksum(new DataView(frame.buffer, frame.byteOffset, FRAME_BYTES), 0, 20);
  return frame;
}

/** What a segment costs that finds its connection among 100,000, beside one that finds it among 10. */
export function benchLookup({ rounds, report }: Bench): void {
  const few = new Server(FEW);
  const many = new Server(MANY);
  const { flows } = many.stack.tcp;
  if (flows.size !== MANY) throw new Error(`${flows.size} connections`);
  for (let i = 0; i < 3; i++) for (const server of [few, many]) server.measure();
  const measured: Round[] = [];
  for (let i = 0; i < rounds; i++) measured.push({ reference: few.measure(), ours: many.measure() });
  report(
    summarise('lookup', 'ns', `a segment that finds its connection among ${FEW}`, measured, {
      connections: MANY,
      segments: SEGMENTS,
    }),
  );
  few.stack.close();
  many.stack.close();
}
