import t, { type Test } from 'tap';
import { createVeth } from '../../../device/link/veth.ts';
import type { DhcpClientOptions } from '../../../stack/dhcp/client/options.ts';
import type { DhcpServerOptions, SavedServerLease } from '../../../stack/dhcp/server/options.ts';
import { createStack, type Stack } from '../../../stack/stack.ts';
import { formatIpv4 } from '../../../stack/wire/address.ts';
import { testMachine } from '../../testing/machine.ts';
import { traced } from '../../testing/trace.ts';

const OPTIONS: DhcpServerOptions = {
  subnets: [
    {
      prefix: '192.0.2.0/24',
      ranges: ['192.0.2.100-192.0.2.109'],
      options: { routers: ['192.0.2.1'], dnsServers: ['192.0.2.1'], mtu: 1400 },
      leaseTime: 600,
    },
  ],
};

/** A server and a client, two stacks on a cable. */
function pair(t: Test, client: DhcpClientOptions = {}, server: DhcpServerOptions = OPTIONS) {
  const { clock, machine, pool } = testMachine({ small: 256, large: 8 });
  const [one, other] = createVeth(machine);
  const left = createStack({ machine, name: 'server' });
  const right = createStack({ machine, name: 'client' });
  for (const stack of [left, right]) traced(t, stack.ns);
  left.addDevice(one, { name: 'eth0', addresses: ['192.0.2.1/24'] });
  right.addDevice(other, { name: 'eth0' });
  const events: string[] = [];
  const serving = left.serveDhcp('eth0', server);
  const started = right.dhcp('eth0', client);
  started.subscribe((name) => events.push(name));
  t.teardown(() => {
    right.close();
    left.close();
    if (pool.inUse > 0) throw new Error(`left behind: ${pool.inUse} packets`);
  });
  return { clock, left, right, server: serving, client: started, events };
}

function answers(clock: { advance(ms: number): void }, from: Stack, to: string): number {
  const ping = from.ping(to, { count: 1 });
  clock.advance(2000);
  return ping.summary().received;
}

t.test('a host gets its address, keeps it through a day of renewals, and gives it back', (t) => {
  const { clock, right, server, client, events } = pair(t);
  clock.advance(10_000);
  t.equal(client.state, 'BOUND');
  t.equal(answers(clock, right, '192.0.2.1'), 1);
  t.equal(right.device('eth0').mtu, 1400);
  t.strictSame(right.dns.getServers(), ['192.0.2.1']);
  clock.advance(86_400_000);
  t.equal(events[0], 'bound');
  t.ok(events.length > 280 && events.slice(1).every((name) => name === 'renewed'), `${events.length} events`);
  t.match(server.counters, { naks: 0, expired: 0, unsent: 0 });
  t.strictSame(
    Object.values(server.counters.dropped).filter((count) => count > 0),
    [],
  );
  t.strictSame(
    Object.values(client.counters.dropped).filter((count) => count > 0),
    [],
  );
  client.release();
  clock.advance(1000);
  t.strictSame(server.save(), []);
  t.equal(right.addressesOf('eth0').length, 0);
  t.equal(right.device('eth0').mtu, 1500);
  t.end();
});

t.test('somebody has the address: it is declined, and another one is given', (t) => {
  const { clock, left, server, client, events } = pair(t, {}, { ...OPTIONS, probeMs: 0 });
  // The server's own host has it, beside the table.
  left.addAddress('eth0', '192.0.2.100/24');
  clock.advance(30_000);
  t.strictSame(events, ['declined', 'bound']);
  t.equal(formatIpv4(client.lease!.address), '192.0.2.101');
  t.equal(server.save().find(({ state }) => state === 'declined')?.address, '192.0.2.100');
  t.end();
});

t.test('the server finds out by itself before it offers', (t) => {
  const { clock, left, server, client, events } = pair(t);
  left.addAddress('eth0', '192.0.2.100/24');
  clock.advance(30_000);
  t.strictSame(events, ['bound']);
  t.equal(formatIpv4(client.lease!.address), '192.0.2.101');
  t.equal(server.counters.conflicts, 1);
  t.end();
});

t.test('both are moved in the middle of a lease: it goes on where it was', (t) => {
  const first = pair(t);
  first.clock.advance(200_000);
  const saved = JSON.parse(JSON.stringify([first.server.save(), first.client.save()])) as [
    SavedServerLease[],
    ReturnType<typeof first.client.save>,
  ];
  const store = { load: () => saved[0], put: () => {}, remove: () => {} };
  const second = pair(t, {}, { ...OPTIONS, store });
  second.client.close();
  second.client.load(saved[1]);
  t.equal(second.client.state, 'BOUND');
  t.equal(second.client.lease?.address, first.client.lease?.address);
  t.equal(answers(second.clock, second.right, '192.0.2.1'), 1);
  second.clock.advance(150_000);
  t.strictSame(second.events.at(-1), 'renewed');
  t.equal(second.server.counters.naks, 0);
  t.end();
});

t.test('the cable is out for a while; the server forgot everything meanwhile', (t) => {
  const { clock, left, client, events } = pair(t, { checkAddress: false });
  clock.advance(10_000);
  left.setDown('eth0');
  clock.advance(5000);
  t.equal(client.state, 'INIT-REBOOT');
  left.dhcpServices.close();
  left.setUp('eth0');
  left.serveDhcp('eth0', OPTIONS);
  clock.advance(5000);
  t.equal(client.state, 'BOUND');
  t.strictSame(events, ['bound', 'renewed']);
  t.end();
});

t.test('the device goes: the client stops; stopping the stack stops the server', (t) => {
  const { clock, left, right, client, server } = pair(t);
  clock.advance(10_000);
  right.removeDevice('eth0');
  t.equal(client.state, 'STOPPED');
  left.close();
  t.equal(server.isOpen, false);
  t.end();
});
