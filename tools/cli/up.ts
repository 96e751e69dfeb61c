import { Command, InvalidArgumentError } from 'commander';
import { onInterrupt } from './interrupt.ts';
import { RunningStack, type UpOptions } from './running-stack.ts';
import { fail } from './session.ts';

/** `tapir up`: runs a stack until Ctrl-C. */
export function upCommand(): Command {
  return new Command('up')
    .description('run a stack on a TAP or TUN device until Ctrl-C')
    .option('--tap <name>', 'TAP device: an Ethernet cable to the kernel; made when there is none')
    .option('--tun <name>', 'TUN device instead: IP packets without Ethernet')
    .option('--address <cidr>', "the stack's own address, 192.0.2.2/24; may be repeated", collect, [])
    .option('--gateway <ip>', 'default route')
    .option('--dhcp', 'get address, routes and name servers from a DHCP server')
    .option('--mac <address>', "the stack's own link-layer address; random when left out")
    .option('--mtu <bytes>', 'of both sides of the device', bytes)
    .option('--plain-frames', 'no virtio header: checksums and segments are our own work')
    .option('--busy-poll <us>', 'look for a next frame so long before waiting for it', microseconds)
    .option('--pcap <file>', 'write all frames to a pcapng file')
    .option('--control <socket>', 'path of the control socket')
    .option('--sysctl <setting>', 'NAME=VALUE; may be repeated', collect, [])
    .option('--forward', 'forward packets between devices (net.ipv4.ip_forward=1)')
    .action(async (options: UpOptions) => {
      try {
        await run(options);
      } catch (cause) {
        fail(cause);
      }
    });
}

async function run(options: UpOptions): Promise<void> {
  let forget = (): void => {};
  const stopped = new Promise<void>((resolve) => {
    forget = onInterrupt(resolve);
  });
  try {
    const running = await RunningStack.start(options);
    process.stdout.write(`${running.readyLine}\n`);
    await stopped;
    await running.close();
  } finally {
    forget();
  }
}

function collect(value: string, earlier: readonly string[]): string[] {
  return [...earlier, value];
}

function bytes(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('a number of bytes is expected');
  return Number(text);
}

function microseconds(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('a number of microseconds is expected');
  return Number(text);
}
