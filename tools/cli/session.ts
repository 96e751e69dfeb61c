import type { Command } from 'commander';
import { ControlClient } from '../control/client.ts';
import { ControlError } from '../control/protocol.ts';
import { findSockets } from '../control/socket-path.ts';
import { UsageError } from './words.ts';

/** Options that every command which talks to a running stack has. */
export interface CommonOptions {
  readonly control?: string;
  readonly json?: boolean;
  readonly pretty?: boolean;
}

/** Adds the common options; they are understood before and behind the command. */
export function withCommonOptions(command: Command): Command {
  return command
    .option('--control <socket>', 'control socket of the stack; the only one there is when left out')
    .option('-j, --json', 'print JSON with the keys of iproute2')
    .option('-p, --pretty', 'indent the JSON');
}

/** The options of a command together with those given before it. */
export function optionsOf<T extends CommonOptions>(command: Command): T {
  return command.optsWithGlobals<T>();
}

/** Connects to the stack, runs `work`, and ends the connection; failures end on stderr and in the exit status. */
export async function withStack(
  options: CommonOptions,
  work: (client: ControlClient) => Promise<void>,
): Promise<void> {
  let client: ControlClient | undefined;
  try {
    client = await ControlClient.connect(socketOf(options));
    await work(client);
  } catch (cause) {
    fail(cause);
  } finally {
    client?.close();
  }
}

/** Prints what went wrong and sets the exit status: 1 for the command's own mistakes, 2 for the stack's refusals. */
export function fail(cause: unknown): void {
  process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`);
  process.exitCode = cause instanceof ControlError && cause.refusedByStack ? 2 : 1;
}

/** Prints a list: as JSON, or formatted an item a line. */
export function show<T>(options: CommonOptions, items: readonly T[], format: (item: T) => string): void {
  if (options.json === true) printJson(options, items);
  else for (const item of items) process.stdout.write(`${format(item)}\n`);
}

export function printJson(options: CommonOptions, value: unknown): void {
  const indent = options.pretty === true ? 4 : 0;
  process.stdout.write(`${JSON.stringify(value, undefined, indent)}\n`);
}

function socketOf(options: CommonOptions): string {
  const given = options.control ?? process.env['TAPIR_CONTROL'];
  if (given !== undefined) return given;
  const sockets = findSockets();
  if (sockets.length === 1) return sockets[0]!;
  throw new UsageError(
    sockets.length === 0
      ? 'No stack is running; start one with "tapir up --tap NAME --address CIDR".'
      : `Several stacks are running; say which with --control: ${sockets.join(', ')}`,
  );
}
