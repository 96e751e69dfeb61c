/**
 * Walks a message before it is decoded, so that a hostile one costs no more than it is long: every name and record lies inside of it,
 * pointers go backwards and not from one to the next for ever, and names hold no control characters, and dots only between labels
 * (RFC 1035, section 4.1).
 */

const HEADER = 12;
const QUESTION_REST = 4;
const RECORD_REST = 10;
/** Pointers that one name may go through; a name has no more labels than that. */
const JUMPS_MOST = 127;
const NAME_MOST = 255;

const A = 1;
const AAAA = 28;

/** What the data of a type consists of: bytes, then names, then bytes. `mail`: the second name's first label may hold dots. */
interface Layout {
  readonly before: number;
  readonly names: number;
  readonly after: number;
  readonly mail?: boolean;
}

const ONE_NAME: Layout = { before: 0, names: 1, after: 0 };
const LAYOUTS: ReadonlyMap<number, Layout> = new Map([
  [A, { before: 4, names: 0, after: 0 }],
  [AAAA, { before: 16, names: 0, after: 0 }],
  [2, ONE_NAME], // NS
  [5, ONE_NAME], // CNAME
  [12, ONE_NAME], // PTR
  [39, ONE_NAME], // DNAME
  [6, { before: 0, names: 2, after: 20, mail: true }], // SOA
  [15, { before: 2, names: 1, after: 0 }], // MX
  [33, { before: 6, names: 1, after: 0 }], // SRV
]);

function mayStandInLabel(byte: number, mail: boolean): boolean {
  return byte >= 0x20 && byte !== 0x7f && (byte !== 0x2e || mail);
}

/** Where the name at `at` ends; -1: it is none. */
function nameEnd(bytes: Uint8Array, at: number, mail = false): number {
  let end = -1;
  let jumps = 0;
  let length = 1;
  for (let here = at; here < bytes.length; ) {
    const size = bytes[here]!;
    if (size === 0) return end < 0 ? here + 1 : end;
    if (size < 0x40) {
      length += size + 1;
      if (length > NAME_MOST || here + size >= bytes.length) return -1;
      for (let i = here + 1; i <= here + size; i++) if (!mayStandInLabel(bytes[i]!, mail)) return -1;
      here += size + 1;
      continue;
    }
    if (size < 0xc0 || here + 1 >= bytes.length) return -1;
    if (end < 0) end = here + 2;
    const target = ((size & 0x3f) << 8) | bytes[here + 1]!;
    if (target >= here || target < HEADER || ++jumps > JUMPS_MOST) return -1;
    here = target;
  }
  return -1;
}

function dataIsSound(bytes: Uint8Array, type: number, from: number, to: number): boolean {
  const layout = LAYOUTS.get(type);
  if (layout === undefined) return true;
  let at = from + layout.before;
  for (let i = 0; i < layout.names; i++) {
    at = nameEnd(bytes, at, layout.mail === true && i === 1);
    if (at < 0) return false;
  }
  return at + layout.after === to;
}

/** Whether a message is put together as it must be; what stands behind its end does not matter. */
export function isSound(bytes: Uint8Array): boolean {
  if (bytes.length < HEADER) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = HEADER;
  for (let left = view.getUint16(4); left > 0; left--) {
    at = nameEnd(bytes, at);
    if (at < 0 || at + QUESTION_REST > bytes.length) return false;
    at += QUESTION_REST;
  }
  const records = view.getUint16(6) + view.getUint16(8) + view.getUint16(10);
  for (let left = records; left > 0; left--) {
    at = nameEnd(bytes, at);
    if (at < 0 || at + RECORD_REST > bytes.length) return false;
    const type = view.getUint16(at);
    const from = at + RECORD_REST;
    const to = from + view.getUint16(at + 8);
    if (to > bytes.length || !dataIsSound(bytes, type, from, to)) return false;
    at = to;
  }
  return true;
}
