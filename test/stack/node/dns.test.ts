import type { Answer } from 'dns-packet';
import t from 'tap';
import { type Asked, a, cname, DnsServer, reply, type Script, soa } from './dns-server.ts';
import { RIGHT, virtualHosts } from './virtual-hosts.ts';

type Outcome = { value?: unknown; error?: NodeJS.ErrnoException & { hostname?: string } };

/** A host whose server is the other one, which says what `script` says. */
async function client(t: Parameters<typeof virtualHosts>[0], script: Script, options = {}) {
  const hosts = virtualHosts(t, { servers: [RIGHT], ...options });
  const server = new DnsServer(hosts.right, script);
  const { dns } = hosts.left;
  await hosts.pass();
  /** What a promise comes to once `ms` have passed; undefined: nothing yet. */
  const outcome = async (promise: Promise<unknown>, ms = 1, step = ms): Promise<Outcome | undefined> => {
    let out: Outcome | undefined;
    promise.then(
      (value) => {
        out = { value };
      },
      (error) => {
        out = { error };
      },
    );
    await hosts.pass(ms, step);
    return out;
  };
  return { ...hosts, server, dns, outcome };
}

const NXDOMAIN = 3;
const SERVFAIL = 2;
const FORMERR = 1;
const REFUSED = 5;

t.test('each type of record in the shape that Node gives it', async (t) => {
  const records: Record<string, Answer[]> = {
    A: [a('x.example', '192.0.2.10', 60)],
    AAAA: [{ type: 'AAAA', name: 'x.example', data: '2001:db8::1', ttl: 60 }],
    CNAME: [cname('x.example', 'y.example')],
    NS: [{ type: 'NS', name: 'x.example', data: 'ns.example' }],
    PTR: [{ type: 'PTR', name: 'x.example', data: 'ptr.example' }],
    MX: [{ type: 'MX', name: 'x.example', data: { preference: 10, exchange: 'mx.example' } }],
    TXT: [{ type: 'TXT', name: 'x.example', data: ['one', 'zwei: ü'] }],
    SRV: [
      {
        type: 'SRV',
        name: 'x.example',
        data: { priority: 1, weight: 2, port: 3, target: 'srv.example' },
      },
    ],
    SOA: [{ ...soa(9), name: 'x.example' } as Answer],
    CAA: [{ type: 'CAA', name: 'x.example', data: { flags: 128, tag: 'issue', value: 'ca.example' } }],
    NAPTR: [
      {
        type: 'NAPTR',
        name: 'x.example',
        data: {
          order: 1,
          preference: 2,
          flags: 's',
          services: 'SIP+D2U',
          regexp: '',
          replacement: 'sip.example',
        },
      },
    ],
  };
  const all = Object.values(records).flat();
  const { dns, outcome } = await client(t, ({ type }) => ({
    answers: type === 'ANY' ? all : (records[type] ?? []),
  }));
  const expected: Record<string, unknown> = {
    A: ['192.0.2.10'],
    AAAA: ['2001:db8::1'],
    CNAME: ['y.example'],
    NS: ['ns.example'],
    PTR: ['ptr.example'],
    MX: [{ exchange: 'mx.example', priority: 10 }],
    TXT: [['one', Buffer.from('zwei: ü').toString('latin1')]],
    SRV: [{ name: 'srv.example', port: 3, priority: 1, weight: 2 }],
    SOA: {
      nsname: 'ns.example',
      hostmaster: 'root.example',
      serial: 1,
      refresh: 2,
      retry: 3,
      expire: 4,
      minttl: 9,
    },
    CAA: [{ critical: 128, issue: 'ca.example' }],
    NAPTR: [
      { flags: 's', service: 'SIP+D2U', regexp: '', replacement: 'sip.example', order: 1, preference: 2 },
    ],
  };
  for (const [type, value] of Object.entries(expected))
    t.strictSame(await outcome(dns.promises.resolve('x.example', type)), { value }, type);
  t.strictSame(await outcome(dns.promises.resolve4('x.example', { ttl: true })), {
    value: [{ address: '192.0.2.10', ttl: 60 }],
  });
  const any = (await outcome(dns.promises.resolveAny('x.example')))?.value as { type: string }[];
  t.strictSame(
    any.map(({ type }) => type),
    Object.keys(records),
  );
  t.strictSame(any[0], { address: '192.0.2.10', ttl: 60, type: 'A' });
  t.strictSame(any[5], { exchange: 'mx.example', priority: 10, type: 'MX' });
  t.strictSame(any[6], { entries: ['one', Buffer.from('zwei: ü').toString('latin1')], type: 'TXT' });
  t.throws(() => dns.resolve('x', 'HINFO' as 'A', () => {}), { code: 'ERR_INVALID_ARG_VALUE' });
});

// @rfc 5452 9.2
// @rfc 6891 6.2.3
t.test('what is asked: recursion, EDNS, letters at random, and never the same number and port', async (t) => {
  const { dns, outcome, server } = await client(t, () => ({ rcode: NXDOMAIN }));
  for (const name of ['first.example', 'second.example', 'third.example'])
    await outcome(dns.promises.resolve4(name));
  const [one] = server.asked;
  t.equal(one!.packet.flag_rd, true);
  t.match(one!.packet.additionals, [{ type: 'OPT', udpPayloadSize: 1232, flag_do: false }]);
  t.equal(new Set(server.asked.map(({ packet }) => packet.id)).size, 3);
  t.equal(new Set(server.asked.map(({ from }) => from)).size, 3);
  const names = server.asked.map(({ packet }) => packet.questions![0]!.name);
  t.ok(
    names.every((name) => name !== name.toLowerCase() && name !== name.toUpperCase()),
    names.join(' '),
  );
});

// @rfc 2308 5
t.test('errors: their codes, their texts, what is kept of them', async (t) => {
  const { dns, outcome, server, clock } = await client(t, ({ name }) => {
    if (name.startsWith('missing')) return { rcode: NXDOMAIN, authorities: [soa(30)] };
    if (name.startsWith('empty')) return { authorities: [soa(7200, 20)] };
    return { rcode: name.startsWith('failing') ? SERVFAIL : REFUSED };
  });
  const missing = await outcome(dns.promises.resolve4('missing.example'));
  t.match(missing?.error, {
    message: 'queryA ENOTFOUND missing.example',
    code: 'ENOTFOUND',
    syscall: 'queryA',
    hostname: 'missing.example',
  });
  t.equal(missing?.error?.errno, undefined);
  const mx = await outcome(dns.promises.resolveMx('empty.example'));
  t.equal(mx?.error?.message, 'queryMx ENODATA empty.example');
  t.match(await outcome(dns.promises.resolve6('failing.example')), {
    error: { message: 'queryAaaa ESERVFAIL failing.example' },
  });
  t.match(await outcome(dns.promises.resolve4('x.example')), { error: { code: 'EREFUSED' } });
  t.match(await outcome(dns.promises.resolve4('a..b')), { error: { message: 'queryA EBADNAME a..b' } });
  t.match(await outcome(dns.promises.resolve4(`${'x'.repeat(64)}.example`)), { error: { code: 'EBADNAME' } });
  server.log.length = 0;
  await outcome(dns.promises.resolve4('missing.example'));
  await outcome(dns.promises.resolveMx('empty.example'));
  t.strictSame(server.log, [], 'negative answers are kept');
  t.equal(dns.counters.negativeHits, 2);
  clock.advance(20_000);
  await outcome(dns.promises.resolve4('missing.example'));
  await outcome(dns.promises.resolveMx('empty.example'));
  t.strictSame(
    server.log,
    ['MX empty.example'],
    'for the SOA’s lifetime or its minimum, whichever is shorter',
  );
});

// @rfc 1035 7.4
t.test('answers are kept for their lifetime, which goes down; the least used goes first', async (t) => {
  let calls = 0;
  const { dns, outcome, pass } = await client(
    t,
    ({ name }) => ({ answers: [a(name, `192.0.2.${++calls}`, 10)] }),
    {
      cacheSize: 2,
    },
  );
  const ask = (name: string) => outcome(dns.promises.resolve4(name, { ttl: true }), 0);
  t.strictSame(await outcome(dns.promises.resolve4('one.example')), { value: ['192.0.2.1'] });
  await pass(4000);
  t.strictSame(await ask('ONE.example'), { value: [{ address: '192.0.2.1', ttl: 6 }] }, 'in any letters');
  await outcome(dns.promises.resolve4('two.example'));
  await ask('one.example');
  await outcome(dns.promises.resolve4('three.example'));
  t.strictSame(await ask('one.example'), { value: [{ address: '192.0.2.1', ttl: 6 }] });
  t.equal(calls, 3);
  await outcome(dns.promises.resolve4('two.example'));
  t.equal(calls, 4, 'two.example had made room');
  await pass(6000);
  t.strictSame(await outcome(dns.promises.resolve4('one.example')), { value: ['192.0.2.5'] });
  t.match(dns.counters, { cacheHits: 3, cacheMisses: 5, cacheEvictions: 2, queries: 5 });
});

t.test('questions that are the same are asked once', async (t) => {
  const { dns, outcome, server } = await client(t, ({ name }) => ({ answers: [a(name, '192.0.2.1')] }));
  const both = Promise.all([dns.promises.resolve4('x.example'), dns.promises.resolve4('X.example')]);
  t.strictSame(await outcome(both), { value: [['192.0.2.1'], ['192.0.2.1']] });
  t.strictSame(server.log, ['A x.example']);
  t.equal(dns.counters.joined, 1);
});

// @rfc 1034 3.6.2
t.test('aliases are followed, to a limit, and in circles to an error', async (t) => {
  const { dns, outcome, server } = await client(t, ({ name }) => {
    if (name === 'www.example')
      return { answers: [cname(name, 'web.example', 5), a('web.example', '192.0.2.1', 300)] };
    if (name === 'dangling.example') return { answers: [cname(name, 'www.example', 60)] };
    if (name === 'nowhere.example')
      return { rcode: NXDOMAIN, answers: [cname(name, 'gone.example')], authorities: [soa(5)] };
    if (name === 'circle.example')
      return { answers: [cname(name, 'b.example'), cname('b.example', 'circle.example')] };
    const [, number] = /^n(\d+)\.example$/.exec(name) ?? [];
    return { answers: [cname(name, `n${Number(number) + 1}.example`)] };
  });
  t.strictSame(await outcome(dns.promises.resolve4('www.example', { ttl: true })), {
    value: [{ address: '192.0.2.1', ttl: 5 }],
  });
  t.strictSame(await outcome(dns.promises.resolve4('dangling.example', { ttl: true }), 3), {
    value: [{ address: '192.0.2.1', ttl: 5 }],
  });
  t.match(await outcome(dns.promises.resolve4('nowhere.example')), { error: { code: 'ENOTFOUND' } });
  t.match(await outcome(dns.promises.resolve4('circle.example')), { error: { code: 'EBADRESP' } });
  server.log.length = 0;
  t.match(await outcome(dns.promises.resolve4('n0.example'), 40, 1), { error: { code: 'EBADRESP' } });
  t.equal(server.log.length, 17, 'itself, and 16 aliases');
});

// @rfc 5452 9.1
t.test('only the answer to what was asked is taken, and only from whom it was asked', async (t) => {
  const { dns, outcome, pass, server, right } = await client(t, () => null);
  const elsewhere = right.dgram.createSocket('udp4').bind(54);
  await pass();
  const good = (asked: Asked): Buffer => reply(asked, { answers: [a(asked.name, '203.0.113.66')] });
  const spoilt = (change: (bytes: Buffer) => Uint8Array | void): Script => {
    return (asked) => {
      const bytes = good(asked);
      return change(bytes) ?? bytes;
    };
  };
  const scripts: [keyof typeof dns.counters | undefined, Script][] = [
    [
      undefined,
      (asked) => {
        elsewhere.send(good(asked), asked.from, '192.0.2.1');
        return null;
      },
    ],
    ['droppedWrongId', spoilt((bytes) => void bytes.writeUInt16BE(bytes.readUInt16BE(0) ^ 1, 0))],
    ['droppedNoAnswer', spoilt((bytes) => void bytes.writeUInt8(bytes[2]! & 0x7f, 2))],
    ['droppedNoAnswer', spoilt((bytes) => bytes.subarray(0, 11))],
    ['droppedWrongQuestion', spoilt((bytes) => void bytes.writeUInt8(28, 12 + 11 + 1))],
    ['droppedWrongQuestion', spoilt((bytes) => void bytes.writeUInt8('!'.charCodeAt(0), 13))],
    ['droppedMalformed', spoilt((bytes) => bytes.subarray(0, bytes.length - 1))],
  ];
  for (const [counter, script] of scripts) {
    server.script = script;
    const before = Object.fromEntries(Object.entries(dns.counters));
    const resolver = new dns.promises.Resolver();
    const promise = resolver.resolve4('x.example');
    t.equal(await outcome(promise), undefined);
    const grown = Object.entries(dns.counters).filter(
      ([name, value]) => name.startsWith('dropped') && value > before[name]!,
    );
    t.strictSame(grown, counter === undefined ? [] : [[counter, before[counter]! + 1]]);
    resolver.cancel();
    await outcome(promise);
  }
});

t.test('an answer in other letters is asked for again over TCP', async (t) => {
  const { dns, outcome, server } = await client(t, (asked) => {
    const { packet } = asked;
    const [question] = packet.questions!;
    const name = asked.tcp ? question!.name : question!.name.toLowerCase();
    return reply(
      { ...asked, packet: { ...packet, questions: [{ ...question!, name }] } },
      {
        answers: [a(name, '192.0.2.1')],
      },
    );
  });
  t.strictSame(await outcome(dns.promises.resolve4('letters.example'), 10, 1), { value: ['192.0.2.1'] });
  t.strictSame(server.log, ['A letters.example', 'A letters.example tcp']);
  t.match(dns.counters, { droppedWrongCase: 1, tcpQueries: 1 });
});

// @rfc 1035 4.2.1
// @rfc 7766 5
t.test('a cut answer comes whole over TCP', async (t) => {
  const many = Array.from({ length: 200 }, (_, i) => a('many.example', `192.0.2.${i}`));
  const { dns, outcome, server } = await client(t, ({ tcp }) =>
    tcp ? { answers: many } : { truncated: true, answers: many.slice(0, 3) },
  );
  const found = await outcome(dns.promises.resolve4('many.example'), 50, 1);
  t.equal((found!.value as string[]).length, 200);
  t.strictSame(server.log, ['A many.example', 'A many.example tcp']);
  t.match(dns.counters, { truncated: 1, tcpQueries: 1, queries: 2 });
});

// @rfc 6891 7
t.test('a server that does not know EDNS is asked without it', async (t) => {
  const { dns, outcome, server } = await client(t, ({ packet, name }) =>
    (packet.additionals?.length ?? 0) > 0 ? { rcode: FORMERR } : { answers: [a(name, '192.0.2.1')] },
  );
  t.strictSame(await outcome(dns.promises.resolve4('old.example')), { value: ['192.0.2.1'] });
  t.equal(server.log.length, 2);
});

t.test('no answer: each round waits twice as long, and then it is over', async (t) => {
  const { clock, dns, outcome, pass, server } = await client(t, () => null, { timeoutMs: 1000, attempts: 3 });
  const { held } = clock;
  const times: number[] = [];
  server.script = () => {
    times.push(Math.floor(clock.now() / 1000));
    return null;
  };
  const started = dns.promises.resolve4('silent.example');
  t.equal(await outcome(started, 6900, 100), undefined);
  t.match(await outcome(started, 200), {
    error: { message: 'queryA ETIMEOUT silent.example', code: 'ETIMEOUT' },
  });
  t.strictSame(times, [0, 1, 3]);
  t.match(dns.counters, { timeouts: 3, retries: 2, queries: 3 });
  await pass(60_000);
  t.equal(clock.held, held, 'but for the server’s own sockets nothing holds the clock');
});

t.test(
  'servers in turn: from one that fails or refuses to the next; with rotate each begins elsewhere',
  async (t) => {
    const hosts = virtualHosts(t, { servers: [`${RIGHT}:53`, `${RIGHT}:54`, `${RIGHT}:55`], rotate: true });
    const failing = new DnsServer(hosts.right, () => ({ rcode: SERVFAIL }));
    const good = new DnsServer(hosts.right, ({ name }) => ({ answers: [a(name, '192.0.2.1')] }), 55);
    const { dns } = hosts.left;
    await hosts.pass();
    const results: unknown[] = [];
    for (const name of ['one.example', 'two.example', 'three.example']) {
      dns.promises.resolve4(name).then((value) => results.push(value));
      await hosts.pass(3, 1);
    }
    t.strictSame(results, [['192.0.2.1'], ['192.0.2.1'], ['192.0.2.1']]);
    t.strictSame(failing.log, ['A three.example']);
    t.strictSame(good.log, ['A one.example', 'A two.example', 'A three.example']);
    t.equal(dns.counters.timeouts, 0, 'a port that nobody listens on says so at once');
  },
);

t.test('cancel and the end of the stack', async (t) => {
  const { dns, left, outcome, clock, server } = await client(t, () => null);
  const { held } = clock;
  const resolver = new dns.promises.Resolver();
  const canceled = resolver.resolve4('x.example');
  const other = dns.promises.resolve4('y.example');
  t.equal(clock.held, held + 2);
  resolver.cancel();
  t.match(await outcome(canceled), { error: { message: 'queryA ECANCELLED x.example' } });
  left.close();
  t.match(await outcome(other), { error: { code: 'EDESTRUCTION' } });
  t.equal(clock.held, held);
  t.strictSame(server.log, ['A x.example', 'A y.example']);
});

t.test('servers: what is taken, what is given back', async (t) => {
  const { left } = virtualHosts(t);
  const { dns } = left;
  t.strictSame(dns.getServers(), ['127.0.0.1']);
  const given = ['192.0.2.1', '192.0.2.2:54', '[2001:db8::1]:55', '2001:db8::2', '[2001:db8::3]'];
  dns.setServers(given);
  t.strictSame(dns.getServers(), [...given.slice(0, 4), '2001:db8::3']);
  t.throws(() => dns.setServers(['server.example']), {
    code: 'ERR_INVALID_IP_ADDRESS',
    message: 'Invalid IP address: server.example',
  });
  t.throws(() => dns.setServers('192.0.2.1' as never), { code: 'ERR_INVALID_ARG_TYPE' });
  t.strictSame(dns.promises.getServers().length, 5, 'an error changes nothing, and promises ask the same');
  t.strictSame(new dns.Resolver().getServers(), ['127.0.0.1']);
  t.throws(() => new dns.Resolver({ tries: 0 }), { code: 'ERR_OUT_OF_RANGE' });
  t.throws(() => new dns.Resolver().setLocalAddress('x'), { code: 'ERR_INVALID_ARG_VALUE' });
});
