import t from 'tap';
import { allocationsOf } from '../../testing/allocation.ts';

t.test('sending an ARP frame, answering one, and sending through a neighbour allocate 0 bytes', (t) => {
  const measured = allocationsOf(new URL('./arp-allocation.js', import.meta.url));
  const bytes = (name: string): number => measured[name]!.bytesPerCall;
  t.ok(bytes('control') >= 8, `8 bytes a call are seen: ${bytes('control')}`);
  for (const name of ['request', 'announce', 'output', 'reply'])
    t.ok(bytes(name) < 0.5, `${name}: ${bytes(name)} bytes a frame over ${measured[name]!.calls} frames`);
  t.end();
});
