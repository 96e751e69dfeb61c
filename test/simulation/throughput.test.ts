import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { PacketPool } from '../../device/memory/pool.ts';
import { EAGER, Endpoint } from './endpoint.ts';
import { Pair } from './pair.ts';

/** The table as it is committed; `--write` writes it anew. */
const TABLE = 'test/simulation/throughput.md';
const COMMAND = 'node dist/test/simulation/throughput.test.js --write';

const RATES = [1, 10, 100, 1000];
const ROUND_TRIPS = [1, 20, 100];
const LOSSES = [0, 0.1, 1, 5];

/** A cell ends after so much, or so long in virtual time. */
const MOST_BYTES = 50_000_000;
const MOST_MS = 20_000;
/** Frames that the queue in front of the wire holds at least; else it is as long as the wire. */
const LEAST_QUEUE = 50;
const FRAME = 1514;
const MOST_REAL_MS = 400_000;

const HEAD = `# Throughput

Megabits of payload a second that one connection gets over a wire of some rate, round-trip time and loss, in virtual time:
from the SYN until ${MOST_BYTES / 1e6} MB or ${MOST_MS / 1000} seconds. Frames are lost each by itself, acknowledgments too; the queue in front of the
wire holds what the wire does, and at least ${LEAST_QUEUE} frames. Buffers are Linux's but for \`tcp_wmem\`, which may grow to 32 MB.

Made by \`${COMMAND}\`, and compared by \`test/simulation/throughput.test.ts\`: the same code gives
the same numbers.
`;

const pool = new PacketPool({ small: 24_576, large: 32, pages: 640 });

/** Megabits a second with three digits. */
function measure(rate: number, roundTrip: number, loss: number): string {
  const bitsPerMs = rate * 1000;
  const queueLimit = Math.max(LEAST_QUEUE, Math.round((bitsPerMs * roundTrip) / 8 / FRAME));
  const impairment = {
    rate: rate * 1e6,
    delay: roundTrip / 2,
    loss: loss / 100,
    queueLimit,
    flightLimit: 20_000,
  };
  const pair = new Pair({
    seed: 1,
    pool,
    impairment,
    memory: 1 << 25,
    sysctl: { 'net.ipv4.tcp_wmem': '4096 16384 33554432' },
  });
  const listener = pair.listen();
  const fd = pair.socket();
  const start = pair.clock.now();
  pair.connect(fd);
  const accepted = pair.accept(listener, () => false, MOST_MS);
  const client = new Endpoint(pair.a, fd, { ...EAGER, total: MOST_BYTES }, 7);
  const server = new Endpoint(pair.b, accepted, { ...EAGER, total: 0 }, 13);
  if (accepted >= 0) pair.run([client, server], start + MOST_MS - pair.clock.now());
  const took = pair.clock.now() - start;
  pair.a.close();
  pair.b.close();
  pair.clock.drain();
  const megabits = (server.received * 8) / took / 1000;
  return megabits.toPrecision(3);
}

function table(): string {
  const lines = [
    `| Mbit/s | RTT, ms | ${LOSSES.map((loss) => `${loss} % lost`).join(' | ')} |`,
    `|--:|--:|${LOSSES.map(() => '--:').join('|')}|`,
  ];
  for (const rate of RATES)
    for (const roundTrip of ROUND_TRIPS)
      lines.push(
        `| ${rate} | ${roundTrip} | ${LOSSES.map((loss) => measure(rate, roundTrip, loss)).join(' | ')} |`,
      );
  return `${HEAD}\n${lines.join('\n')}\n`;
}

t.setTimeout(MOST_REAL_MS);
t.test('throughput is what the table says', (t) => {
  const measured = table();
  if (process.argv.includes('--write')) writeFileSync(TABLE, measured);
  const committed = existsSync(TABLE) ? readFileSync(TABLE, 'utf8') : '';
  t.strictSame(
    measured.split('\n'),
    committed.split('\n'),
    `as committed; when the change is meant: ${COMMAND}`,
  );
  t.equal(pool.inUse, 0);
  t.end();
});
