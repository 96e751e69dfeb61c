import { VirtualClock } from '../../device/clock/virtual.ts';
import { Switch } from '../../device/link/switch/switch.ts';
import { createWire } from '../../device/link/wire/wire.ts';
import { Machine } from '../../device/machine.ts';
import { PacketPool } from '../../device/memory/pool.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import { SeededEntropy } from '../../device/random.ts';
import { createStack, type Stack } from '../../stack/stack.ts';
import { PEER_ADDRESS, PEER_MAC, PREFIX_LENGTH, VM_ADDRESS, VM_MAC } from './addresses.ts';
import { MigratingLink } from './migrating-link.ts';

/** Addresses of the switch's own ports. */
const PORT_MAC = 0x0200000000f0;

export interface NetworkOptions {
  readonly seed: number;
  /** Milliseconds since the Unix epoch at which its clock begins. */
  readonly epoch: number;
  /** Milliseconds after which the switch forgets an address. */
  readonly ageingMs: number;
  /** Milliseconds that a frame needs from one end of a cable to the other. */
  readonly cableMs: number;
}

/**
 * The network of the demo: a switch with three ports, two hosts between which a virtual machine can move behind the first
 * two, and its peer behind the third. Time is virtual and chance seeded: the same options give the same run.
 */
export class Network {
  readonly clock: VirtualClock;
  readonly machine: Machine;
  readonly switch: Switch;
  readonly nic: MigratingLink;
  readonly vm: Stack;
  readonly vmDevice: NetDevice;
  readonly peer: Stack;
  readonly peerDevice: NetDevice;

  constructor({ seed, epoch, ageingMs, cableMs }: NetworkOptions) {
    this.clock = new VirtualClock(epoch);
    this.machine = new Machine({
      clock: this.clock,
      entropy: new SeededEntropy(seed),
      pool: new PacketPool({ small: 512, large: 8, pages: 8 }),
    });
    this.switch = new Switch(this.machine, { name: 'switch', ageingMs });
    const cables = [VM_MAC, VM_MAC, PEER_MAC].map((mac, index) => {
      const wire = createWire(this.machine, {
        addresses: [mac, PORT_MAC + index + 1],
        impairment: { delay: cableMs },
      });
      this.switch.attach(wire.b, `port ${index + 1}`);
      return wire.a;
    });
    const [source, destination, own] = cables as [(typeof cables)[0], (typeof cables)[0], (typeof cables)[0]];
    this.nic = new MigratingLink(source, destination, VM_MAC);
    this.vm = createStack({ machine: this.machine, name: 'vm' });
    this.vmDevice = this.vm.addDevice(this.nic, {
      name: 'eth0',
      addresses: [`${VM_ADDRESS}/${PREFIX_LENGTH}`],
    });
    this.peer = createStack({ machine: this.machine, name: 'peer' });
    this.peerDevice = this.peer.addDevice(own, {
      name: 'eth0',
      addresses: [`${PEER_ADDRESS}/${PREFIX_LENGTH}`],
    });
  }

  /** Takes everything down; what is left then is a leak. */
  close(): void {
    this.peer.close();
    this.vm.close();
    this.switch.close();
  }
}
