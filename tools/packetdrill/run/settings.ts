import { maskOf, parseIpv4 } from '../../../stack/wire/address.ts';
import { type Script, Unsupported } from '../script/script.ts';

/** What a script's options, and the defaults of the language, decide. Times in microseconds, addresses in host order. */
export interface Settings {
  readonly localAddress: number;
  readonly remoteAddress: number;
  readonly prefixLength: number;
  readonly mtu: number;
  /** `--mss`: size of the segments that large inbound packets are made of. */
  readonly segmentSize: number | undefined;
  /** The port of `bind(fd, ..., ...)` and of `connect(fd, ..., ...)`. */
  readonly bindPort: number;
  readonly connectPort: number;
  readonly tolerance: number;
  /** Length of one tick of the stack's timestamps; 0: they are not checked. */
  readonly timestampTick: number;
  /** Echoed timestamps are computed from the first one, not looked up. */
  readonly timestampScaled: boolean;
  /** Outbound packets must be cut exactly as the script has them. */
  readonly strictSegments: boolean;
  /** Kinds of event whose failure is reported but does not end the script. */
  readonly nonFatal: ReadonlySet<string>;
}

const PORT = 8080;
const MTU = 1500;

/** Options that say how the original makes its device, or that change nothing here. */
const IGNORED = new Set([
  'gateway_ip',
  'init_scripts',
  'speed',
  'send_omit_free',
  'verbose',
  'debug',
  'dry_run',
  'bind_port_range',
  'wire_protocol',
  'tolerance_percent',
]);

type Reader = (text: string, settings: Writable<Settings>) => void;
type Writable<T> = { -readonly [K in keyof T]: T[K] };

const READERS: Readonly<Record<string, Reader>> = {
  ip_version: (text) => {
    if (text !== 'ipv4') throw new Unsupported(1, `--ip_version=${text}`);
  },
  local_ip: (text, settings) => {
    settings.localAddress = address(text);
  },
  remote_ip: (text, settings) => {
    settings.remoteAddress = address(text);
  },
  netmask_ip: (text, settings) => {
    const mask = address(text);
    const length = Array.from({ length: 33 }, (_, bits) => bits).find((bits) => maskOf(bits) === mask);
    if (length === undefined) throw new Unsupported(0, `--netmask_ip=${text}`);
    settings.prefixLength = length;
  },
  mtu: (text, settings) => {
    settings.mtu = number('mtu', text);
  },
  mss: (text, settings) => {
    settings.segmentSize = number('mss', text);
  },
  bind_port: (text, settings) => {
    settings.bindPort = number('bind_port', text);
  },
  connect_port: (text, settings) => {
    settings.connectPort = number('connect_port', text);
  },
  tolerance_usecs: (text, settings) => {
    settings.tolerance = number('tolerance_usecs', text);
  },
  tcp_ts_tick_usecs: (text, settings) => {
    settings.timestampTick = number('tcp_ts_tick_usecs', text);
  },
  tcp_ts_ecr_scaled: (_text, settings) => {
    settings.timestampScaled = true;
  },
  strict_segments: (_text, settings) => {
    settings.strictSegments = true;
  },
  non_fatal: (text, settings) => {
    settings.nonFatal = new Set(text.split(','));
  },
};

/** Reads a script's options. `tolerance` holds when the script has none of its own. Throws `Unsupported` for others. */
export function readSettings(script: Script, tolerance: number): Settings {
  const settings: Writable<Settings> = {
    localAddress: address('192.168.0.1'),
    remoteAddress: address('192.0.2.1'),
    prefixLength: 16,
    mtu: MTU,
    segmentSize: undefined,
    bindPort: PORT,
    connectPort: PORT,
    tolerance,
    timestampTick: 0,
    timestampScaled: false,
    strictSegments: false,
    nonFatal: new Set(),
  };
  for (const [name, text] of script.options) {
    if (IGNORED.has(name)) continue;
    const read = Object.hasOwn(READERS, name) ? READERS[name] : undefined;
    if (read === undefined) throw new Unsupported(1, `option --${name}`);
    read(text, settings);
  }
  return settings;
}

function address(text: string): number {
  const value = parseIpv4(text);
  if (Number.isNaN(value)) throw new Unsupported(0, `address ${text}`);
  return value;
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (text === '' || !Number.isInteger(value) || value < 0) throw new Unsupported(0, `--${name}=${text}`);
  return value;
}
