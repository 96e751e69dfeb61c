import tap, { type Test } from 'tap';
import type { Impairment } from '../../device/link/wire/impairment.ts';
import { PacketPool } from '../../device/memory/pool.ts';
import { EAGER, Endpoint } from './endpoint.ts';
import { Pair } from './pair.ts';

/** Bytes each way; `BULK_BYTES` for a shorter look. */
const BYTES = Number(process.env['BULK_BYTES'] ?? 100_000_000);
/** Virtual hours after which a transfer has failed. */
const MOST_HOURS = 24;
/** What a test file may take in real time, on a machine that is busy. */
const MOST_MS = 400_000;

/** Sends 100 MB each way at once through `impairment` and compares what arrives. */
export function bulk(t: Test, impairment: Partial<Impairment>): void {
  tap.setTimeout(MOST_MS);
  const began = performance.now();
  const pool = new PacketPool({ small: 8192, large: 32, pages: 256 });
  const pair = new Pair({ seed: 1, pool, impairment, memory: 1 << 24 });
  const listener = pair.listen();
  const fd = pair.socket();
  pair.connect(fd);
  const accepted = pair.accept(listener, () => false, 600_000);
  t.ok(accepted >= 0, 'connected');
  pair.b.sockets.close(listener);
  const client = new Endpoint(pair.a, fd, { ...EAGER, total: BYTES }, 7);
  const server = new Endpoint(pair.b, accepted, { ...EAGER, total: BYTES }, 13);
  const from = pair.clock.now();
  t.equal(pair.run([client, server], MOST_HOURS * 3_600_000), true, 'ended in time');
  const virtual = (pair.clock.now() - from) / 1000;
  t.strictSame([client.error, server.error], [0, 0], 'without an error');
  t.strictSame([client.received, server.received], [BYTES, BYTES], 'all of it');
  const [there, back] = [client.digests(), server.digests()];
  t.equal(back.in, there.out, 'intact there');
  t.equal(there.in, back.out, 'and back');
  client.close();
  server.close();
  t.strictSame(pair.finish(), [], 'nothing is left');
  t.strictSame(pair.observer.findings, [], 'no frame broke a rule');
  const real = (performance.now() - began) / 1000;
  const { frames, retransmissions } = pair.observer;
  t.comment(
    `${virtual.toFixed(1)} s virtual, ${real.toFixed(1)} s real, ${frames} frames, ${retransmissions} retransmissions`,
  );
  t.end();
}
