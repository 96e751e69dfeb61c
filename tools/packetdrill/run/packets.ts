import type { Backend } from '../backend.ts';
import { ACK, type PacketSpec } from '../script/packet-spec.ts';
import type { PacketAction, ScriptEvent } from '../script/script.ts';
import { formatPacket } from '../wire/format.ts';
import { decodePacket, isIpv4, type LivePacket } from '../wire/live-packet.ts';
import { compare } from './compare.ts';
import { ScriptFailure } from './failure.ts';
import type { Flow } from './flow.ts';
import { buildInbound } from './inbound.ts';
import { onScriptScale } from './outbound.ts';
import { isPart, join } from './segments.ts';
import { type Due, timingComplaint } from './timing.ts';
import type { Trace } from './trace.ts';
import type { World } from './world.ts';

/** Microseconds that an expected packet may be late before it is given up. */
const PATIENCE = 2_000_000;
/** The same where the script says that it may come at any time. */
const ANY_TIME = 600_000_000;

/** A packet of the stack that belongs to the script. */
interface Arrival {
  readonly time: number;
  readonly live: LivePacket;
  readonly flow: Flow;
  /** On the script's scale; undefined for a protocol that scripts don't know. */
  readonly actual: PacketSpec | undefined;
}

/** Sends a script's packets to the stack, and checks those that the stack sends. */
export class PacketRunner {
  readonly #backend: Backend;
  readonly #world: World;
  readonly #trace: Trace;

  constructor(backend: Backend, world: World, trace: Trace) {
    this.#backend = backend;
    this.#world = world;
    this.#trace = trace;
  }

  /** Lets the script's packet arrive at the stack; gives the time. */
  async inbound(event: ScriptEvent, action: PacketAction): Promise<number> {
    const flow = this.#world.flowForInbound(action.packet);
    const bytes = this.#build(event, action.packet, flow);
    const time = await this.#backend.inject(bytes);
    this.#trace.packet('in', time, bytes);
    this.#trace.add(time, event.line, event.text);
    return time;
  }

  #build(event: ScriptEvent, packet: PacketSpec, flow: Flow): Uint8Array {
    try {
      return buildInbound(packet, flow, this.#world.settings);
    } catch (error) {
      throw new ScriptFailure(
        event.line,
        `inbound packet: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  /** Waits for the packet that the script expects, in as many segments as the stack likes; gives the time of the last. */
  async outbound(event: ScriptEvent, expected: PacketSpec, due: Due): Promise<number> {
    const deadline = due.any ? this.#backend.now() + ANY_TIME : due.latest + PATIENCE;
    const first = await this.#next(event, expected, deadline);
    if (first === undefined) {
      const script = this.#packetLine('script packet', due.earliest, expected);
      throw new ScriptFailure(event.line, 'outbound packet: none came', [script]);
    }
    let { actual, time } = first;
    while (!this.#world.settings.strictSegments && isPart(expected, actual)) {
      const next = await this.#next(event, expected, deadline);
      if (next === undefined) break;
      const joined = join(actual, next.actual);
      if (joined === undefined) {
        const whole = this.#packetLine('next packet  ', next.time, next.actual);
        this.#fail(event, expected, due, { ...first, actual }, 'the rest of the packet did not follow', [
          whole,
        ]);
      }
      actual = joined;
      time = next.time;
    }
    const arrival = { ...first, actual };
    const complaint = compare(expected, actual, first.live, first.flow, this.#world.settings);
    if (complaint !== undefined) this.#fail(event, expected, due, arrival, complaint);
    this.#learn(expected, first);
    const late = timingComplaint(due, first.time, this.#trace.start);
    if (late !== undefined) this.#fail(event, expected, due, arrival, late);
    return time;
  }

  /** The next packet that the script is about; others pass by. */
  async #next(event: ScriptEvent, expected: PacketSpec, deadline: number): Promise<Arrival | undefined> {
    for (;;) {
      const packet = await this.#backend.takeOutbound(deadline);
      if (packet === undefined) return undefined;
      if (!isIpv4(packet.bytes)) continue;
      this.#trace.packet('out', packet.time, packet.bytes);
      const live = this.#decode(event, packet.bytes);
      const flow = this.#world.flowForOutbound(live, expected);
      if (flow === undefined) {
        this.#trace.add(packet.time, 0, `a ${live.transport.kind} packet that the script is not about`);
        continue;
      }
      const actual = onScriptScale(live, flow, expected);
      this.#trace.add(
        packet.time,
        event.line,
        `> ${actual === undefined ? live.transport.kind : formatPacket(actual)}`,
      );
      return { time: packet.time, live, flow, actual };
    }
  }

  #decode(event: ScriptEvent, bytes: Uint8Array): LivePacket {
    try {
      return decodePacket(bytes);
    } catch (error) {
      const hex = Buffer.from(bytes).toString('hex');
      throw new ScriptFailure(event.line, `outbound packet: malformed: ${(error as Error).message}`, [hex]);
    }
  }

  /** What a packet that was as expected tells of the stack's own numbers. */
  #learn(expected: PacketSpec, { live, flow }: Arrival): void {
    const { transport } = live;
    if (transport.kind !== 'tcp' || expected.protocol !== 'tcp') return;
    flow.lastSeq = transport.seq;
    const script = expected.options?.find((option) => option.kind === 'TS');
    const actual = transport.options.find((option) => option.kind === 'TS');
    if (script !== undefined && actual !== undefined) flow.learnTimestamp(script.val, actual.val);
    if (flow.state === 'new' && (transport.flags & ACK) === 0) flow.state = 'connecting';
  }

  #fail(
    event: ScriptEvent,
    expected: PacketSpec,
    due: Due,
    arrival: Arrival,
    complaint: string,
    more: readonly string[] = [],
  ): never {
    throw new ScriptFailure(event.line, `outbound packet: ${complaint}`, [
      this.#packetLine('script packet', due.earliest, expected),
      this.#packetLine('actual packet', arrival.time, arrival.actual),
      ...more,
    ]);
  }

  #packetLine(title: string, time: number, packet: PacketSpec | undefined): string {
    return `${title}: ${this.#trace.seconds(time)} ${packet === undefined ? '?' : formatPacket(packet)}`;
  }
}
