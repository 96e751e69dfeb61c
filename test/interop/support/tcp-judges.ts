import type { Test } from 'tap';
import { tshark } from './capture.ts';
import type { Child } from './child.ts';
import type { OffloadMode } from './offload-modes.ts';
import type { TapPeer } from './tap-peer.ts';

/** Loss probes of a short transfer: either side sends one when the other was not scheduled for two round trips. */
export const PROBES = 2;

const CAUSES = /Timeouts|LossProbes|Retrans|Recovery|Recv|Undo|Spurious|Reorder/;

interface Ended {
  readonly mib: Record<string, number>;
  readonly drops: Record<string, number>;
  readonly held: { packets: number; pagesFree: number; segments: number };
}

/** Ends the stack: nothing is held, nothing that came was wrong, and no more than `probes` segments were sent twice. */
export async function ended(t: Test, host: Child, probes = 0): Promise<Ended> {
  const { stdout, stderr } = await host.stop();
  t.equal(stderr, '');
  const report = JSON.parse(/^ended (.*)$/m.exec(stdout)?.[1] ?? '{}') as Ended;
  t.strictSame(report.held, { packets: 0, pagesFree: 256, segments: 0 }, 'nothing is held');
  const { TcpRetransSegs: again = -1 } = report.mib;
  t.ok(
    again >= 0 && again <= probes,
    `we sent ${again} segments twice, of ${probes} that may be: ${JSON.stringify(causes(report.mib))}`,
  );
  t.equal(report.mib['TcpInErrs'], 0);
  return report;
}

/** What made us send again. */
function causes(mib: Readonly<Record<string, number>>): Record<string, number> {
  const named = Object.entries(mib).filter(([name, count]) => CAUSES.test(name) && count > 0);
  return Object.fromEntries(named);
}

/** Frames that the kernel had no room for in the queue to us. */
export async function dropped(peer: TapPeer): Promise<number> {
  const [link] = JSON.parse(await peer.ns.ip('-s -j link show tap0'));
  return link.stats64.tx.dropped;
}

/** Both judges, on whole frames, with checksums that may be open as `mode` says: none of ours is wrong, and neither side had to send anything twice. */
export async function clean(t: Test, peer: TapPeer, atLeast: number, mode: OffloadMode): Promise<void> {
  t.equal(await dropped(peer), 0, 'the kernel dropped nothing');
  const { frames, suspect, errors } = await peer.judge(mode.open);
  t.ok(frames >= atLeast, `tshark saw ${frames} frames of ours, at least ${atLeast}`);
  t.strictSame(suspect, [], 'none is malformed or carries a wrong checksum');
  t.strictSame(withoutProbes(errors, mode.probes), {}, 'error counters of the peer stay 0');
  t.ok((await suspicious(peer)).length <= mode.probes, 'no retransmission, no gap, no reset');
}

/** Error counters without what so many loss probes leave. */
export function withoutProbes(
  errors: Readonly<Record<string, number>>,
  probes: number,
): Record<string, number> {
  const rest = Object.entries(errors).filter(([name, count]) => !(name.includes('DSACK') && count <= probes));
  return Object.fromEntries(rest);
}

/** What a clean link does not see. */
export function suspicious(peer: TapPeer): Promise<string[]> {
  const filter = ['retransmission', 'fast_retransmission', 'lost_segment', 'ack_lost_segment', 'out_of_order']
    .map((name) => `tcp.analysis.${name}`)
    .concat('tcp.analysis.duplicate_ack', '_ws.malformed', 'tcp.flags.reset==1')
    .join(' || ');
  return tshark(peer.pcap, filter, '-d', 'tcp.port==80,data');
}
