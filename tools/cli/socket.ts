import { Command } from 'commander';
import type { SocketView } from '../control/view/socket.ts';
import { formatSockets } from '../format/socket.ts';
import { type CommonOptions, optionsOf, printJson, withCommonOptions, withStack } from './session.ts';
import { socketFilter } from './socket-filter.ts';
import { stateSelector } from './socket-states.ts';

interface SocketOptions extends CommonOptions {
  readonly tcp?: boolean;
  readonly udp?: boolean;
  readonly all?: boolean;
  readonly listening?: boolean;
  readonly info?: boolean;
}

/** `tapir socket`. */
export function socketCommand(): Command {
  return new Command('socket').description('show sockets').addCommand(showCommand());
}

function showCommand(): Command {
  return withCommonOptions(
    new Command('show').argument('[filter...]', 'state STATE, then an expression over sport and dport'),
  )
    .description('show TCP and UDP sockets, as ss does')
    .option('-t, --tcp', 'TCP sockets')
    .option('-u, --udp', 'UDP sockets')
    .option('-a, --all', 'sockets in every state')
    .option('-l, --listening', 'listening sockets, and UDP sockets without a peer')
    .option('-i, --info', 'what TCP knows of its connections')
    .option('-n, --numeric', 'accepted and ignored, as addresses and ports are always numbers')
    .action(async (words: string[], _options: unknown, command: Command) => {
      const options = optionsOf<SocketOptions>(command);
      let states = 0;
      while (words[states] === 'state') states += 2;
      const wanted = stateSelector(words.slice(0, states), options);
      const fits = socketFilter(words.slice(states).join(' '));
      const both = options.tcp === options.udp;
      await withStack(options, async (client) => {
        const all = (await client.call('socket.show', { info: options.info ?? false })) as SocketView[];
        const sockets = all.filter((socket) => {
          const { netid, state } = socket;
          return (both || (netid === 'tcp') === (options.tcp ?? false)) && wanted(state) && fits(socket);
        });
        if (options.json === true) printJson(options, sockets);
        else process.stdout.write(`${formatSockets(sockets)}\n`);
      });
    });
}
