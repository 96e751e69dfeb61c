import { Command } from 'commander';
import { PRESETS } from '../../stack/neighbour/presets.ts';
import type { NotifyPeersResult } from '../control/methods/peers.ts';
import { type CommonOptions, optionsOf, printJson, withCommonOptions, withStack } from './session.ts';

interface NotifyOptions extends CommonOptions {
  readonly preset?: string;
  readonly frames?: string;
}

/** `tapir notify-peers`. */
export function notifyPeersCommand(): Command {
  return withCommonOptions(new Command('notify-peers').argument('<device>'))
    .description('tell the network where a device is now (gratuitous ARP)')
    .option('--preset <name>', `how often, and which addresses: ${Object.keys(PRESETS).join(', ')}`)
    .option('--frames <kind>', 'arp, rarp, or both')
    .action(async (dev: string, _options: unknown, command: Command) => {
      const options = optionsOf<NotifyOptions>(command);
      const { preset, frames } = options;
      await withStack(options, async (client) => {
        const result = (await client.call('peers.notify', { dev, preset, frames })) as NotifyPeersResult;
        if (options.json === true) printJson(options, result);
        else if (result.held) process.stdout.write(`${dev}: waits for the carrier\n`);
        if (result.sent > 0 || result.held) return;
        process.stderr.write(`${dev}: nothing was sent: ${result.suppressed.join(', ')}\n`);
        process.exitCode = 2;
      });
    });
}
