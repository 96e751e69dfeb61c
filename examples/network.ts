// What the examples have in common: a stack, on a TAP where one is named (`node dist/examples/echo-server.js tap0 10.0.0.2/24`), else with its
// loopback device alone.

import { TapLink } from '../device/index.ts';
import { createStack, type Stack } from '../stack/index.ts';

/** The stack that the command line asks for. */
export function exampleStack([name, address]: readonly string[] = process.argv.slice(2)): Stack {
  const stack = createStack();
  if (name !== undefined && address !== undefined) {
    const tap = new TapLink(stack.machine, { name, up: true });
    stack.addDevice(tap, { name, addresses: [address] });
  }
  return stack;
}

/** Whether there is nobody else to talk to than the example itself. */
export const alone = process.argv.length < 4;
