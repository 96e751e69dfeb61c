// Several stacks as one host, with the peer program's bulk services: group.js tap=NAME address=A.B.C.D/N threads=N
//
// Says `ready`; ends with stdin.
import { once } from 'node:events';
import { isMainThread, type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads';
import { parseMac } from '../../../device/frame/mac.ts';
import { TapLink } from '../../../device/link/tap.ts';
import { Machine } from '../../../device/machine.ts';
import { connectThreads, PortChannel } from '../../../stack/multi-queue/channel.ts';
import { GroupMember } from '../../../stack/multi-queue/member.ts';
import { createStack } from '../../../stack/stack.ts';
import { CHARGEN, DISCARD } from './ports.ts';
import { Chargen, Discard, listen } from './services.ts';

interface Share {
  readonly tap: string;
  readonly address: string;
  readonly index: number;
  readonly ports: readonly (MessagePort | null)[];
}

const MAC = parseMac('02:00:00:00:00:02');

function serve({ tap, address, index, ports }: Share): void {
  const machine = new Machine();
  const stack = createStack({ machine });
  const link = new TapLink(machine, { name: tap, mac: MAC, up: true, multiQueue: true });
  const dev = stack.addDevice(link, { name: tap, addresses: [address] });
  const channels = ports.map((port) => (port === null ? null : new PortChannel(port)));
  new GroupMember(stack, dev, index, channels);
  const { sockets } = stack;
  listen(sockets, DISCARD, (fd) => void new Discard(sockets, fd));
  listen(sockets, CHARGEN, (fd) => void new Chargen(sockets, fd));
  parentPort!.postMessage('ready');
}

async function direct(): Promise<void> {
  const options = new Map(process.argv.slice(2).map((word) => word.split('=', 2) as [string, string]));
  const tap = options.get('tap') ?? 'tap0';
  const address = options.get('address') ?? '';
  for (const [index, ports] of connectThreads(Number(options.get('threads') ?? 2)).entries()) {
    const share: Share = { tap, address, index, ports };
    const transferList = ports.filter((port) => port !== null);
    await once(new Worker(new URL(import.meta.url), { workerData: share, transferList }), 'message');
  }
  process.on('SIGTERM', () => {}); // The end of stdin comes with it.
  process.stdin.once('end', () => process.exit()).resume();
  process.stdout.write('ready\n');
}

if (isMainThread) void direct();
else serve(workerData as Share);
