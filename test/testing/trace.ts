import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { captureNamespace } from '../../device/link/capture.ts';
import type { Netns } from '../../device/netdevice/netns.ts';
import { PcapngWriter } from '../../device/pcap/pcapng-writer.ts';

/** What a trace needs of the running test; tap's `Test` has it. */
export interface TracedTest {
  readonly fullname: string;
  passing(): boolean;
  teardown(callback: () => void): void;
  comment(text: string): void;
}

/** Bytes of frames that a trace keeps; what comes later is left out. */
const MAX_TRACE = 16 * 1024 * 1024;

/** Where traces of failed tests are left. */
const TRACE_FOLDER = '.tap/traces';

/**
 * Records the frames of a namespace, with drops as comments, and leaves them as a pcapng file when the test has failed:
 * `.tap/traces/NAME.pcapng`, named after the test and, with several namespaces, each of them. Returns the file's path.
 */
export function traced(t: TracedTest, ns: Netns, folder: string = TRACE_FOLDER): string {
  const name = [t.fullname, ns.name].filter((part) => part !== '').join('-');
  const path = join(folder, `${name.replace(/[^\w.-]+/g, '-').slice(-150)}.pcapng`);
  const blocks: Uint8Array[] = [];
  let size = 0;
  const writer = new PcapngWriter((bytes) => {
    size += bytes.length;
    if (size <= MAX_TRACE) blocks.push(bytes);
  });
  const stop = captureNamespace(ns, writer);
  t.teardown(() => {
    stop();
    if (t.passing()) return;
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, Buffer.concat(blocks));
    t.comment(`frames: ${path}`);
  });
  return path;
}
