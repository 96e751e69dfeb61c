import { decode, encode, RECURSION_DESIRED } from 'dns-packet';
import type { Question } from './question.ts';
import { isSound } from './wire-check.ts';

/** Largest answer over UDP that is asked for: it passes everywhere without fragments (RFC 6891, section 6.2.5; DNS flag day 2020). */
const UDP_PAYLOAD = 1232;

/** A record of an answer; `data` is what dns-packet makes of it. */
export interface WireRecord {
  readonly name: string;
  readonly type: string;
  /** Seconds. */
  readonly ttl: number;
  readonly data: unknown;
}

/** What an answer says. */
export interface Response {
  readonly rcode: string;
  readonly truncated: boolean;
  readonly answers: readonly WireRecord[];
  readonly authorities: readonly WireRecord[];
}

/** Why a message is not the answer that is waited for; the counter's name without `dropped`. */
export type Refusal = 'NoAnswer' | 'WrongId' | 'WrongQuestion' | 'WrongCase' | 'Malformed';

const HEADER = 12;
const QR = 0x8000;
const OPCODE = 0x7800;
/** Of lifetimes with the first bit set (RFC 2181, section 8). */
const TTL_SIGN = 0x8000_0000;

/** A question on the wire, `edns`: with what RFC 6891 adds. */
export function encodeQuestion(question: Question, id: number, edns: boolean): Uint8Array {
  return encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED,
    // CAA, NAPTR and ANY are missing in the library's types, not in the library.
    questions: [{ name: question.name, type: question.type as 'A' }],
    additionals: edns
      ? [
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize: UDP_PAYLOAD,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ]
      : [],
  });
}

/** What a message says, if it answers `question` under `id`; else why it does not. The name must come back letter by letter. */
export function readResponse(bytes: Uint8Array, id: number, question: Question): Response | Refusal {
  if (bytes.length < HEADER) return 'NoAnswer';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = view.getUint16(2);
  if ((flags & QR) === 0 || (flags & OPCODE) !== 0) return 'NoAnswer';
  if (view.getUint16(0) !== id) return 'WrongId';
  if (!isSound(bytes)) return 'Malformed';
  try {
    const packet = decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    const asked = packet.questions ?? [];
    const only = asked[0];
    if (asked.length !== 1 || only === undefined || only.type !== question.type || only.class !== 'IN')
      return 'WrongQuestion';
    const name = only.name === '.' ? '' : only.name;
    if (name !== question.name)
      return name.toLowerCase() === question.name.toLowerCase() ? 'WrongCase' : 'WrongQuestion';
    return {
      rcode: (packet as { rcode?: string }).rcode ?? '',
      truncated: packet.flag_tc,
      answers: recordsOf(packet.answers ?? []),
      authorities: recordsOf(packet.authorities ?? []),
    };
  } catch {
    return 'Malformed';
  }
}

function recordsOf(list: readonly object[]): WireRecord[] {
  const out: WireRecord[] = [];
  for (const record of list as readonly (WireRecord & { class?: string })[]) {
    if (record.type === 'OPT' || record.class !== 'IN') continue;
    const { name, type, ttl, data } = record;
    out.push({ name, type, ttl: ttl >= TTL_SIGN ? 0 : ttl, data });
  }
  return out;
}
