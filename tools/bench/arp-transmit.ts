import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Stack } from '../../stack/stack.ts';
import { ARP_FRAME_LENGTH, type ArpTemplate } from '../../stack/wire/arp.ts';
import { bytesAllocatedPerCall, collectGarbage, heapUsed } from './allocation.ts';
import { type BenchResult, type Round, summarise } from './result.ts';

/** Frames handed down before the batch ends: what one native call writes. */
const BATCH = 64;
/** Milliseconds that ours and the reference run for in each round. */
const ROUND_MS = 300;
/** Batches over which allocation is measured: millions of frames, since the heap is accounted in steps of kilobytes. */
const ALLOCATION_BATCHES = 100_000;
/** Frames over which memory must stay flat. */
const LONG_RUN = 10_000_000;

/** Where frames are sent to, and what they are measured beside. */
export interface TransmitTarget {
  readonly stack: Stack;
  readonly dev: NetDevice;
  readonly template: ArpTemplate;
  /** A target address that nobody has; frames ask for it and its 255 successors. */
  readonly base: number;
  readonly reference: string;
  /** Sends `count` constant frames the reference's way; returns the nanoseconds that it took. */
  sendReference(count: number): number;
}

/** ARP requests built and sent, beside a loop that sends one constant frame. */
export function benchTransmit(target: TransmitTarget, rounds: number): BenchResult {
  const { stack, dev, template, base } = target;
  const { arp } = stack;
  const { clock } = stack.machine;
  let sequence = 0;
  const sendBatch = (): void => {
    for (let i = 0; i < BATCH; i++) arp.output.request(dev, template, (base + (sequence++ & 0xff)) | 0);
    clock.settle();
  };
  const sendOurs = (count: number): number => {
    const begin = performance.now();
    for (let sent = 0; sent < count; sent += BATCH) sendBatch();
    return (performance.now() - begin) * 1e6;
  };
  sendOurs(200_000);
  target.sendReference(200_000);
  const perRound = Math.ceil((ROUND_MS * 1e6) / (sendOurs(64_000) / 64_000) / BATCH) * BATCH;
  const measured: Round[] = [];
  for (let i = 0; i < rounds; i++) {
    const oursFirst = i % 2 === 0;
    const first = oursFirst ? sendOurs(perRound) : target.sendReference(perRound);
    const second = oursFirst ? target.sendReference(perRound) : sendOurs(perRound);
    const [ours, reference] = oursFirst ? [first, second] : [second, first];
    measured.push({ ours: (perRound * 1e9) / ours, reference: (perRound * 1e9) / reference });
  }
  const before = dev.statistics.txPackets;
  const bytesAllocatedPerFrame = Number(
    (bytesAllocatedPerCall(sendBatch, ALLOCATION_BATCHES) / BATCH).toFixed(2),
  );
  const memory = flatMemory(sendOurs);
  const sent = dev.statistics.txPackets - before;
  return summarise('arp-transmit', 'frames/s', target.reference, measured, {
    bytesAllocatedPerFrame,
    frameBytes: ARP_FRAME_LENGTH,
    longRunFrames: LONG_RUN,
    longRunHeapGrowthBytes: memory.heap,
    longRunRssGrowthBytes: memory.rss,
    droppedFrames: dev.statistics.txDropped + dev.statistics.txErrors,
    framesSentWhileMeasuringMemory: sent,
  });
}

/** What a long run leaves behind after a collection, in bytes. */
function flatMemory(send: (count: number) => number): { heap: number; rss: number } {
  collectGarbage();
  const heap = heapUsed();
  const rss = process.memoryUsage.rss();
  send(LONG_RUN);
  collectGarbage();
  return { heap: heapUsed() - heap, rss: process.memoryUsage.rss() - rss };
}
