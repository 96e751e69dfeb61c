import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { createStack, type Stack } from '../../../stack/stack.ts';

/** A stack that talks to itself, in real time, since HTTP's own timers are Node's. It is closed with the test. */
export function loopbackStack(t: Test): Stack {
  const stack = createStack({ dns: { hosts: '127.0.0.1 localhost web.example' } });
  t.teardown(() => stack.close());
  return stack;
}

/** Lets a server listen on a port of its stack's choice, and gives that. */
export async function listen(server: Server): Promise<number> {
  await once(server.listen(0), 'listening');
  return (server.address() as AddressInfo).port;
}

/** All of a message's body, or of a stream, as text. */
export async function text(message: IncomingMessage | AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** Waits until something holds, for five seconds at most. */
export async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !holds(); i++) await sleep(10);
  if (!holds()) throw new Error(`never: ${holds.toString()}`);
}
