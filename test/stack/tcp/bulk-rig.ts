import { VirtualClock } from '../../../device/clock/virtual.ts';
import { TapLink } from '../../../device/link/tap.ts';
import { Machine } from '../../../device/machine.ts';
import { copyWith } from '../../../device/memory/copy.ts';
import { PacketPool } from '../../../device/memory/pool.ts';
import { SeededEntropy } from '../../../device/random.ts';
import { AF_INET, SOCK_NONBLOCK, SOCK_STREAM } from '../../../stack/socket/abi.ts';
import { SocketAddress } from '../../../stack/socket/address.ts';
import { createStack, type Stack } from '../../../stack/stack.ts';
import { parseIpv4 } from '../../../stack/wire/address.ts';
import { CableDriver, type CallCounts } from './tap-cable.ts';

const PORT = 5001;
const CHUNK = 256 * 1024;
/** A window that the cable has room for: nothing is lost. */
const WINDOWS = '4096 131072 2097152';
/** Milliseconds between two looks of the applications. */
const STEP = 0.05;

/** Two stacks with a connection between two TAPs with virtio headers, in virtual time: what moves data is counted, and always the same. */
export class BulkRig {
  readonly clock: VirtualClock = new VirtualClock();
  readonly sender: Stack;
  readonly receiver: Stack;
  /** Bytes that were copied in JavaScript, of runs long enough to count. */
  copied = 0;
  readonly #driver: CableDriver;
  readonly #out: number;
  readonly #in: number;
  readonly #bytes = new Uint8Array(CHUNK);
  readonly #buffer = new Uint8Array(CHUNK);

  constructor() {
    const pool = new PacketPool({ small: 2048, large: 512, pages: 256 });
    const machine = new Machine({ clock: this.clock, pool, entropy: new SeededEntropy(1) });
    this.#driver = new CableDriver(machine);
    const host = (name: string, address: string): Stack => {
      const stack = createStack({ machine, sysctl: { 'net.ipv4.tcp_rmem': WINDOWS } });
      stack.addDevice(new TapLink(machine, { name, vnetHeader: true }, this.#driver), {
        name,
        addresses: [address],
      });
      return stack;
    };
    this.sender = host('tap0', '192.0.2.1/24');
    this.receiver = host('tap1', '192.0.2.2/24');
    const { sockets } = this.receiver;
    const listener = sockets.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockets.bind(listener, new SocketAddress(AF_INET, 0, PORT));
    sockets.listen(listener, 1);
    this.#out = this.sender.sockets.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    this.sender.sockets.connect(this.#out, new SocketAddress(AF_INET, parseIpv4('192.0.2.2'), PORT));
    this.clock.advance(100);
    this.#in = sockets.accept(listener, null, SOCK_NONBLOCK);
    if (this.#in < 0) throw new Error(`no connection: ${this.#in}`);
    this.#count(pool.u8);
  }

  /** What the addon was asked on the sender's side, and the receiver's. */
  get counts(): readonly [CallCounts, CallCounts] {
    const [sender, receiver] = this.#driver.ends;
    return [{ ...sender!.counts }, { ...receiver!.counts }];
  }

  /** Moves at least so many bytes from one application to the other; how many it were. */
  transfer(bytes: number): number {
    const { sockets: from } = this.sender;
    const { sockets: to } = this.receiver;
    let moved = 0;
    while (moved < bytes) {
      while (from.send(this.#out, this.#bytes) > 0);
      this.clock.advance(STEP);
      for (let got = 1; got > 0; moved += Math.max(got, 0)) got = to.recv(this.#in, this.#buffer);
      this.clock.settle();
    }
    return moved;
  }

  /** Counts what is copied; the cable's own copies pass by. */
  #count(pool: Uint8Array): void {
    const copy = copyWith(undefined);
    copyWith((from, fromAt, to, toAt, length) => {
      this.copied += length;
      copy(from, fromAt, to, toAt, length);
    });
    pool.copyWithin = (at, start, end) => {
      this.copied += (end ?? pool.length) - start;
      return Uint8Array.prototype.copyWithin.call(pool, at, start, end);
    };
  }
}
