import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { Capture, type Judgement, judgeCapture } from './capture.ts';
import type { Child } from './child.ts';
import { errorCounters, grown } from './errors.ts';
import { type Namespace, withNamespace } from './namespace.ts';
import { startScript, startTapir } from './tapir.ts';

/** The Linux side. */
export const PEER_ADDRESS = '10.0.0.1';
export const PEER_MAC = '02:00:00:00:00:01';
/** The stack's side. */
export const OUR_ADDRESS = '10.0.0.2';
export const OUR_MAC = '02:00:00:00:00:02';

/**
 * Whom the tests are about: the stack, or, with `TAPIR_INTEROP_SUBJECT=linux`, a second Linux host on a veth pair. What a test
 * asks of the stack Linux itself must pass.
 */
const SUBJECT_IS_LINUX = process.env['TAPIR_INTEROP_SUBJECT'] === 'linux';

/** What was seen of our stack from outside during a test. */
export interface Verdict extends Judgement {
  /** Error counters of the Linux host that grew: `{}` when it found nothing wrong. */
  readonly errors: Record<string, number>;
}

/** A Linux host with one end of a TAP, the stack at the other end, and two judges: tcpdump with tshark, and the kernel's counters. */
export class TapPeer {
  readonly ns: Namespace;
  /** A folder for files of the test; its control socket is `control` in it. */
  readonly folder: string;
  readonly #capture: Capture;
  readonly #before: Map<string, number>;

  private constructor(ns: Namespace, folder: string, capture: Capture, before: Map<string, number>) {
    this.ns = ns;
    this.folder = folder;
    this.#capture = capture;
    this.#before = before;
  }

  /** Makes namespace and TAP, starts the judges, then the stack with `options` added. All is gone when the test ends. */
  static async start(t: Test, ...options: string[]): Promise<TapPeer> {
    const peer = await TapPeer.#prepare(t, 0);
    if (!SUBJECT_IS_LINUX) {
      const control = join(peer.folder, 'control');
      const where = ['--tap', 'tap0', '--address', `${OUR_ADDRESS}/24`, '--mac', OUR_MAC];
      await startTapir(peer.ns, ...where, '--control', control, ...options);
    }
    return peer;
  }

  /** The same with a script of this project in the stack's place; `bytes` of each frame are captured, 0: all. */
  static async startScript(
    t: Test,
    script: string,
    options: readonly string[],
    bytes = 0,
  ): Promise<[TapPeer, Child]> {
    const peer = await TapPeer.#prepare(t, bytes);
    const child = startScript(peer.ns, script, 'tap0', ...options);
    await child.says(/^ready$/m);
    return [peer, child];
  }

  static async #prepare(t: Test, bytes: number): Promise<TapPeer> {
    const folder = mkdtempSync(join(tmpdir(), 'tapir-interop-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const ns = await withNamespace(t);
    if (SUBJECT_IS_LINUX) await addLinux(t, ns);
    else await addTap(ns, 'tap0');
    await ns.ip(`link set tap0 address ${PEER_MAC}`);
    await ns.ip(`addr add ${PEER_ADDRESS}/24 dev tap0`);
    await ns.ip('link set tap0 up');
    const capture = await Capture.start(ns, 'tap0', join(folder, 'peer.pcap'), bytes);
    return new TapPeer(ns, folder, capture, await errorCounters(ns));
  }

  /** The capture's path; complete after {@link judge}. */
  get pcap(): string {
    return this.#capture.path;
  }

  /** Ends the capture and gives the error counters that grew: the judgement where frames are not whole. */
  async endCapture(): Promise<Record<string, number>> {
    const errors = grown(this.#before, await errorCounters(this.ns));
    await this.#capture.stop();
    return errors;
  }

  /** Ends the capture and gives what the judges say. `open`: checksums may be left to the other side. */
  async judge(open = false): Promise<Verdict> {
    const errors = await this.endCapture();
    return { ...(await judgeCapture(this.pcap, OUR_MAC, open)), errors };
  }
}

/** A persistent TAP without offloads of the kernel's own, so that its frames carry whole checksums. */
export async function addTap(ns: Namespace, name: string): Promise<void> {
  await ns.ip(`tuntap add dev ${name} mode tap`);
  await ns.run('ethtool', '-K', name, 'tx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'off');
}

/** A second Linux host as the stack would be: `tap0` is one end of a pair, the other has our addresses. */
async function addLinux(t: Test, ns: Namespace): Promise<void> {
  const other = await withNamespace(t);
  await ns.ip(`link add tap0 type veth peer name eth0 netns ${other.name}`);
  await ns.run('ethtool', '-K', 'tap0', 'tx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'off');
  await other.run('ethtool', '-K', 'eth0', 'tx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'off');
  await other.ip(`link set eth0 address ${OUR_MAC}`);
  await other.ip(`addr add ${OUR_ADDRESS}/24 dev eth0`);
  await other.ip('link set eth0 up');
}
