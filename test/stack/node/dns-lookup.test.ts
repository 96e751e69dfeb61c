import { ADDRCONFIG, ALL, V4MAPPED } from 'node:dns';
import { promisify } from 'node:util';
import t from 'tap';
import { candidatesFor } from '../../../stack/node/dns/address-search.ts';
import { HostsTable } from '../../../stack/node/dns/hosts.ts';
import type { DnsOptions } from '../../../stack/node/dns/index.ts';
import { reverseName } from '../../../stack/node/dns/reverse-name.ts';
import { dnsSettings } from '../../../stack/node/dns/settings.ts';
import { a, DnsServer, type Script, soa } from './dns-server.ts';
import { LEFT, RIGHT, virtualHosts } from './virtual-hosts.ts';

const NXDOMAIN = { rcode: 3, authorities: [soa(60)] };
const HOSTS = `
127.0.0.1   localhost
192.0.2.7   printer.example printer   # third floor
2001:db8::7 printer
no-address  nowhere
`;

async function client(t: Parameters<typeof virtualHosts>[0], script: Script, options: DnsOptions = {}) {
  const hosts = virtualHosts(t, { servers: [RIGHT], hosts: HOSTS, ...options });
  const server = new DnsServer(hosts.right, script);
  await hosts.pass();
  const { dns } = hosts.left;
  /** What `lookup` calls back with, as text. */
  const lookup = async (name: string, how: object | number = {}): Promise<string> => {
    let out = 'nothing';
    dns.lookup(name, how as { all: true }, (error: Error | null, ...rest: unknown[]) => {
      out = error === null ? JSON.stringify(rest.length === 1 ? rest[0] : rest) : error.message;
    });
    await hosts.pass(5, 1);
    return out;
  };
  return { ...hosts, server, dns, lookup };
}

// @rfc 6761 6.3
t.test('addresses, the hosts file and localhost need no server', async (t) => {
  const { lookup, server, dns } = await client(t, () => NXDOMAIN);
  t.equal(await lookup('192.0.2.99'), '["192.0.2.99",4]');
  t.equal(await lookup('2001:db8::1', { all: true }), '[{"address":"2001:db8::1","family":6}]');
  t.equal(await lookup('localhost'), '["127.0.0.1",4]');
  t.equal(await lookup('any.localhost.', 4), '["127.0.0.1",4]');
  t.equal(await lookup('localhost', 6), 'getaddrinfo ENOTFOUND localhost');
  t.equal(await lookup('Printer.EXAMPLE.'), '["192.0.2.7",4]');
  t.equal(
    await lookup('printer', { all: true }),
    '[{"address":"192.0.2.7","family":4},{"address":"2001:db8::7","family":6}]',
  );
  t.equal(
    await lookup('printer', { all: true, order: 'ipv6first' }),
    '[{"address":"2001:db8::7","family":6},{"address":"192.0.2.7","family":4}]',
  );
  t.equal(await lookup('printer', { family: 6 }), '["2001:db8::7",6]');
  t.equal(await lookup('printer', { family: 'IPv4' }), '["192.0.2.7",4]');
  t.strictSame(server.log, []);
  t.throws(() => dns.lookup('x', { family: 5 }, () => {}), { code: 'ERR_INVALID_ARG_VALUE' });
  t.throws(() => dns.lookup('x', { hints: 1 }, () => {}), { code: 'ERR_INVALID_ARG_VALUE' });
  t.throws(() => dns.lookup(7 as never, () => {}), { code: 'ERR_INVALID_ARG_TYPE' });
  t.throws(() => dns.setDefaultResultOrder('x' as never), { code: 'ERR_INVALID_ARG_VALUE' });
  dns.setDefaultResultOrder('ipv6first' as never);
  t.equal(await lookup('printer'), '["2001:db8::7",6]');
  t.equal(dns.getDefaultResultOrder(), 'ipv6first');
  t.strictSame(await promisify(dns.lookup)('192.0.2.99'), { address: '192.0.2.99', family: 4 });
});

t.test('of a server’s answers IPv4 comes first; hints leave IPv6 out, or make it of IPv4', async (t) => {
  const { lookup, server } = await client(t, ({ type, name }) =>
    type === 'A'
      ? { answers: [a(name, '192.0.2.1'), a(name, '192.0.2.2')] }
      : { answers: name === 'four.example' ? [] : [{ type: 'AAAA', name, data: '2001:db8::1', ttl: 60 }] },
  );
  t.equal(await lookup('x.example'), '["192.0.2.1",4]');
  t.strictSame(server.log, ['A x.example', 'AAAA x.example']);
  const all = async (name: string, how: object): Promise<string> =>
    (JSON.parse(await lookup(name, { all: true, ...how })) as { address: string }[])
      .map(({ address }) => address)
      .join(' ');
  t.equal(await all('x.example', {}), '192.0.2.1 192.0.2.2 2001:db8::1');
  t.equal(await all('x.example', { hints: ADDRCONFIG }), '192.0.2.1 192.0.2.2');
  t.equal(await all('x.example', { family: 6 }), '2001:db8::1');
  t.equal(await lookup('x.example', { family: 6, hints: ADDRCONFIG }), 'getaddrinfo ENOTFOUND x.example');
  t.equal(await all('x.example', { family: 6, hints: V4MAPPED }), '2001:db8::1');
  t.equal(await all('four.example', { family: 6, hints: V4MAPPED }), '::ffff:192.0.2.1 ::ffff:192.0.2.2');
  t.equal(
    await all('x.example', { family: 6, hints: V4MAPPED | ALL }),
    '2001:db8::1 ::ffff:192.0.2.1 ::ffff:192.0.2.2',
  );
});

t.test('the search list: domains behind a name, before it or after it as its dots say', async (t) => {
  const options = { resolvConf: 'search a.example b.example\noptions ndots:2\n' };
  const script: Script = ({ name, type }) =>
    name === 'host.b.example' && type === 'A' ? { answers: [a(name, '192.0.2.1')] } : NXDOMAIN;
  const { lookup, server } = await client(t, script, options);
  t.equal(await lookup('host', 4), '["192.0.2.1",4]');
  t.strictSame(server.log.splice(0), ['A host.a.example', 'A host.b.example']);
  t.equal(await lookup('host.', 4), 'getaddrinfo ENOTFOUND host.');
  t.strictSame(server.log.splice(0), ['A host']);
  t.equal(await lookup('a.b', 4), 'getaddrinfo ENOTFOUND a.b');
  t.strictSame(server.log.splice(0), ['A a.b.a.example', 'A a.b.b.example', 'A a.b']);
  t.strictSame(candidatesFor('a.b.c', ['d'], 2), ['a.b.c', 'a.b.c.d']);
  t.strictSame(candidatesFor('a', [], 1), ['a']);
});

t.test('not found is one thing, no answer another', async (t) => {
  const { lookup, dns, pass } = await client(
    t,
    ({ name }) => (name === 'missing.example' ? NXDOMAIN : null),
    {
      timeoutMs: 100,
      attempts: 1,
    },
  );
  let error: NodeJS.ErrnoException | null = null;
  dns.lookup('missing.example', (given) => {
    error = given;
  });
  await pass(5, 1);
  t.match(error, {
    message: 'getaddrinfo ENOTFOUND missing.example',
    code: 'ENOTFOUND',
    errno: -3008,
    syscall: 'getaddrinfo',
    hostname: 'missing.example',
  });
  const late = dns.promises.lookup('silent.example').catch((given) => given);
  await pass(200, 50);
  t.match(await late, { message: 'getaddrinfo EAI_AGAIN silent.example', errno: -3001 });
  t.equal(await lookup('x..y'), 'getaddrinfo ENOTFOUND x..y');
});

// @rfc 1035 3.5
t.test('names of addresses: of the hosts file, else of the server', async (t) => {
  const { dns, pass, server } = await client(t, ({ type, name }) =>
    type === 'PTR' && name === '9.2.0.192.in-addr.arpa'
      ? { answers: [{ type: 'PTR', name, data: 'nine.example', ttl: 60 }] }
      : NXDOMAIN,
  );
  const came = async (promise: Promise<unknown>): Promise<unknown> => {
    const settled = promise.catch((error: Error) => error.message);
    await pass(3, 1);
    return await settled;
  };
  t.strictSame(await came(dns.promises.reverse('192.0.2.7')), ['printer.example', 'printer']);
  t.strictSame(await came(dns.promises.reverse('192.0.2.9')), ['nine.example']);
  t.equal(await came(dns.promises.reverse('192.0.2.10')), 'getHostByAddr ENOTFOUND 192.0.2.10');
  t.throws(() => dns.reverse('x', () => {}), { message: 'getHostByAddr EINVAL x', code: 'EINVAL' });
  t.strictSame(await came(dns.promises.lookupService('192.0.2.9', 22)), {
    hostname: 'nine.example',
    service: 'ssh',
  });
  t.strictSame(await came(dns.promises.lookupService('192.0.2.7', 9999)), {
    hostname: 'printer.example',
    service: '9999',
  });
  t.equal(await came(dns.promises.lookupService('192.0.2.11', 1)), 'getnameinfo ENOTFOUND 192.0.2.11');
  t.throws(() => dns.lookupService('x', 1, () => {}), { code: 'ERR_INVALID_ARG_VALUE' });
  t.throws(() => dns.lookupService('192.0.2.7', 65536, () => {}), { code: 'ERR_SOCKET_BAD_PORT' });
  t.equal(server.log.length, 3);
  const digits = '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa';
  t.equal(reverseName('2001:db8::1'), digits);
  t.equal(reverseName('::ffff:192.0.2.1')?.slice(0, 31), '1.0.2.0.0.0.0.c.f.f.f.f.0.0.0.0');
});

t.test('a datagram to a name', async (t) => {
  const { left, right, pass } = await client(t, ({ name, type }) =>
    type === 'A' && name === 'echo.example' ? { answers: [a(name, RIGHT)] } : NXDOMAIN,
  );
  const log: string[] = [];
  const echo = right.dgram.createSocket('udp4').bind(7);
  echo.on('message', (bytes, { address, port }) => log.push(`${bytes.toString()} from ${address}:${port}`));
  await pass();
  const socket = left.dgram.createSocket('udp4').bind(1000);
  socket.send('found', 7, 'echo.example');
  socket.send('lost', 7, 'missing.example', (error) => log.push(`${error}`));
  await pass(5, 1);
  t.strictSame(log, ['Error: getaddrinfo ENOTFOUND missing.example', `found from ${LEFT}:1000`]);
});

t.test('resolv.conf and hosts as their manuals have them', (t) => {
  const settings = dnsSettings({
    resolvConf: `
; comment
# comment
domain first.example
nameserver 192.0.2.1
nameserver not-an-address
nameserver 192.0.2.2
nameserver 192.0.2.3
nameserver 192.0.2.4
search one.example two.example
options ndots:99 timeout:2 attempts:9 rotate unknown edns0
`,
  });
  t.strictSame(
    settings.servers.map(({ address, port }) => `${address}:${port}`),
    ['192.0.2.1:53', '192.0.2.2:53', '192.0.2.3:53'],
    'three at most',
  );
  t.match(settings, { ndots: 15, timeoutMs: 2000, attempts: 5, rotate: true });
  t.strictSame(settings.search, ['one.example', 'two.example'], 'the last one counts');
  t.equal(dnsSettings({ resolvConf: 'options timeout:3', timeoutMs: 10 }).timeoutMs, 10, 'given is given');
  t.throws(() => dnsSettings({ servers: ['x'] }), { code: 'ERR_INVALID_IP_ADDRESS' });
  const hosts = new HostsTable(HOSTS);
  t.strictSame(hosts.addresses('nowhere', 0), []);
  t.strictSame(hosts.names('192.0.2.7'), ['printer.example', 'printer']);
  t.end();
});
