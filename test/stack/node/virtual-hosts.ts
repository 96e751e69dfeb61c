import { setImmediate as turn } from 'node:timers/promises';
import type { Test } from 'tap';
import { createVeth } from '../../../device/link/veth.ts';
import type { DnsOptions } from '../../../stack/node/dns/index.ts';
import { createStack } from '../../../stack/stack.ts';
import { testMachine } from '../../testing/machine.ts';
import { traced } from '../../testing/trace.ts';

/** Turns of Node's event loop within which what one callback leads to has led to the next. */
const TURNS = 12;

export const LEFT = '192.0.2.1';
export const RIGHT = '192.0.2.2';

/** Two hosts on a cable, in virtual time that {@link VirtualHosts.pass} lets pass. */
export function virtualHosts(t: Test, dns: DnsOptions = {}, seed = 1) {
  const { clock, machine, pool } = testMachine({ seed, small: 512, large: 8 });
  const [one, other] = createVeth(machine);
  const left = createStack({ machine, name: 'left', dns });
  const right = createStack({ machine, name: 'right' });
  left.addDevice(one, { name: 'eth0', addresses: [`${LEFT}/24`] });
  right.addDevice(other, { name: 'eth0', addresses: [`${RIGHT}/24`] });
  for (const stack of [left, right]) traced(t, stack.ns);
  /** Lets `ms` pass in steps, with turns of the event loop between them, since callbacks come in those. */
  const pass = async (ms = 0, step = ms): Promise<void> => {
    for (let left = ms; ; left -= step) {
      clock.advance(Math.min(step, Math.max(left, 0)));
      for (let i = 0; i < TURNS; i++) {
        await turn();
        clock.turn();
        clock.drain();
      }
      if (left <= step) return;
    }
  };
  t.teardown(() => {
    left.close();
    right.close();
    if (clock.held > 0 || pool.inUse > 0)
      throw new Error(`left behind: ${clock.held} holds of the clock, ${pool.inUse} packets`);
  });
  return { clock, machine, left, right, pass };
}
