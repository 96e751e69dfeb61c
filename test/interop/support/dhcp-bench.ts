import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import type { DhcpView } from '../../../tools/control/view/dhcp.ts';
import { until } from './child.ts';
import { type Namespace, withNamespace } from './namespace.ts';
import { addTap, OUR_MAC, PEER_MAC } from './tap-peer.ts';
import { startTapir } from './tapir.ts';

const CLI = fileURLToPath(new URL('../../../tools/cli.js', import.meta.url));

/** A stack on a TAP and the kernel at the other side. */
export class DhcpBench {
  readonly ns: Namespace;
  readonly folder: string;

  private constructor(ns: Namespace, folder: string) {
    this.ns = ns;
    this.folder = folder;
  }

  static async start(t: Test, kernel: readonly string[], ...options: string[]): Promise<DhcpBench> {
    const folder = mkdtempSync(join(tmpdir(), 'tapir-dhcp-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const ns = await withNamespace(t);
    await addTap(ns, 'tap0');
    await ns.ip(`link set tap0 address ${PEER_MAC} up`);
    for (const address of kernel) await ns.ip(`address add ${address} dev tap0`);
    const bench = new DhcpBench(ns, folder);
    await startTapir(ns, '--tap', 'tap0', '--mac', OUR_MAC, '--control', bench.path('control'), ...options);
    return bench;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  write(name: string, text: string, mode = 0o644): string {
    writeFileSync(this.path(name), text);
    chmodSync(this.path(name), mode);
    return this.path(name);
  }

  /** Runs a command of `tapir`; what it printed. */
  tapir(line: string): Promise<string> {
    return this.ns.run(process.execPath, CLI, ...line.split(' '), '--control', this.path('control'));
  }

  async show(): Promise<DhcpView> {
    const [view] = JSON.parse(await this.tapir('dhcp show -s -j')) as DhcpView[];
    return view!;
  }

  /** Waits for a state of the client. */
  async reaches(state: string, ms = 20_000): Promise<DhcpView> {
    return until(`the client is ${state}`, ms, async () => {
      const view = await this.show();
      return view.state === state && view;
    });
  }

  /** Waits until a counter has come to `least`. */
  async counts(name: string, least: number, ms = 20_000): Promise<void> {
    await until(`${name} ${least}`, ms, async () => Number((await this.show()).counters?.[name]) >= least);
  }
}
