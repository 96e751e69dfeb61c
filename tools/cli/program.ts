import { Command } from 'commander';
import { linkCommand } from './link.ts';
import { withCommonOptions } from './session.ts';
import { statsCommand } from './stats.ts';
import { sysctlCommand } from './sysctl.ts';

/** The whole program. The order of the commands decides what an abbreviation means. */
export function buildProgram(): Command {
  const program = withCommonOptions(new Command('tapir'))
    .description('A userspace TCP/IP stack on a TAP device')
    .version('0.1.0')
    .enablePositionalOptions()
    .showHelpAfterError('(try "tapir --help")');
  program.addCommand(linkCommand());
  program.addCommand(sysctlCommand());
  program.addCommand(statsCommand());
  return program;
}
