import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { benchCommand } from '../bench/index.ts';
import { packetdrillCommand } from '../packetdrill/index.ts';
import { addressCommand } from './address.ts';
import { captureCommand } from './capture.ts';
import { demoCommand } from './demo.ts';
import { dhcpCommand } from './dhcp.ts';
import { linkCommand } from './link.ts';
import { metricsCommand } from './metrics.ts';
import { monitorCommand } from './monitor.ts';
import { neighCommand } from './neigh.ts';
import { notifyPeersCommand } from './notify-peers.ts';
import { pingCommand } from './ping.ts';
import { routeCommand } from './route.ts';
import { withCommonOptions } from './session.ts';
import { socketCommand } from './socket.ts';
import { statsCommand } from './stats.ts';
import { sysctlCommand } from './sysctl.ts';
import { upCommand } from './up.ts';

/** The whole program. The order of the commands decides what an abbreviation means; iproute2's objects come first. */
export function buildProgram(): Command {
  const program = withCommonOptions(new Command('tapir'))
    .description('A userspace TCP/IP stack on a TAP device')
    .version(version())
    .option('-s, --stats', 'counters; twice: all of them', (_: unknown, level?: number) => (level ?? 0) + 1)
    .option('-d, --details', 'everything else')
    .enablePositionalOptions();
  for (const command of [
    addressCommand(),
    linkCommand(),
    routeCommand(),
    neighCommand(),
    monitorCommand(),
    statsCommand(),
    metricsCommand(),
    socketCommand(),
    sysctlCommand(),
    notifyPeersCommand(),
    pingCommand(),
    captureCommand(),
    dhcpCommand(),
    upCommand(),
    demoCommand(),
    benchCommand(),
    packetdrillCommand(),
  ])
    program.addCommand(command);
  return program;
}

/** This file runs from `dist/tools/cli/`. */
function version(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
