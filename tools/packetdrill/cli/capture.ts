import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LINKTYPE_RAW } from '../../../device/pcap/format.ts';
import { PcapngWriter } from '../../../device/pcap/pcapng-writer.ts';
import type { Trace } from '../run/trace.ts';

/** Writes the packets of a script into a pcapng file in `folder`, named after the script's path. */
export function writeCapture(folder: string, path: string, trace: Trace): void {
  const chunks: Uint8Array[] = [];
  const writer = new PcapngWriter((bytes) => chunks.push(bytes));
  const device = writer.addInterface('tun0', LINKTYPE_RAW);
  for (const { time, direction, bytes } of trace.packets) writer.write(device, time, bytes, { direction });
  mkdirSync(folder, { recursive: true });
  const name = path
    .replace(/\.pkt$/, '')
    .replaceAll(/^[./\\]+|[/\\]/g, (part, at: number) => (at === 0 ? '' : part === '/' ? '-' : '_'));
  writeFileSync(join(folder, `${name}.pcapng`), Buffer.concat(chunks));
}
