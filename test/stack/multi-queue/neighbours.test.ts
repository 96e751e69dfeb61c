import t from 'tap';
import { parseMac } from '../../../device/frame/mac.ts';
import { NEIGH_UPDATE_F_ADMIN, NUD_PERMANENT } from '../../../stack/neighbour/nud.ts';
import { parseIpv4 } from '../../../stack/wire/address.ts';
import { Group, OURS, PEER } from './group.ts';

t.test('a follower asks, the owner resolves, and all know', (t) => {
  const group = new Group(3);
  group.steer = () => 2;
  const ping = group.stacks[2]!.ping(PEER, { count: 1 });
  group.clock.advance(0);
  t.strictSame(group.passed(), [
    '2-0 question 192.0.2.2',
    'q0> arp who-has 192.0.2.2 tell 192.0.2.1',
    '>q2 arp 192.0.2.2 is at 020000000099',
    '2-0 arp of 2',
    '0-1 neighbour 192.0.2.2 REACHABLE',
    '0-2 neighbour 192.0.2.2 REACHABLE',
    '0-2 taken arp',
    'q2> icmp 8/0',
    '>q2 icmp 0/0',
  ]);
  t.equal(ping.summary().received, 1);
  t.equal(group.neighbour(), 'REACHABLE REACHABLE REACHABLE');
  t.equal(group.members[0]!.neighbourOwner.questions, 1);
  t.equal(group.members[2]!.arpRelay.outstanding, 0);
  t.equal(group.close(), '0 packets, 0 timers');
  t.end();
});

t.test('who does not answer has failed for all, after three requests of the owner', (t) => {
  const group = new Group(2);
  const ping = group.stacks[1]!.ping('192.0.2.77', { count: 1 });
  group.clock.advance(2999);
  t.strictSame(group.passed(), [
    '1-0 question 192.0.2.77',
    'q0> arp who-has 192.0.2.77 tell 192.0.2.1',
    '1-0 question 192.0.2.77',
    'q0> arp who-has 192.0.2.77 tell 192.0.2.1',
    '1-0 question 192.0.2.77',
    'q0> arp who-has 192.0.2.77 tell 192.0.2.1',
  ]);
  t.equal(group.neighbour('192.0.2.77'), 'INCOMPLETE INCOMPLETE');
  group.clock.advance(1);
  t.equal(group.neighbour('192.0.2.77'), 'FAILED FAILED');
  t.strictSame(group.passed(), ['0-1 neighbour 192.0.2.77 FAILED']);
  t.equal(group.stacks[1]!.counters().drops['neigh_failed'], 1);
  t.equal(ping.summary().received, 0);
  t.equal(group.close(), '0 packets, 0 timers');
  t.end();
});

t.test('a request that comes to a follower is answered by the owner, who learns', (t) => {
  const group = new Group(2);
  group.steer = () => 1;
  group.peer.ping(OURS, { count: 1 });
  group.clock.advance(0);
  t.strictSame(group.passed(), [
    '>q1 arp who-has 192.0.2.1 tell 192.0.2.2',
    '1-0 arp of 1',
    '0-1 neighbour 192.0.2.2 STALE',
    'q0> arp 192.0.2.1 is at 020000000001',
    '0-1 taken arp',
    '>q1 icmp 8/0',
    'q1> icmp 0/0',
  ]);
  t.equal(group.neighbour(), 'STALE DELAY');
  t.equal(group.close(), '0 packets, 0 timers');
  t.end();
});

t.test('a follower that is not sure any more has the owner probe, in unicast', (t) => {
  const group = new Group(2);
  group.steer = () => 1;
  group.peer.ping(OURS, { count: 1 });
  group.clock.advance(4999);
  group.passed();
  group.clock.advance(1);
  t.strictSame(group.passed(), [
    '1-0 question 192.0.2.2 probe',
    '0-1 neighbour 192.0.2.2 STALE',
    'q0> arp who-has 192.0.2.2 tell 192.0.2.1 unicast',
    '>q1 arp 192.0.2.2 is at 020000000099',
    '1-0 arp of 1',
    '0-1 neighbour 192.0.2.2 REACHABLE',
    '0-1 taken arp',
  ]);
  t.equal(group.neighbour(), 'REACHABLE REACHABLE');
  t.equal(group.close(), '0 packets, 0 timers');
  t.end();
});

t.test('entries that a user makes and takes away are so for all', (t) => {
  const group = new Group(2);
  const { arp } = group.stacks[0]!;
  const key = parseIpv4('192.0.2.50');
  const entry = arp.table.create(group.devices[0]!, key, true);
  if (typeof entry === 'number') return t.fail(`${entry}`);
  entry.update(parseMac('02:00:00:00:00:50'), NUD_PERMANENT, NEIGH_UPDATE_F_ADMIN);
  group.clock.advance(0);
  t.equal(group.neighbour('192.0.2.50'), 'PERMANENT PERMANENT');
  arp.table.remove(entry);
  group.clock.advance(0);
  t.equal(group.neighbour('192.0.2.50'), '- -');
  t.equal(group.close(), '0 packets, 0 timers');
  t.end();
});

t.test('more ARP frames than the owner takes are dropped, and counted', (t) => {
  const group = new Group(2);
  const [, dev] = group.devices;
  const request = Buffer.from(
    'ffffffffffff0200000000990806000108000604000102000000009900000000000000000000c0000201',
    'hex',
  );
  for (let i = 0; i < 300; i++) dev!.receive(group.machine.pool.from(request)!);
  t.equal(group.members[1]!.arpRelay.outstanding, 256);
  t.equal(group.stacks[1]!.counters().drops['arp_relay_full'], 44);
  group.clock.advance(0);
  t.equal(group.members[1]!.arpRelay.outstanding, 0);
  t.equal(group.stacks[0]!.counters().mib.ArpInRequests, 256);
  t.equal(group.close(), '0 packets, 0 timers');
  t.end();
});

t.test('when the owner goes, the next one speaks ARP', (t) => {
  const group = new Group(3);
  group.members[0]!.close();
  group.stacks[0]!.close();
  t.equal(group.members[1]!.owner, 1);
  t.equal(group.members[2]!.owner, 1);
  t.equal(group.stacks[1]!.sysctl.get('net.ipv4.neigh.tap0.mcast_solicit'), '3');
  t.equal(group.stacks[2]!.sysctl.get('net.ipv4.neigh.tap0.mcast_solicit'), '0');
  group.steer = () => 1;
  group.stacks[2]!.ping(PEER, { count: 1 });
  group.clock.advance(0);
  t.strictSame(group.passed().slice(0, 4), [
    '2-1 question 192.0.2.2',
    'q1> arp who-has 192.0.2.2 tell 192.0.2.1',
    '>q1 arp 192.0.2.2 is at 020000000099',
    '1-2 neighbour 192.0.2.2 REACHABLE',
  ]);
  t.equal(group.close(), '0 packets, 0 timers');
  t.end();
});
