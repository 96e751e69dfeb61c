import { formatMac } from '../../../device/frame/mac.ts';
import { TapLink } from '../../../device/link/tap.ts';
import { Machine } from '../../../device/machine.ts';
import type { PresetName } from '../../../stack/neighbour/presets.ts';
import { createStack } from '../../../stack/stack.ts';
import { PREFIX_LENGTH, VM_ADDRESS, VM_MAC } from '../addresses.ts';
import { MigratingLink } from '../migrating-link.ts';
import { observeArp, observeDevices } from '../observe.ts';
import { type RunResult, type Setting, toMicroseconds, type Way } from '../result.ts';
import { Timeline } from '../timeline.ts';
import { addPort, buildBridge, fdbPort, forgetNeighbours, neighbourSetting, TAPS } from './bridge.ts';
import { type Answer, PeerPing } from './peer-ping.ts';

export interface KernelRunOptions {
  /** The peer's namespace; this process runs in the bridge's. */
  readonly peer: string;
  readonly capMs: number;
  readonly preset: PresetName;
  readonly ageingMs: number;
  readonly intervalMs: number;
  readonly downtimeMs: number;
}

/** Answers that the peer must have had before the machine moves, and after it has moved. */
const ANSWERS_BEFORE = 50;
const ANSWERS_AFTER = 25;
/** Milliseconds within which the first answers must come. */
const START_MS = 10_000;

/** Builds the bridge; what the outage depends on. */
export async function prepare(options: KernelRunOptions): Promise<Setting[]> {
  const { peer, ageingMs, intervalMs, downtimeMs, capMs } = options;
  await buildBridge(peer, ageingMs);
  const neigh = (name: string): Promise<string> => neighbourSetting(peer, name);
  return [
    { name: 'bridge: ageing time', value: `${ageingMs / 1000} s` },
    {
      name: 'peer: base_reachable_time',
      value: `${Number(await neigh('base_reachable_time_ms')) / 1000} s (drawn from half to one and a half)`,
    },
    { name: 'peer: delay_first_probe_time', value: `${await neigh('delay_first_probe_time')} s` },
    {
      name: 'peer: ucast_solicit, retrans_time',
      value: `${await neigh('ucast_solicit')} x ${await neigh('retrans_time_ms')} ms`,
    },
    { name: 'peer: ping interval', value: `${intervalMs} ms` },
    { name: 'machine: downtime of the move', value: `${downtimeMs} ms` },
    { name: 'silent outage: cap', value: `${capMs / 1000} s` },
  ];
}

/** One run: the machine moves from one TAP to the other, both ports of the same bridge. */
export async function runOnBridge(way: Way, options: KernelRunOptions): Promise<RunResult> {
  const { peer, capMs, preset, intervalMs, downtimeMs } = options;
  const mac = formatMac(VM_MAC);
  const machine = new Machine();
  const { clock } = machine;
  const timeline = new Timeline(() => clock.now());
  const source = new TapLink(machine, { name: TAPS[0], mac: VM_MAC });
  const destination = new TapLink(machine, { name: TAPS[1], mac: VM_MAC, carrier: false });
  const nic = new MigratingLink(source, destination, VM_MAC);
  const stack = createStack({ machine, name: 'vm' });
  let ping: PeerPing | null = null;
  try {
    for (const tap of TAPS) await addPort(tap);
    await forgetNeighbours(peer);
    const dev = stack.addDevice(nic, { name: 'eth0', addresses: [`${VM_ADDRESS}/${PREFIX_LENGTH}`] });
    stack.arp.announcer.setPreset(dev, preset);
    ping = new PeerPing(peer, VM_ADDRESS, intervalMs);
    if (!(await ping.until((answers) => answers.length >= ANSWERS_BEFORE, START_MS)))
      throw new Error('the peer gets no answers: the bridge does not forward?');
    const before = await fdbPort(mac);

    observeDevices(stack, 'vm', timeline);
    observeArp(stack, 'vm', timeline);
    timeline.origin = clock.now();
    const moved = Date.now();
    timeline.add('vm', `leaves ${TAPS[0]}, which stays open and keeps its carrier`);
    nic.leave();
    await sleep(downtimeMs);
    const arrived = nic.arrive();
    if (arrived < 0) throw new Error(`${TAPS[1]} does not open: ${arrived}`);
    timeline.add('vm', `arrives at ${TAPS[1]}, whose carrier is on`);
    const carrierUp = await fdbPort(mac);
    timeline.add('bridge', `FDB: ${mac} on ${carrierUp}, though ${TAPS[1]} has carrier`);
    if (way === 'notified') {
      timeline.add('vm', 'notify_peers');
      stack.notifyPeers(dev);
      await sleep(0);
      timeline.add('bridge', `FDB: ${mac} on ${await fdbPort(mac)}`);
    }
    const isAfter = ({ time }: Answer): boolean => time > moved + downtimeMs;
    const recovered = await ping.until((answers) => answers.some(isAfter), moved + capMs - Date.now());
    if (recovered) await ping.until((answers) => answers.filter(isAfter).length >= ANSWERS_AFTER, 2000);
    const after = await fdbPort(mac);
    const sent = await ping.stop();
    const { answers } = ping;
    ping = null;
    const last = answers.findLast((answer) => !isAfter(answer));
    const first = answers.find(isAfter);
    const outageMs = first === undefined || last === undefined ? capMs : first.time - last.time;
    if (first !== undefined)
      timeline.insert(
        timeline.origin + first.time - moved,
        'peer',
        `has its first answer again (seq ${first.seq})`,
      );
    else timeline.add('peer', `has no answer after ${capMs / 1000} s: stopped here`);
    return {
      way,
      outageMs: toMicroseconds(outageMs),
      capped: first === undefined,
      lost: sent - answers.length,
      sent,
      leftBehind: nic.leftBehind,
      fdb: { before, carrierUp, after },
      timeline: timeline.end(),
    };
  } finally {
    await ping?.stop();
    stack.close();
    // Also where the device was never added, so that the stack does not know them.
    nic.close();
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
