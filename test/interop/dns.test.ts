import { fileURLToPath } from 'node:url';
import t from 'tap';
import { requirements } from './support/requirements.ts';
import { OUR_ADDRESS, TapPeer } from './support/tap-peer.ts';

t.jobs = 1;
const skip = requirements('dnsmasq', 'nc', 'tcpdump', 'tshark', 'nstat');
const HOST = fileURLToPath(new URL('fixtures/dns-host.js', import.meta.url));

/** What dnsmasq says of `example`; of anything else it knows that there is none. */
const ZONE = [
  '--local=/example/',
  '--local=/in-addr.arpa/',
  '--auth-ttl=600',
  '--local-ttl=77',
  '--host-record=web.example,10.0.0.80',
  '--host-record=dual.example,10.0.0.81,fd00::81',
  '--cname=www.example,web.example',
  '--mx-host=example,mail.example,10',
  '--txt-record=text.example,one,two',
  '--srv-host=_sip._udp.example,sip.example,5060,1,2',
  '--ptr-record=9.0.0.10.in-addr.arpa,nine.example',
  '--caa-record=example,0,issue,ca.example',
  '--naptr-record=naptr.example,1,2,s,SIP+D2U,,sip.example',
  // More than fits into a datagram, so that it is cut, and comes over TCP.
  ...Array.from({ length: 12 }, (_, i) => `--txt-record=big.example,${`${i}`.padStart(200, 'x')}`),
];

/** What is asked, and what comes of it. */
const QUESTIONS: readonly (readonly [string, unknown])[] = [
  ['resolve4:web.example', ['10.0.0.80']],
  ['resolve4:web.example:{"ttl":true}', [{ address: '10.0.0.80', ttl: 77 }]],
  ['resolve4:www.example', ['10.0.0.80']],
  ['resolveCname:www.example', ['web.example']],
  ['resolve6:dual.example', ['fd00::81']],
  ['resolveMx:example', [{ exchange: 'mail.example', priority: 10 }]],
  ['resolveTxt:text.example', [['one', 'two']]],
  ['resolveSrv:_sip._udp.example', [{ name: 'sip.example', port: 5060, priority: 1, weight: 2 }]],
  ['resolveCaa:example', [{ critical: 0, issue: 'ca.example' }]],
  [
    'resolveNaptr:naptr.example',
    [{ flags: 's', service: 'SIP+D2U', regexp: '', replacement: 'sip.example', order: 1, preference: 2 }],
  ],
  ['reverse:10.0.0.9', ['nine.example']],
  ['reverse:10.0.0.10', 'getHostByAddr ENOTFOUND 10.0.0.10'],
  ['resolve4:missing.example', 'queryA ENOTFOUND missing.example'],
  ['resolveMx:web.example', 'queryMx ENODATA web.example'],
  ['resolve4:elsewhere.test', 'queryA EREFUSED elsewhere.test'],
  ['lookup:web', { address: '10.0.0.80', family: 4 }],
  ['lookup:dual', { address: '10.0.0.81', family: 4 }],
  [
    'lookup:dual:{"all":true}',
    [
      { address: '10.0.0.81', family: 4 },
      { address: 'fd00::81', family: 6 },
    ],
  ],
  ['lookup:localhost', { address: '127.0.0.1', family: 4 }],
];
const BIG = 'resolveTxt:big.example';

t.test(
  'dnsmasq: every type, aliases, nothing, the search list, what is too long for UDP',
  { skip },
  async (t) => {
    const questions = [...QUESTIONS.map(([question]) => question), BIG];
    const [peer, host] = await TapPeer.startScript(t, HOST, questions);
    const where = ['-i', 'tap0', '--bind-interfaces', '--except-interface=lo', '--user=root', '--pid-file='];
    const how = ['-d', '-C', '/dev/null', '--no-resolv', '--no-hosts', '--log-queries'];
    const server = peer.ns.start('dnsmasq', ...how, ...where, ...ZONE);
    await server.says(/started, version/);
    host.signal('SIGUSR2');
    const [, said = ''] = await host.says(/^asked (.*)$/m, 20_000);
    const came = JSON.parse(said) as unknown[];
    for (const [index, [question, value]] of QUESTIONS.entries()) t.strictSame(came[index], value, question);
    const big = came.at(-1) as string[][];
    t.equal(big.length, 12, BIG);
    t.ok(big.every(([text]) => text?.length === 200));
    const { stdout } = await peer.ns.try('sh', '-c', `printf hello | nc -u -w 1 ${OUR_ADDRESS} 7`);
    t.equal(stdout, 'hello', 'and dgram echoes');
    const { frames, suspect, errors } = await peer.judge();
    t.ok(frames > 20, `${frames} frames`);
    t.strictSame(suspect, []);
    t.strictSame(errors, {});
    const report = JSON.parse(/^ended (.*)$/m.exec((await host.stop()).stdout)?.[1] ?? '{}');
    t.match(report, {
      packets: 0,
      counters: { truncated: 1, tcpQueries: 1, timeouts: 0, droppedMalformed: 0 },
    });
    await server.stop();
  },
);

t.test('a host without a name server says so at once', { skip }, async (t) => {
  const [, host] = await TapPeer.startScript(t, HOST, ['resolve4:web.example']);
  host.signal('SIGUSR2');
  const [, refused = ''] = await host.says(/^asked (.*)$/m);
  t.strictSame(JSON.parse(refused), ['queryA ECONNREFUSED web.example']);
  await host.stop();
});
