import { closeSync, openSync, writeSync } from 'node:fs';
import { captureNamespace } from '../../device/link/capture.ts';
import { PcapngWriter } from '../../device/pcap/pcapng-writer.ts';
import type { CaptureWriter } from '../../device/pcap/writer.ts';
import type { PresetName } from '../../stack/neighbour/presets.ts';
import type { Stack } from '../../stack/stack.ts';
import { VM_ADDRESS, VM_MAC } from './addresses.ts';
import { DEMO } from './defaults.ts';
import { Network } from './network.ts';
import { observeArp, observeDevices, observeNeighbours, observeSwitch } from './observe.ts';
import { type RunResult, type Setting, toMicroseconds, type Way } from './result.ts';
import { Timeline } from './timeline.ts';

export interface MemoryDemoOptions {
  readonly seed: number;
  readonly preset: PresetName;
  readonly capMs: number;
  /** File for the capture of both runs, one after the other. */
  readonly pcap: string;
}

export interface MemoryDemo {
  readonly settings: readonly Setting[];
  readonly silent: RunResult;
  readonly notified: RunResult;
}

/** The first run begins here in the capture, so that the same seed gives the same bytes: 1 January 2000, 00:00 UTC. */
const EPOCH = Date.UTC(2000, 0, 1);
/** Milliseconds in the capture from the beginning of one run to that of the other. */
const APART_MS = 60_000;

/** Both runs in memory and in virtual time, on networks that begin alike, chance included. */
export function runInMemory(options: MemoryDemoOptions): MemoryDemo {
  const file = openSync(options.pcap, 'w');
  try {
    const writer = new PcapngWriter((bytes) => writeSync(file, bytes));
    const silent = runOnce('silent', options, EPOCH, writer);
    const notified = runOnce('notified', options, EPOCH + APART_MS, writer);
    return { settings: silent.settings, silent: silent.result, notified: notified.result };
  } finally {
    closeSync(file);
  }
}

function runOnce(
  way: Way,
  { seed, preset, capMs }: MemoryDemoOptions,
  epoch: number,
  writer: CaptureWriter,
): { settings: Setting[]; result: RunResult } {
  const { intervalMs, warmUpMs, downtimeMs, afterMs, ageingMs, cableMs } = DEMO;
  const network = new Network({ seed, epoch, ageingMs, cableMs });
  const { clock, vm, peer, nic } = network;
  try {
    record(peer, way, writer);
    record(vm, way, writer);
    vm.arp.announcer.setPreset(network.vmDevice, preset);
    const timeline = new Timeline(() => clock.now());
    timeline.origin = warmUpMs;
    observeSwitch(network.switch, timeline);
    observeDevices(vm, 'vm', timeline);
    observeArp(vm, 'vm', timeline);
    observeArp(peer, 'peer', timeline);
    observeNeighbours(peer, 'peer', timeline);

    const answers: number[] = [];
    const ping = peer.ping(VM_ADDRESS, { count: Number.POSITIVE_INFINITY, intervalMs });
    ping.onReply(({ kind }) => {
      if (kind === 'reply') answers.push(clock.now());
    });
    clock.advance(warmUpMs - clock.now());
    const before = portOfVm(network);
    const settings = settingsOf(network, capMs);

    timeline.add('vm', 'leaves port 1, whose cable stays plugged in and lit');
    nic.leave();
    clock.advance(downtimeMs);
    timeline.add('vm', 'arrives at port 2, whose cable is lit');
    nic.arrive();
    clock.drain();
    const carrierUp = portOfVm(network);
    if (way === 'notified') {
      timeline.add('vm', 'notify_peers');
      vm.notifyPeers(network.vmDevice);
    }
    const arrived = clock.now();
    const last = answers.at(-1) ?? 0;
    const recovered = clock.advanceUntil(() => (answers.at(-1) ?? 0) > arrived, capMs - downtimeMs);
    const first = recovered ? (answers.at(-1) ?? 0) : last + capMs;
    if (recovered)
      timeline.add('peer', `has an answer again, ${(first - last).toFixed(1)} ms after the last one`);
    else timeline.add('peer', `has had no answer for ${capMs / 1000} s: the run ends here`);
    if (recovered) clock.advance(afterMs);
    ping.stop();
    const sent = ping.transmitted;
    const result: RunResult = {
      way,
      outageMs: toMicroseconds(first - last),
      capped: !recovered,
      lost: sent - answers.length,
      sent,
      leftBehind: nic.leftBehind,
      fdb: { before, carrierUp, after: portOfVm(network) },
      timeline: timeline.end(),
    };
    return { settings, result };
  } finally {
    network.close();
  }
}

function portOfVm({ switch: { fdb } }: Network): string {
  return fdb.find(VM_MAC)?.port.name ?? 'unknown';
}

/** Writes a stack's frames to interfaces named after the run and the stack. */
function record(stack: Stack, way: Way, writer: CaptureWriter): void {
  captureNamespace(stack.ns, {
    annotates: writer.annotates,
    addInterface: (name, linkType) => writer.addInterface(`${way}/${stack.ns.name}/${name}`, linkType),
    write: (id, time, frame, notes) => writer.write(id, time, frame, notes),
  });
}

function settingsOf({ peer, peerDevice, switch: { fdb } }: Network, capMs: number): Setting[] {
  const parms = peer.arp.table.parms(peerDevice);
  const neigh = (name: string): string => peer.sysctl.get(`net.ipv4.neigh.${peerDevice.name}.${name}`) ?? '?';
  return [
    { name: 'switch: ageing time', value: seconds(fdb.ageingMs) },
    {
      name: 'peer: base_reachable_time',
      value: `${neigh('base_reachable_time')} s, of which ${seconds(parms.reachableTime)} were drawn`,
    },
    { name: 'peer: delay_first_probe_time', value: `${neigh('delay_first_probe_time')} s` },
    {
      name: 'peer: ucast_solicit, retrans_time',
      value: `${neigh('ucast_solicit')} probes, ${neigh('retrans_time_ms')} ms apart`,
    },
    { name: 'peer: ping interval', value: `${DEMO.intervalMs} ms` },
    { name: 'machine: downtime of the move', value: `${DEMO.downtimeMs} ms` },
    { name: 'silent outage: cap', value: seconds(capMs) },
  ];
}

function seconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(1))} s`;
}
