import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Child, until } from './child.ts';
import type { Namespace } from './namespace.ts';

/** A frame of ours is suspect when tshark, with every checksum validated, finds it malformed or wrong. */
const SUSPECT = [
  '_ws.malformed',
  'ip.checksum.status==0',
  'tcp.checksum.status==0',
  'udp.checksum.status==0',
  'icmp.checksum.status==0',
  'icmpv6.checksum.status==0',
].join(' || ');

const VALIDATE = ['ip', 'tcp', 'udp'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`]);

/** The lines that tshark prints for the frames of a capture that a display filter chooses. Throws when it fails. */
export async function tshark(pcap: string, filter: string, ...args: string[]): Promise<string[]> {
  const child = spawn('tshark', ['-n', '-r', pcap, ...VALIDATE, '-Y', filter, ...args]);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`tshark -Y '${filter}': exit code ${code}: ${stderr}`);
  return stdout.split('\n').filter((line) => line !== '');
}

/** What an independent program says of the frames that came from one address. */
export interface Judgement {
  /** How many there are. A judgement on none proves nothing. */
  readonly frames: number;
  /** Those that are malformed or carry a wrong checksum, as tshark prints them: none must be. */
  readonly suspect: string[];
}

/**
 * Lets tshark judge each frame in `pcap` with the source address `mac`. `open`: a checksum may be left to be filled in, which tshark
 * takes for a wrong one; it must then be that of the pseudo header alone.
 */
export async function judgeCapture(pcap: string, mac: string, open = false): Promise<Judgement> {
  const ours = `eth.src==${mac}`;
  const numbers = await tshark(pcap, ours, '-T', 'fields', '-e', 'frame.number');
  const suspect = await tshark(pcap, `${ours} && (${SUSPECT})`);
  if (!open || suspect.length === 0) return { frames: numbers.length, suspect };
  const fields = FIELDS.flatMap((field) => ['-e', field]);
  const described = await tshark(
    pcap,
    `${ours} && (${SUSPECT})`,
    '-T',
    'fields',
    '-E',
    'occurrence=l',
    ...fields,
  );
  return { frames: numbers.length, suspect: suspect.filter((_, index) => !isOpen(described[index] ?? '')) };
}

const FIELDS = [
  'ip.src',
  'ip.dst',
  'ip.proto',
  'ip.len',
  'ip.hdr_len',
  'tcp.checksum',
  'udp.checksum',
].concat('_ws.malformed', 'ip.checksum.status');

/**
 * Whether a frame with these fields is all right but for its transport checksum, or that of what it quotes, which is its pseudo header's
 * sum.
 */
function isOpen(line: string): boolean {
  const [source = '', destination = '', protocol, length, header, tcp, udp, malformed, ip, icmp] =
    line.split('\t');
  if (malformed !== '' || ip === '0' || icmp === '0') return false;
  let sum = Number(protocol) + Number(length) - Number(header);
  for (const address of [source, destination]) {
    const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
    sum += a * 256 + b + c * 256 + d;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return Number(tcp || udp) === sum;
}

/** tcpdump on one interface. */
export class Capture {
  readonly path: string;
  readonly #child: Child;

  private constructor(path: string, child: Child) {
    this.path = path;
    this.#child = child;
  }

  /**
   * Starts tcpdump; when this resolves no frame is missed any more. `path` is a classic pcap. `bytes` of each frame are kept:
   * the headers of some gigabytes, for which tcpdump also gets more room and leave to write when it suits it.
   */
  static async start(ns: Namespace, device: string, path: string, bytes = 0): Promise<Capture> {
    const pace = bytes === 0 ? ['-U', '--immediate-mode', '-B', '65536'] : ['-s', `${bytes}`, '-B', '262144'];
    const child = ns.start('tcpdump', '-i', device, '-n', '-Z', 'root', ...pace, '-w', path);
    await child.says(/listening on/);
    return new Capture(path, child);
  }

  /**
   * Waits until tcpdump has written all that it was handed, and ends it. Throws when the kernel dropped frames before it saw
   * them, since a judgement would then be on a part only.
   */
  async stop(): Promise<void> {
    await until('tcpdump writes what it received', 10_000, () => {
      const counts = [
        ...this.#child.stderr.matchAll(/(\d+) packets? captured, (\d+) packets? received by filter/g),
      ].at(-1);
      this.#child.signal('SIGUSR1');
      return counts !== undefined && counts[1] === counts[2];
    });
    const { stderr } = await this.#child.stop();
    const dropped = Number(/(\d+) packets? dropped by kernel\s*$/.exec(stderr)?.[1] ?? Number.NaN);
    if (dropped !== 0) throw new Error(`tcpdump missed ${dropped} frames: ${stderr}`);
  }
}
