import type { Server, Socket } from 'node:net';
import type { VirtualClock } from '../../../device/clock/virtual.ts';
import { createVeth } from '../../../device/link/veth.ts';
import { createStack, type Stack } from '../../../stack/stack.ts';
import { testMachine } from '../../testing/machine.ts';

/** Turns of the event loop without anything to do that mean that nothing comes any more. */
const QUIET = 3;

/** Two stacks on one cable in virtual time, `left` 192.0.2.1 and `right` 192.0.2.2. */
export class NetBench {
  readonly left: Stack;
  readonly right: Stack;
  readonly clock: VirtualClock;
  readonly log: string[] = [];

  constructor() {
    const { machine, clock } = testMachine();
    this.clock = clock;
    const [one, other] = createVeth(machine);
    this.left = createStack({ machine });
    this.right = createStack({ machine });
    this.left.addDevice(one, { addresses: ['192.0.2.1/24'] });
    this.right.addDevice(other, { addresses: ['192.0.2.2/24'] });
    clock.advance(2000);
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET; ) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      this.clock.drain();
      const callbacks = this.clock.turn();
      quiet = callbacks === 0 ? quiet + 1 : 0;
    }
  }

  /** Time passes, and everything happens meanwhile. */
  async pass(ms: number, step = 50): Promise<void> {
    await this.settle();
    for (let left = ms; left > 0; left -= step) {
      this.clock.advance(Math.min(step, left));
      await this.settle();
    }
  }

  /** A server of `right` on port 7, listening. */
  async serve(onconnection: (socket: Socket) => void, options = {}): Promise<Server> {
    const server = this.right.net.createServer(options, onconnection).listen(7);
    await this.settle();
    return server;
  }

  /** A connection from `left` to that server, whose events go to the log. */
  connect(options: object = {}): Socket {
    const socket = this.left.net.connect({ port: 7, host: '192.0.2.2', ...options });
    this.note('client', socket);
    return socket;
  }

  /** Logs what happens to a socket. */
  note(who: string, socket: Socket): Socket {
    const { log } = this;
    for (const event of ['connect', 'ready', 'end', 'finish', 'timeout', 'drain'])
      socket.on(event, () => log.push(`${who} ${event}`));
    socket.on('close', (hadError) => log.push(`${who} close${hadError ? ' after an error' : ''}`));
    socket.on('error', (error) => log.push(`${who} error ${error.message}`));
    return socket;
  }

  /** What was logged since it was asked last. */
  take(): string[] {
    return this.log.splice(0);
  }

  close(): void {
    this.left.close();
    this.right.close();
  }
}
