import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { createVeth } from '../../device/link/veth.ts';
import { createStack, type Stack } from '../../stack/stack.ts';
import { clientLeaseFile, serverLeaseFile } from '../../tools/control/lease-file.ts';
import { METHODS } from '../../tools/control/methods.ts';
import type { DhcpView } from '../../tools/control/view/dhcp.ts';
import { formatDhcp } from '../../tools/format/dhcp.ts';
import { testMachine } from '../testing/machine.ts';

const IDLE = { emit: () => {}, signal: new AbortController().signal };

function call(stack: Stack, name: string, params: object = {}): unknown {
  return METHODS[name]!.invoke(stack, params as Record<string, unknown>, IDLE);
}

const folder = mkdtempSync(join(tmpdir(), 'tapir-dhcp-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

t.test('a client and a server by the control methods, and what is shown of them', (t) => {
  const { clock, machine, pool } = testMachine({ small: 128, large: 4 });
  const [one, other] = createVeth(machine);
  const left = createStack({ machine });
  const right = createStack({ machine });
  left.addDevice(one, { name: 'eth0', address: '02:00:00:00:00:01', addresses: ['192.0.2.1/24'] });
  right.addDevice(other, { name: 'eth0', address: '02:00:00:00:00:02' });
  const addresses = { router: ['192.0.2.1'], dns: ['192.0.2.53'] };
  call(left, 'dhcp.server', {
    dev: 'eth0',
    subnet: '192.0.2.0/24',
    range: ['192.0.2.100-192.0.2.109'],
    reserve: ['02:00:00:00:00:07=192.0.2.7'],
    domain: 'example',
    lease: 600,
    store: join(folder, 'table'),
    ...addresses,
  });
  call(right, 'dhcp.client', {
    dev: 'eth0',
    hostname: 'right',
    request: '192.0.2.105',
    clientId: 'ff01',
    check: false,
    metric: 7,
    store: join(folder, 'lease'),
  });
  clock.advance(10_000);
  const [client] = call(right, 'dhcp.show', { dev: 'eth0' }) as DhcpView[];
  t.match(client, { ifname: 'eth0', role: 'client', state: 'BOUND', address: '192.0.2.105', prefixlen: 24 });
  t.match(
    formatDhcp(client!),
    /^eth0 client BOUND 192.0.2.105\/24 server 192.0.2.1\n {4}lease 59\dsec renew 2[789]\dsec via 192.0.2.1\n {4}dns 192.0.2.53 domain example$/,
  );
  const [server] = call(left, 'dhcp.show', { stats: true }) as DhcpView[];
  t.match(formatDhcp(server!).split('\n'), [
    'eth0 server SERVING leases 1 free 9',
    /^ {4}192.0.2.105 bound 59\dsec id:ff01 right$/,
    '    discovers 1 requests 1 offers 1 acks 1',
  ]);
  t.match(readFileSync(join(folder, 'lease'), 'utf8'), /^\{"address":3221226089,/);
  call(right, 'dhcp.release', { dev: 'eth0' });
  clock.advance(10);
  t.equal(readFileSync(join(folder, 'lease'), 'utf8'), '');
  const [stopped] = call(right, 'dhcp.show') as DhcpView[];
  t.equal(formatDhcp(stopped!), 'eth0 client STOPPED');
  call(left, 'dhcp.stop', { dev: 'eth0' });
  t.match(call(left, 'dhcp.show'), [{ state: 'STOPPED' }]);
  t.throws(() => call(left, 'dhcp.release', { dev: 'eth0' }), /no DHCP client/);
  t.throws(() => call(left, 'dhcp.stop', { dev: 'lo' }), /no DHCP client or server/);
  t.throws(() => call(right, 'dhcp.client', { dev: 'eth0', clientId: 'xy' }), /bytes in hex/);
  t.throws(() => call(right, 'dhcp.server', { dev: 'eth0', subnet: 'x' }), /x/);
  t.throws(
    () => call(right, 'dhcp.server', { dev: 'eth0', subnet: '10.0.0.0/8', reserve: ['a=b'] }),
    /reserve/,
  );
  left.close();
  right.close();
  t.equal(pool.inUse, 0);
  t.end();
});

t.test('lease files: what a crash cut is left out, the last line of an address counts', (t) => {
  const path = join(folder, 'leases');
  const store = serverLeaseFile(path);
  t.strictSame(store.load(), []);
  const lease = (address: string, expiresAt: number | null) =>
    ({ address, client: 'hw:01', state: 'bound', expiresAt, hostname: '' }) as const;
  store.put(lease('192.0.2.1', 1));
  store.put(lease('192.0.2.2', 2));
  store.put(lease('192.0.2.1', 3));
  store.put(lease('192.0.2.3', null));
  store.remove('192.0.2.2');
  appendFileSync(path, '{"address":"192.0.2.1","cli');
  t.strictSame(serverLeaseFile(path).load(), [lease('192.0.2.1', 3), lease('192.0.2.3', null)]);
  t.equal(readFileSync(path, 'utf8').split('\n').length, 3, 'and the file is short again');
  writeFileSync(path, 'no lease');
  t.equal(clientLeaseFile(path).load(), null);
  t.end();
});
