import type { TapLink } from '../../device/link/tap.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Stack } from '../../stack/stack.ts';
import type { ArpTemplate } from '../../stack/wire/arp.ts';
import { FileReader } from './file-reader.ts';
import { type BenchResult, median, type Round, summarise } from './result.ts';

/** Round trips a round. */
const TRIPS = 2_000;

export interface RoundTripTarget {
  readonly stack: Stack;
  readonly dev: NetDevice;
  readonly link: TapLink;
  readonly template: ArpTemplate;
  /** An address of the kernel's, which it answers for. */
  readonly kernel: number;
  /** A request for it, as bytes. */
  readonly request: Uint8Array;
}

/**
 * An ARP request to the kernel and its reply back, through the event loop; beside `fs.write` and `fs.read` on the same TAP.
 * `pollMicroseconds` is the same without the event loop, as in busy polling.
 */
export async function benchRoundTrip(target: RoundTripTarget, rounds: number): Promise<BenchResult> {
  const { stack, dev, link, template, kernel } = target;
  const { clock } = stack.machine;
  const reader = new FileReader(link.queue.fd);
  let answered: (() => void) | undefined;
  const removeTap = stack.ns.addTap((_packet, _dev, outgoing) => {
    if (!outgoing) answered?.();
  });
  const ask = (): void => {
    stack.arp.output.request(dev, template, kernel | 0);
    clock.settle();
  };
  const throughEventLoop = async (trips: number): Promise<number> => {
    const begin = performance.now();
    for (let i = 0; i < trips; i++) {
      await new Promise<void>((resolve) => {
        answered = resolve;
        ask();
      });
    }
    return ((performance.now() - begin) * 1000) / trips;
  };
  const withFiles = async (trips: number): Promise<number> => {
    const begin = performance.now();
    for (let i = 0; i < trips; i++) {
      await reader.write(target.request);
      await reader.read();
    }
    return ((performance.now() - begin) * 1000) / trips;
  };
  const polling = (trips: number): number => {
    let replies = 0;
    answered = () => void replies++;
    const begin = performance.now();
    for (let i = 1; i <= trips; i++) {
      ask();
      for (let turns = 0; replies < i; turns++) {
        link.poll();
        if (turns > 1e6) throw new Error('no reply');
      }
    }
    return ((performance.now() - begin) * 1000) / trips;
  };
  try {
    await throughEventLoop(TRIPS);
    polling(TRIPS);
    const measured: Round[] = [];
    const polled: number[] = [];
    for (let i = 0; i < rounds; i++) {
      const ours = await throughEventLoop(TRIPS);
      polled.push(polling(TRIPS));
      answered = undefined;
      link.stop();
      const reference = await withFiles(TRIPS / 4);
      link.open();
      measured.push({ ours, reference });
    }
    return summarise('arp-round-trip', 'us', 'fs.write and fs.read on the same TAP', measured, {
      pollMicroseconds: Number(median(polled).toFixed(3)),
    });
  } finally {
    removeTap();
  }
}
