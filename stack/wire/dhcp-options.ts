/** The option field of DHCP: kinds, and how they lie in a message (RFC 2132; RFC 3396 for those that are long). */

export const OPT_PAD = 0;
export const OPT_SUBNET_MASK = 1;
export const OPT_ROUTER = 3;
export const OPT_DNS_SERVER = 6;
export const OPT_HOSTNAME = 12;
export const OPT_DOMAIN_NAME = 15;
export const OPT_MTU = 26;
export const OPT_BROADCAST = 28;
export const OPT_STATIC_ROUTE = 33;
export const OPT_NTP_SERVER = 42;
export const OPT_VENDOR_SPECIFIC = 43;
export const OPT_REQUESTED_ADDRESS = 50;
export const OPT_LEASE_TIME = 51;
export const OPT_OVERLOAD = 52;
export const OPT_MESSAGE_TYPE = 53;
export const OPT_SERVER_ID = 54;
export const OPT_PARAMETER_LIST = 55;
export const OPT_MESSAGE = 56;
export const OPT_MAX_MESSAGE_SIZE = 57;
export const OPT_RENEWAL_TIME = 58;
export const OPT_REBINDING_TIME = 59;
export const OPT_VENDOR_CLASS = 60;
export const OPT_CLIENT_ID = 61;
export const OPT_TFTP_SERVER = 66;
export const OPT_BOOT_FILE = 67;
/** RFC 3046. */
export const OPT_RELAY_AGENT = 82;
/** RFC 3397. */
export const OPT_DOMAIN_SEARCH = 119;
/** RFC 3442. */
export const OPT_CLASSLESS_ROUTE = 121;
export const OPT_END = 255;

/** Values of option 52: where options go on (RFC 2132, section 9.3). */
const OVERLOAD_FILE = 1;
const OVERLOAD_SNAME = 2;

/** The most that one piece of an option holds, in bytes. */
const PIECE_MOST = 255;

export type DhcpOptions = ReadonlyMap<number, Uint8Array>;

/** Reads the option field and, where option 52 says so, `file` and `sname`; null when an option does not end. */
export function unpackOptions(
  main: Uint8Array,
  file: Uint8Array,
  sname: Uint8Array,
): Map<number, Uint8Array> | null {
  const pieces = new Map<number, Uint8Array[]>();
  if (!collect(main, pieces)) return null;
  const overload = pieces.get(OPT_OVERLOAD);
  if (overload !== undefined) {
    const [value] = overload;
    if (overload.length !== 1 || value?.length !== 1 || value[0]! < OVERLOAD_FILE || value[0]! > 3)
      return null;
    if ((value[0]! & OVERLOAD_FILE) !== 0 && !collect(file, pieces)) return null;
    if ((value[0]! & OVERLOAD_SNAME) !== 0 && !collect(sname, pieces)) return null;
    pieces.delete(OPT_OVERLOAD);
  }
  const options = new Map<number, Uint8Array>();
  for (const [code, parts] of pieces) options.set(code, Buffer.concat(parts));
  return options;
}

/** Adds the options of a field to `pieces`; false when one does not end within it. A field may end without option 255. */
function collect(field: Uint8Array, pieces: Map<number, Uint8Array[]>): boolean {
  for (let at = 0; at < field.length; ) {
    const code = field[at++]!;
    if (code === OPT_PAD) continue;
    if (code === OPT_END) return true;
    const length = field[at++];
    if (length === undefined || at + length > field.length) return false;
    const known = pieces.get(code);
    const piece = field.subarray(at, at + length);
    if (known === undefined) pieces.set(code, [piece]);
    else known.push(piece);
    at += length;
  }
  return true;
}

/** One of the places where options may lie, being filled. */
class Field {
  readonly bytes: number[] = [];
  readonly #room: number;

  constructor(room: number) {
    this.#room = room;
  }

  /** Adds a piece, leaving room for option 255; false when there is none. */
  add(code: number, piece: Uint8Array): boolean {
    if (this.bytes.length + 2 + piece.length > this.#room - 1) return false;
    this.bytes.push(code, piece.length, ...piece);
    return true;
  }

  /** With option 255 behind it; nothing when nothing was added. */
  finish(): Uint8Array {
    return this.bytes.length === 0 ? new Uint8Array(0) : Uint8Array.from([...this.bytes, OPT_END]);
  }
}

export interface PackedOptions {
  readonly main: Uint8Array;
  readonly file: Uint8Array;
  readonly sname: Uint8Array;
  /** Options that had no room. */
  readonly omitted: readonly number[];
}

/** Puts options into a field of `room` bytes and, where it ends, into `file` and `sname` of `fileRoom` and `snameRoom` bytes. */
export function packOptions(
  options: DhcpOptions,
  room: number,
  fileRoom: number,
  snameRoom: number,
): PackedOptions {
  const plain = fill(options, [new Field(room)]);
  if (plain.omitted.length === 0) return result(plain.fields, [], plain.omitted);
  const overload = Uint8Array.of(OPT_OVERLOAD, 1, 0);
  const { fields, omitted } = fill(options, [
    new Field(room - overload.length),
    new Field(fileRoom),
    new Field(snameRoom),
  ]);
  const [, file, sname] = fields;
  overload[2] = (file!.bytes.length > 0 ? OVERLOAD_FILE : 0) | (sname!.bytes.length > 0 ? OVERLOAD_SNAME : 0);
  return result(fields, overload[2] === 0 ? [] : [...overload], omitted);
}

function fill(options: DhcpOptions, fields: Field[]): { fields: Field[]; omitted: number[] } {
  const omitted: number[] = [];
  for (const [code, value] of options) if (!place(code, value, fields)) omitted.push(code);
  return { fields, omitted };
}

/** Puts one option into the fields, its pieces never in front of earlier ones; false, and nothing is left of it, when there is no room. */
function place(code: number, value: Uint8Array, fields: readonly Field[]): boolean {
  const before = fields.map((field) => field.bytes.length);
  let at = 0;
  for (let from = 0; from < value.length || from === 0; from += PIECE_MOST) {
    const piece = value.subarray(from, from + PIECE_MOST);
    while (at < fields.length && !fields[at]!.add(code, piece)) at++;
    if (at < fields.length) continue;
    fields.forEach((field, index) => {
      field.bytes.length = before[index]!;
    });
    return false;
  }
  return true;
}

/** Option 52 goes behind the message type, which is the first one. */
function result(
  [main, file, sname]: readonly Field[],
  overload: readonly number[],
  omitted: readonly number[],
): PackedOptions {
  main!.bytes.splice(Math.min(3, main!.bytes.length), 0, ...overload);
  const nothing = new Uint8Array(0);
  return {
    main: main!.finish(),
    file: file?.finish() ?? nothing,
    sname: sname?.finish() ?? nothing,
    omitted,
  };
}
