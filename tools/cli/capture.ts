import { Command, InvalidArgumentError } from 'commander';
import { PcapngWriter } from '../../device/pcap/pcapng-writer.ts';
import type { ControlClient } from '../control/client.ts';
import type { CapturedFrame } from '../control/view/capture.ts';
import { formatFrame } from '../format/capture.ts';
import { CaptureFile } from './capture-file.ts';
import { onInterrupt } from './interrupt.ts';
import { type CommonOptions, optionsOf, printJson, withCommonOptions, withStack } from './session.ts';

interface CaptureOptions extends CommonOptions {
  readonly write?: string;
  readonly count?: number;
  readonly snaplen?: number;
  readonly drops?: boolean;
}

/** Where captured frames go. */
interface Output {
  frame(frame: CapturedFrame, bytes: Uint8Array): void;
  close(): void;
}

/** `tapir capture`. */
export function captureCommand(): Command {
  return withCommonOptions(new Command('capture').argument('[device]'))
    .description('show the frames that the stack sends and receives, or write them to a file')
    .option('-w, --write <file>', 'write pcapng instead of text; "-" is the standard output')
    .option('-c, --count <n>', 'stop after so many frames', positive)
    .option('--snaplen <bytes>', 'keep so much of each frame', positive)
    .option('--drops', 'show dropped packets too, with the reason')
    .action(async (device: string | undefined, _options: unknown, command: Command) => {
      const options = optionsOf<CaptureOptions>(command);
      await withStack(options, (client) => capture(client, device, options));
    });
}

async function capture(
  client: ControlClient,
  dev: string | undefined,
  options: CaptureOptions,
): Promise<void> {
  const output = openOutput(options);
  const { count, snaplen: snapLength, drops } = options;
  const stream = client.stream(
    'capture',
    { dev, count, snapLength, drops },
    {
      started: () => process.stderr.write(`capturing on ${dev ?? 'all devices'}\n`),
      event: (event) => {
        const frame = event as CapturedFrame;
        output.frame(frame, Buffer.from(frame.data, 'base64'));
      },
      dropped: (lost) =>
        process.stderr.write(`${lost} frames were lost: they came faster than they were read\n`),
    },
  );
  const forget = onInterrupt(() => stream.cancel());
  try {
    const { frames } = (await stream.done) as { frames: number };
    process.stderr.write(`${frames} frames captured\n`);
  } finally {
    forget();
    output.close();
  }
}

function openOutput(options: CaptureOptions): Output {
  if (options.write === '-')
    return fileOutput(
      (bytes) => process.stdout.write(bytes),
      () => {},
    );
  if (options.write !== undefined) {
    const file = new CaptureFile(options.write, (error) => {
      process.stderr.write(`${file.path}: ${error.message}\n`);
      process.exitCode = 1;
    });
    return fileOutput(file.sink, () => file.close());
  }
  return {
    frame: (frame, bytes) => {
      if (options.json === true) printJson(options, frame);
      else process.stdout.write(`${formatFrame(frame, bytes)}\n`);
    },
    close: () => {},
  };
}

/** Interfaces are announced in the file when their first frame comes. */
function fileOutput(sink: (bytes: Uint8Array) => void, close: () => void): Output {
  const writer = new PcapngWriter(sink);
  const interfaces = new Map<string, number>();
  return {
    frame: ({ dev, linkType, time, length, direction, comment }, bytes) => {
      const id = interfaces.get(dev) ?? writer.addInterface(dev, linkType);
      interfaces.set(dev, id);
      writer.write(id, time, bytes, {
        originalLength: length,
        ...(direction !== undefined && { direction }),
        ...(comment !== undefined && { comment }),
      });
    },
    close,
  };
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a number above 0 is expected');
  return value;
}
