import t from 'tap';
import { allocationsOf } from '../../testing/allocation.ts';

t.test('a datagram allocates nothing on its way through UDP to its reader', (t) => {
  const measured = allocationsOf(new URL('./udp-allocation.js', import.meta.url));
  for (const name of ['bound', 'connected']) {
    const { bytesPerCall, calls } = measured[name]!;
    t.ok(bytesPerCall < 1, `${name}: ${bytesPerCall} bytes a datagram over ${calls} datagrams`);
  }
  t.end();
});
