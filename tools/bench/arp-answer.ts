import type { TapLink } from '../../device/link/tap.ts';
import type { Mib } from '../../stack/counters.ts';
import { FileReader } from './file-reader.ts';
import { type BenchResult, type Round, summarise } from './result.ts';

/** Requests queued before each measurement: fewer than the 1000 frames that a TAP holds. */
const REQUESTS = 900;
/** Measurements of ours a round: draining the queue takes well under a millisecond. */
const REPEATS = 20;

export interface AnswerTarget {
  /** Ours, open; its receive queue is fed by `ask`. */
  readonly link: TapLink;
  readonly mib: Mib;
  /** Puts `count` requests for our address into the link's queue. */
  readonly ask: (count: number) => void;
}

/** ARP requests answered: read, parsed, answered in place, written back; beside `fs.read` and `fs.write` on the same TAP. */
export async function benchAnswer(target: AnswerTarget, rounds: number): Promise<BenchResult> {
  const reader = new FileReader(target.link.queue.fd);
  const measured: Round[] = [];
  for (let i = 0; i < 3; i++) drain(target);
  for (let i = 0; i < rounds; i++) {
    let elapsed = 0;
    for (let n = 0; n < REPEATS; n++) elapsed += drain(target);
    const ours = (REPEATS * REQUESTS * 1000) / elapsed;
    target.link.stop();
    const reference = (REQUESTS * 1000) / (await drainWithFiles(target, reader));
    target.link.open();
    measured.push({ ours, reference });
  }
  return summarise('arp-answer', 'answers/s', 'fs.read and fs.write on the same TAP', measured, {
    requestsQueued: REQUESTS,
  });
}

/** Milliseconds that the stack takes to answer a full queue. */
function drain({ link, mib, ask }: AnswerTarget): number {
  ask(REQUESTS);
  const goal = mib.get('ArpOutReplies') + REQUESTS;
  const begin = performance.now();
  const deadline = begin + 5000;
  while (mib.get('ArpOutReplies') < goal) {
    link.poll();
    if (performance.now() > deadline)
      throw new Error(`${goal - mib.get('ArpOutReplies')} requests were not answered`);
  }
  return performance.now() - begin;
}

/** The same work by hand: addresses swapped in a Buffer, one read and one write a frame. */
async function drainWithFiles({ link, ask }: AnswerTarget, reader: FileReader): Promise<number> {
  ask(REQUESTS);
  const mac = Buffer.alloc(6);
  mac.writeUIntBE(link.address, 0, 6);
  const begin = performance.now();
  for (let answered = 0; answered < REQUESTS; ) {
    const frame = await reader.read();
    if (frame.readUInt16BE(12) !== 0x0806) continue;
    const asked = Buffer.from(frame.subarray(38, 42));
    frame.copy(frame, 0, 6, 12);
    mac.copy(frame, 6);
    frame.writeUInt16BE(2, 20);
    frame.copy(frame, 32, 22, 32);
    mac.copy(frame, 22);
    asked.copy(frame, 28);
    await reader.write(frame.subarray(0, 42));
    answered++;
  }
  return performance.now() - begin;
}
