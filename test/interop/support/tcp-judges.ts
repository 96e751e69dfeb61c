import type { Test } from 'tap';
import { tshark } from './capture.ts';
import type { Child } from './child.ts';
import { counter } from './errors.ts';
import type { OffloadMode } from './offload-modes.ts';
import type { TapPeer } from './tap-peer.ts';

/** More probes than these in one test are more than a process that has to wait its turn. */
const PROBES = 20;

const CAUSES = /Timeouts|LossProbes|Retrans|Recovery|Recv|Undo|Spurious|Reorder/;

interface Ended {
  readonly mib: Record<string, number>;
  readonly drops: Record<string, number>;
  readonly held: { packets: number; pagesFree: number; segments: number };
}

/** Ends the stack: nothing is held, and nothing that came was wrong. */
async function ended(t: Test, host: Child): Promise<Ended> {
  const { stdout, stderr } = await host.stop();
  t.equal(stderr, '');
  const report = JSON.parse(/^ended (.*)$/m.exec(stdout)?.[1] ?? '{}') as Ended;
  t.strictSame(report.held, { packets: 0, pagesFree: 256, segments: 0 }, 'nothing is held');
  t.equal(report.mib['TcpInErrs'], 0);
  return report;
}

/** What made us send again. */
function causes(mib: Readonly<Record<string, number>>): Record<string, number> {
  const named = Object.entries(mib).filter(([name, count]) => CAUSES.test(name) && count > 0);
  return Object.fromEntries(named);
}

/** Frames that the kernel had no room for in the queue to us. */
async function dropped(peer: TapPeer): Promise<number> {
  const [link] = JSON.parse(await peer.ns.ip('-s -j link show tap0'));
  return link.stats64.tx.dropped;
}

/**
 * Ends the stack and judges a transfer: nothing was lost, and nothing sent twice but what the loss probes of either side sent, each
 * of which is a segment that the other side was not scheduled to acknowledge for two round trips. `errors`: the peer's counters
 * that grew; `resets`: how many there should be.
 */
export async function clean(
  t: Test,
  peer: TapPeer,
  host: Child,
  errors: Readonly<Record<string, number>>,
  resets = 0,
): Promise<void> {
  t.equal(await dropped(peer), 0, 'the kernel had room for whatever it sent us');
  const { mib } = await ended(t, host);
  const theirs = await counter(peer.ns, 'TcpExtTCPLossProbes');
  const ours = mib['TcpExtTCPLossProbes']!;
  t.ok(mib['TcpRetransSegs']! <= ours, `each segment sent twice is a probe: ${JSON.stringify(causes(mib))}`);
  t.ok(ours + theirs <= PROBES, `${ours} probes of ours, ${theirs} of theirs`);
  const wrong = Object.entries(errors).filter(
    ([name, count]) => !(name.includes('DSACK') && count <= ours + theirs),
  );
  t.strictSame(Object.fromEntries(wrong), {}, 'error counters of the peer stay 0');
  const seen = (await suspicious(peer)).filter((line) => ours + theirs === 0 || !line.includes('Dup ACK'));
  t.ok(
    seen.length >= resets && seen.length <= resets + ours + theirs,
    `no retransmission, no gap, ${resets} resets: ${seen.slice(0, 5).join()}`,
  );
}

/** The same with whole frames, whose checksums may be open as `mode` says: none of ours, at least so many, is wrong. */
export async function cleanFrames(
  t: Test,
  peer: TapPeer,
  host: Child,
  atLeast: number,
  mode: OffloadMode,
  resets = 0,
): Promise<void> {
  const { frames, suspect, errors } = await peer.judge(mode.open);
  t.ok(frames >= atLeast, `tshark saw ${frames} frames of ours, at least ${atLeast}`);
  t.strictSame(suspect, [], 'none is malformed or carries a wrong checksum');
  await clean(t, peer, host, errors, resets);
}

/** What a clean link does not see. */
function suspicious(peer: TapPeer): Promise<string[]> {
  const filter = ['retransmission', 'fast_retransmission', 'lost_segment', 'ack_lost_segment', 'out_of_order']
    .map((name) => `tcp.analysis.${name}`)
    .concat('tcp.analysis.duplicate_ack', '_ws.malformed', 'tcp.flags.reset==1')
    .join(' || ');
  return tshark(peer.pcap, filter, '-d', 'tcp.port==80,data');
}
