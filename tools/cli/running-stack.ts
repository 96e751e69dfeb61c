import { formatMac, type MacAddress, parseMac } from '../../device/frame/mac.ts';
import { captureNamespace } from '../../device/link/capture.ts';
import { TapLink } from '../../device/link/tap.ts';
import { TunLink } from '../../device/link/tun.ts';
import { Machine } from '../../device/machine.ts';
import type { Link } from '../../device/netdevice/link.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { PcapngWriter } from '../../device/pcap/pcapng-writer.ts';
import { createStack, type Stack } from '../../stack/stack.ts';
import { formatIpv4 } from '../../stack/wire/address.ts';
import { METHODS } from '../control/methods.ts';
import { ControlServer } from '../control/server.ts';
import { defaultSocketPath } from '../control/socket-path.ts';
import { CaptureFile } from './capture-file.ts';
import { UsageError } from './words.ts';

export interface UpOptions {
  readonly tap?: string;
  readonly tun?: string;
  readonly address: readonly string[];
  readonly gateway?: string;
  readonly dhcp?: boolean;
  readonly mac?: string;
  readonly mtu?: number;
  readonly plainFrames?: boolean;
  readonly busyPoll?: number;
  readonly pcap?: string;
  readonly control?: string;
  readonly sysctl: readonly string[];
  readonly forward?: boolean;
}

/** What `tapir up` runs: a stack on one device of the kernel, with its control socket. */
export class RunningStack {
  readonly stack: Stack;
  readonly dev: NetDevice;
  readonly #server: ControlServer<Stack>;
  readonly #file: CaptureFile | null;

  private constructor(stack: Stack, dev: NetDevice, server: ControlServer<Stack>, file: CaptureFile | null) {
    this.stack = stack;
    this.dev = dev;
    this.#server = server;
    this.#file = file;
  }

  /** Opens the device, makes the stack, serves its control socket. When a step fails, those before it are undone. */
  static async start(options: UpOptions): Promise<RunningStack> {
    const settings = options.sysctl.map(parseSetting);
    const machine = new Machine();
    const stack = createStack({
      machine,
      ...(options.forward === true && { sysctl: { 'net.ipv4.ip_forward': 1 } }),
    });
    let file: CaptureFile | null = null;
    try {
      if (options.pcap !== undefined) file = recordTo(stack, options.pcap);
      const late = settings.filter(([name]) => !stack.sysctl.has(name));
      for (const [name, value] of settings) if (stack.sysctl.has(name)) stack.setSysctl(name, value);
      const dev = stack.addDevice(openLink(machine, options), {
        name: deviceName(options),
        addresses: options.address,
      });
      for (const [name, value] of late) stack.setSysctl(name, value);
      if (options.gateway !== undefined) stack.addRoute({ to: 'default', via: options.gateway, dev });
      if (options.dhcp === true) stack.dhcp(dev);
      const path = options.control ?? defaultSocketPath(dev.name);
      const server = await ControlServer.listen({ path, subject: stack, methods: METHODS });
      return new RunningStack(stack, dev, server, file);
    } catch (cause) {
      stack.close();
      file?.close();
      throw cause;
    }
  }

  /** What is printed when the stack serves. */
  get readyLine(): string {
    const { dev } = this;
    const addresses = this.stack
      .addressesOf(dev)
      .map((ifa) => `${formatIpv4(ifa.local)}/${ifa.prefixLength}`);
    return [
      `ready ${dev.name}`,
      ...(dev.addressLength > 0 ? [`mac ${formatMac(dev.address)}`] : []),
      `address ${addresses.join(',')}`,
      `control ${this.#server.path}`,
    ].join(' ');
  }

  /** Ends clients, removes the socket, and closes the device, which the kernel then removes unless it is persistent. */
  async close(): Promise<void> {
    await this.#server.close();
    this.stack.close();
    this.#file?.close();
  }
}

function recordTo(stack: Stack, path: string): CaptureFile {
  const file = new CaptureFile(path, (error) => {
    stop();
    process.stderr.write(`capture to ${path} ended: ${error.message}\n`);
  });
  const stop = captureNamespace(stack.ns, new PcapngWriter(file.sink));
  return file;
}

function deviceName({ tap, tun }: UpOptions): string {
  if ((tap === undefined) === (tun === undefined))
    throw new UsageError('Either --tap NAME or --tun NAME is needed.');
  return tap ?? tun ?? '';
}

function openLink(machine: Machine, options: UpOptions): Link {
  const name = deviceName(options);
  const common = {
    name,
    vnetHeader: options.plainFrames !== true,
    ...(options.busyPoll !== undefined && { busyPoll: options.busyPoll }),
    ...(options.mtu !== undefined && { mtu: options.mtu }),
  };
  if (options.tap === undefined) return new TunLink(machine, common);
  return new TapLink(machine, { ...common, ...(options.mac !== undefined && { mac: macOf(options.mac) }) });
}

function macOf(text: string): MacAddress {
  const mac = parseMac(text);
  if (Number.isNaN(mac)) throw new UsageError(`"${text}" is invalid lladdr.`);
  return mac;
}

function parseSetting(text: string): [name: string, value: string] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new UsageError(`--sysctl takes NAME=VALUE, not "${text}".`);
  return [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
}
