import { encode } from 'dns-packet';
import t, { type Test } from 'tap';
import { SeededEntropy } from '../../device/random.ts';
import { readAnswer } from '../../stack/node/dns/answer.ts';
import { readResponse } from '../../stack/node/dns/message.ts';
import type { QuestionType } from '../../stack/node/dns/question.ts';
import { shaped } from '../../stack/node/dns/records.ts';
import { isSound } from '../../stack/node/dns/wire-check.ts';
import { DnsServer } from '../stack/node/dns-server.ts';
import { RIGHT, virtualHosts } from '../stack/node/virtual-hosts.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? 20261125);
const MUTATIONS = Number(process.env['FUZZ_MUTATIONS'] ?? 100_000);
/** Mutated answers that go the whole way, through two stacks. */
const ON_THE_WIRE = 300;
const ID = 0x1234;
const NAME = 'WWW.exAmple';
/** Milliseconds within which the worst message must be done with; it takes a hundredth of that. */
const WORST_MS = 500;

/** Answers of every type, with names that are compressed by hand where the library does not. */
const CORPUS: readonly (readonly [QuestionType, Buffer])[] = (
  [
    ['A', [{ type: 'A', name: NAME, data: '192.0.2.1', ttl: 1 }]],
    [
      'A',
      [
        { type: 'CNAME', name: NAME, data: 'b.example' },
        { type: 'A', name: 'b.example', data: '192.0.2.1' },
      ],
    ],
    ['AAAA', [{ type: 'AAAA', name: NAME, data: '2001:db8::1' }]],
    ['MX', [{ type: 'MX', name: NAME, data: { preference: 1, exchange: 'mx.example' } }]],
    ['TXT', [{ type: 'TXT', name: NAME, data: ['a', 'b'.repeat(255)] }]],
    ['SRV', [{ type: 'SRV', name: NAME, data: { priority: 1, weight: 2, port: 3, target: 's.example' } }]],
    ['SOA', [{ type: 'SOA', name: NAME, data: { mname: 'a.example', rname: 'b.example' } }]],
    ['CAA', [{ type: 'CAA', name: NAME, data: { flags: 0, tag: 'issue', value: 'x' } }]],
    [
      'NAPTR',
      [
        {
          type: 'NAPTR',
          name: NAME,
          data: { order: 1, preference: 2, flags: 's', services: 'x', regexp: 'y', replacement: 'z.example' },
        },
      ],
    ],
    [
      'ANY',
      [
        { type: 'NS', name: NAME, data: 'ns.example' },
        { type: 'PTR', name: NAME, data: 'p.example' },
      ],
    ],
  ] as const
).map(([type, answers]) => [
  type,
  encode({
    type: 'response',
    id: ID,
    questions: [{ name: NAME, type: type as 'A' }],
    answers: answers as never,
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: 1232,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ],
  }),
]);

/** Goes the way of an answer from the wire to the user; what it came to. */
function outcome(bytes: Uint8Array, type: QuestionType): string {
  const response = readResponse(bytes, ID, { name: NAME, type });
  if (typeof response === 'string') return response;
  const answer = readAnswer(response, NAME, type);
  if ('goesOnWith' in answer) return 'alias';
  if (answer.code !== undefined) return answer.code;
  shaped(answer.records, type, { ttl: true });
  return 'records';
}

/** Changes a few bytes, cuts, repeats a part, or makes a pointer of what was none. */
function mutate(bytes: Buffer, entropy: SeededEntropy): Buffer {
  let out = Buffer.from(bytes);
  for (let left = 1 + entropy.below(4); left > 0; left--) {
    const at = entropy.below(out.length);
    switch (entropy.below(6)) {
      case 0:
        out[at] = entropy.u32();
        break;
      case 1:
        out[at] = out[at]! ^ (1 << entropy.below(8));
        break;
      case 2:
        out = out.subarray(0, Math.max(1, at));
        break;
      case 3:
        out = Buffer.concat([out.subarray(0, at), out.subarray(entropy.below(out.length))]);
        break;
      case 4:
        if (at + 1 < out.length) out.writeUInt16BE(0xc000 | entropy.below(out.length), at);
        break;
      default:
        // What counts the records.
        if (out.length >= 12) out.writeUInt16BE(entropy.below(0x10000), 4 + 2 * entropy.below(4));
    }
    if (out.length === 0) return Buffer.from([0]);
  }
  return out;
}

t.test('an answer cut anywhere is refused, and never throws', (t) => {
  const seen = new Set<string>();
  for (const [type, bytes] of CORPUS) {
    t.equal(outcome(bytes, type), 'records', type);
    for (let length = 0; length < bytes.length; length++) seen.add(outcome(bytes.subarray(0, length), type));
  }
  t.strictSame([...seen].sort(), ['Malformed', 'NoAnswer']);
  t.end();
});

t.test(`${MUTATIONS} mutations: each is an outcome with a name`, (t) => {
  const entropy = new SeededEntropy(SEED);
  const seen = new Map<string, number>();
  for (let i = 0; i < MUTATIONS; i++) {
    const [type, bytes] = CORPUS[i % CORPUS.length]!;
    const mutated = mutate(bytes, entropy);
    let what: string;
    try {
      what = outcome(mutated, type);
    } catch (error) {
      t.fail(`seed ${SEED}, mutation ${i}: ${mutated.toString('hex')}`, { error });
      break;
    }
    seen.set(what, (seen.get(what) ?? 0) + 1);
  }
  const known = /^(records|alias|NoAnswer|Wrong(Id|Question|Case)|Malformed|E[A-Z]+)$/;
  for (const [what, count] of seen) t.match(what, known, `${what}: ${count}`);
  for (const what of ['records', 'Malformed', 'WrongQuestion', 'WrongId', 'ENODATA'])
    t.ok((seen.get(what) ?? 0) > MUTATIONS / 1000, `${what} is among them`);
  t.end();
});

/** A message of 64 KiB: its one record is a chain of pointers, each to the one before, and all others are named by its end. */
function pointerChain(): Buffer {
  const bytes = Buffer.alloc(0xffff);
  bytes.writeUInt16BE(ID, 0);
  bytes.writeUInt16BE(0x8000, 2);
  const chain = 12 + 11;
  bytes.writeUInt16BE(10, 12 + 1);
  const pointers = 0x3ff0 / 2 - chain;
  bytes.writeUInt16BE(pointers * 2, chain - 2);
  for (let i = 1; i < pointers; i++) bytes.writeUInt16BE(0xc000 | (chain + 2 * (i - 1)), chain + 2 * i);
  const end = chain + 2 * (pointers - 1);
  let at = end + 2;
  let records = 1;
  for (; at + 12 <= bytes.length; at += 12) {
    bytes.writeUInt16BE(0xc000 | end, at);
    bytes.writeUInt16BE(99, at + 2);
    records++;
  }
  bytes.writeUInt16BE(records, 6);
  return bytes;
}

// @rfc 1035 4.1.4
t.test(
  'what is made to be slow is not: pointers in circles, to each other, and a thousand times the same',
  (t) => {
    const header = Buffer.from('123480000001000000000000', 'hex');
    const circles = ['c00c00010001', '0161c00c00010001', 'c00e00010001', 'c0ff00010001'].map((question) =>
      Buffer.concat([header, Buffer.from(question, 'hex')]),
    );
    const started = performance.now();
    for (const bytes of [...circles, pointerChain()]) {
      t.notOk(isSound(bytes));
      t.equal(outcome(bytes, 'A'), 'Malformed');
    }
    t.ok(performance.now() - started < WORST_MS);
    t.end();
  },
);

async function hostile(t: Test, script: ConstructorParameters<typeof DnsServer>[1], names: number) {
  const hosts = virtualHosts(t, { servers: [RIGHT], timeoutMs: 3, attempts: 1 }, SEED);
  const server = new DnsServer(hosts.right, script);
  await hosts.pass();
  const { held } = hosts.clock;
  const codes: string[] = [];
  for (let i = 0; i < names; i++) {
    hosts.left.dns.resolveAny(`n${i}.example`, (error) => codes.push(error?.code ?? 'records'));
    await hosts.pass(4, 2);
  }
  return { ...hosts, server, codes, held };
}

t.test(
  `${ON_THE_WIRE} mutations on the wire: each question comes to an end, and nothing is left`,
  async (t) => {
    const entropy = new SeededEntropy(SEED);
    const [, bytes] = CORPUS.at(-1)!;
    const { codes, left, clock, held } = await hostile(
      t,
      ({ packet }) => {
        const mutated = mutate(bytes, entropy);
        if (entropy.chance(0.9) && mutated.length >= 2) mutated.writeUInt16BE(packet.id ?? 0, 0);
        return mutated;
      },
      ON_THE_WIRE,
    );
    t.equal(codes.length, ON_THE_WIRE);
    t.strictSame(
      codes.filter((code) => !/^(ETIMEOUT|EBADRESP)$/.test(code)),
      [],
      'none was an answer to what was asked',
    );
    const { dns } = left;
    t.ok(dns.counters.droppedMalformed > 0 && dns.counters.droppedWrongQuestion > 0);
    t.equal(clock.held, held, 'but for the server’s sockets nothing holds the clock');
  },
);

t.test('over TCP: too short, too long, nothing, the end before the end', async (t) => {
  const replies = [Buffer.alloc(0), Buffer.alloc(5), Buffer.alloc(0xffff, 0xc0), pointerChain()];
  let next = 0;
  const { codes } = await hostile(
    t,
    ({ tcp, packet }) => {
      if (!tcp) return { truncated: true };
      const bytes = replies[next++ % replies.length]!;
      if (bytes.length > 2) bytes.writeUInt16BE(packet.id ?? 0, 0);
      return bytes;
    },
    8,
  );
  t.equal(codes.length, 8);
  t.strictSame(
    codes.filter((code) => code === 'records'),
    [],
  );
});
