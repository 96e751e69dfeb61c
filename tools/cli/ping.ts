import { Command, InvalidArgumentError } from 'commander';
import type { ControlClient } from '../control/client.ts';
import type { PingResult } from '../control/methods/ping.ts';
import { formatPing, type PingEvent, PingSummary, pingHeader } from '../format/ping.ts';
import { onInterrupt } from './interrupt.ts';
import { type CommonOptions, fail, optionsOf, printJson, withCommonOptions, withStack } from './session.ts';

interface PingOptions extends CommonOptions {
  readonly count?: number;
  readonly interval: number;
  readonly size: number;
  readonly ttl?: number;
  readonly timeout: number;
  readonly quiet?: boolean;
}

/** `tapir ping`: iputils' options, output and exit status. */
export function pingCommand(): Command {
  return withCommonOptions(new Command('ping').argument('<address>'))
    .description('send echo requests from the stack')
    .option('-c, --count <n>', 'stop after so many requests', numeric)
    .option('-i, --interval <seconds>', 'between two requests', numeric, 1)
    .option('-s, --size <bytes>', 'of data behind the ICMP header', numeric, 56)
    .option('-t, --ttl <n>', 'time to live', numeric)
    .option('-W, --timeout <seconds>', 'to wait for the last answer', numeric, 10)
    .option('-q, --quiet', 'print only the header and the summary')
    .action(async (address: string, _options: unknown, command: Command) => {
      const options = optionsOf<PingOptions>(command);
      await withStack(options, (client) => ping(client, address, options));
    });
}

async function ping(client: ControlClient, address: string, options: PingOptions): Promise<void> {
  const { count, interval, size, ttl, timeout } = options;
  const json = options.json === true;
  const summary = new PingSummary();
  const began = performance.now();
  const params = { address, count, interval: interval * 1000, size, ttl, timeout: timeout * 1000 };
  const heard = (ping: PingEvent): void => {
    summary.add(ping);
    if (json) printJson(options, ping);
    else if (options.quiet !== true) process.stdout.write(`${formatPing(ping)}\n`);
  };
  const stream = client.stream('ping.run', params, {
    started: () => {
      if (!json) process.stdout.write(`${pingHeader(address, size)}\n`);
    },
    event: (event) => heard(event as PingEvent),
  });
  const forget = onInterrupt(() => stream.cancel());
  try {
    const { transmitted } = (await stream.done) as PingResult;
    const elapsed = performance.now() - began;
    if (json) {
      const { received, errors, duplicates, times } = summary;
      const loss = summary.loss(transmitted);
      printJson(options, {
        kind: 'summary',
        transmitted,
        received,
        duplicates,
        errors,
        loss,
        elapsed,
        ...times,
      });
    } else process.stdout.write(`${summary.format(address, transmitted, elapsed)}\n`);
    process.exitCode = summary.received > 0 ? 0 : 1;
  } catch (cause) {
    fail(cause);
    process.exitCode = 2;
  } finally {
    forget();
  }
}

function numeric(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('a number is expected');
  return value;
}
