import t from 'tap';
import type { DeviceAddressesView } from '../../tools/control/view/address.ts';
import type { LinkView } from '../../tools/control/view/link.ts';
import type { NeighView } from '../../tools/control/view/neigh.ts';
import type { RouteView } from '../../tools/control/view/route.ts';
import { formatDeviceAddresses } from '../../tools/format/address.ts';
import { formatLink } from '../../tools/format/link.ts';
import { formatNeigh } from '../../tools/format/neigh.ts';
import { formatRoute } from '../../tools/format/route.ts';
import { formatStats } from '../../tools/format/stats.ts';

/** Each pair is what `ip -json` and `ip` (iproute2 6.1) printed of the same thing, one after the other. */
const TAP: LinkView = JSON.parse(
  '{"ifindex":3,"ifname":"tap0","flags":["NO-CARRIER","BROADCAST","MULTICAST","UP"],"mtu":1500,"qdisc":"pfifo_fast","operstate":"DOWN","linkmode":"DEFAULT","group":"default","txqlen":1000,"link_type":"ether","address":"8a:8e:e2:9f:9a:bc","broadcast":"ff:ff:ff:ff:ff:ff"}',
);
const VETH_STATS: LinkView = JSON.parse(
  '{"ifindex":2,"ifname":"veth0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1500,"qdisc":"noqueue","operstate":"UP","linkmode":"DEFAULT","group":"default","txqlen":1000,"link_type":"ether","address":"ea:d5:c1:88:81:90","broadcast":"ff:ff:ff:ff:ff:ff","ifalias":"some alias","stats64":{"rx":{"bytes":406,"packets":5,"errors":0,"dropped":0,"over_errors":0,"multicast":0,"length_errors":0,"crc_errors":0,"frame_errors":0,"fifo_errors":0,"missed_errors":0},"tx":{"bytes":538,"packets":7,"errors":0,"dropped":0,"carrier_errors":0,"collisions":0,"aborted_errors":0,"fifo_errors":0,"window_errors":0,"heartbeat_errors":0,"carrier_changes":2}}}',
);

t.test('link: as ip link show', (t) => {
  t.equal(
    formatLink(TAP),
    `3: tap0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc pfifo_fast state DOWN mode DEFAULT group default qlen 1000
    link/ether 8a:8e:e2:9f:9a:bc brd ff:ff:ff:ff:ff:ff`,
  );
  t.equal(
    formatLink(VETH_STATS),
    `2: veth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default qlen 1000
    link/ether ea:d5:c1:88:81:90 brd ff:ff:ff:ff:ff:ff
    alias some alias
    RX:  bytes packets errors dropped  missed   mcast           
           406       5      0       0       0       0 
    RX errors:  length    crc   frame    fifo overrun
                     0      0       0       0       0 
    TX:  bytes packets errors dropped carrier collsns           
           538       7      0       0       0       0 
    TX errors: aborted   fifo  window heartbt transns
                     0      0       0       0       2 `,
  );
  t.end();
});

t.test('link: counters that are longer than their column widen it, as in iproute2', (t) => {
  const rx = { bytes: 123456789012, packets: 12345678, errors: 0, dropped: 0, over_errors: 0, multicast: 0 };
  const tx = { bytes: 1, packets: 1, errors: 0, dropped: 0, carrier_errors: 0, collisions: 0 };
  t.strictSame(
    formatLink({ ...TAP, stats64: { rx, tx } })
      .split('\n')
      .slice(2),
    [
      '    RX:    bytes  packets errors dropped  missed   mcast           ',
      '    123456789012 12345678      0       0       0       0 ',
      '    TX:    bytes  packets errors dropped carrier collsns           ',
      '               1        1      0       0       0       0 ',
    ],
  );
  t.end();
});

t.test('link: stacked, raw IP, details', (t) => {
  const tun: LinkView = {
    ifindex: 4,
    link: 'tap0',
    ifname: 'tun0',
    flags: ['POINTOPOINT', 'NOARP', 'UP'],
    mtu: 1400,
    qdisc: 'pfifo',
    master: 'bond0',
    operstate: 'UNKNOWN',
    linkmode: 'DORMANT',
    group: 'default',
    link_type: 'none',
    promiscuity: 1,
    allmulti: 0,
    min_mtu: 68,
    max_mtu: 65535,
    linkinfo: { info_kind: 'tun' },
    altnames: ['other'],
  };
  t.equal(
    formatLink(tun),
    `4: tun0@tap0: <POINTOPOINT,NOARP,UP> mtu 1400 qdisc pfifo master bond0 state UNKNOWN mode DORMANT group default 
    link/none  promiscuity 1  allmulti 0 minmtu 68 maxmtu 65535 
    tun 
    altname other`,
  );
  t.end();
});

t.test('address: as ip address show', (t) => {
  const device: DeviceAddressesView = JSON.parse(
    '{"ifindex":2,"ifname":"veth0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1500,"qdisc":"noqueue","operstate":"UP","group":"default","txqlen":1000,"link_type":"ether","address":"ea:d5:c1:88:81:90","broadcast":"ff:ff:ff:ff:ff:ff","addr_info":[{"family":"inet","local":"169.254.3.3","prefixlen":16,"broadcast":"169.254.255.255","scope":"link","label":"veth0:x","valid_life_time":4294967295,"preferred_life_time":4294967295},{"family":"inet","local":"10.9.0.1","prefixlen":24,"scope":"global","label":"veth0","valid_life_time":4294967295,"preferred_life_time":4294967295},{"family":"inet","local":"10.7.0.1","address":"10.7.0.2","prefixlen":32,"scope":"global","label":"veth0","valid_life_time":4294967295,"preferred_life_time":4294967295},{"family":"inet","local":"10.9.0.3","prefixlen":24,"scope":"global","secondary":true,"label":"veth0","valid_life_time":100,"preferred_life_time":50}]}',
  );
  t.equal(
    formatDeviceAddresses(device),
    `2: veth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
    link/ether ea:d5:c1:88:81:90 brd ff:ff:ff:ff:ff:ff
    inet 169.254.3.3/16 brd 169.254.255.255 scope link veth0:x
       valid_lft forever preferred_lft forever
    inet 10.9.0.1/24 scope global veth0
       valid_lft forever preferred_lft forever
    inet 10.7.0.1 peer 10.7.0.2/32 scope global veth0
       valid_lft forever preferred_lft forever
    inet 10.9.0.3/24 scope global secondary veth0
       valid_lft 100sec preferred_lft 50sec`,
  );
  t.end();
});

t.test('route: as ip route show and get', (t) => {
  const routes: RouteView[] = JSON.parse(
    '[{"dst":"default","gateway":"10.9.0.2","dev":"veth0","flags":[]},{"dst":"10.7.0.2","dev":"veth0","protocol":"kernel","scope":"link","prefsrc":"10.7.0.1","flags":[]},{"dst":"10.20.0.0/16","gateway":"10.9.0.2","dev":"veth0","prefsrc":"10.9.0.1","metric":100,"flags":[],"metrics":[{"mtu":1400,"advmss":1360}]},{"type":"blackhole","dst":"10.30.0.0/16","flags":[]},{"type":"local","dst":"10.55.0.1","dev":"tap0","table":"local","protocol":"kernel","scope":"host","prefsrc":"10.55.0.1","flags":[]},{"dst":"10.55.0.0/24","dev":"tap0","protocol":"kernel","scope":"link","prefsrc":"10.55.0.1","flags":["linkdown"]},{"dst":"10.20.1.1","gateway":"10.9.0.2","dev":"veth0","prefsrc":"10.9.0.1","flags":[],"uid":0,"cache":[],"metrics":[{"mtu":1400,"advmss":1360}]},{"type":"local","dst":"10.9.0.1","dev":"lo","prefsrc":"10.9.0.1","flags":[],"uid":0,"cache":["local"]}]',
  );
  t.strictSame(routes.map(formatRoute), [
    'default via 10.9.0.2 dev veth0 ',
    '10.7.0.2 dev veth0 proto kernel scope link src 10.7.0.1 ',
    '10.20.0.0/16 via 10.9.0.2 dev veth0 src 10.9.0.1 metric 100 mtu 1400 advmss 1360 ',
    'blackhole 10.30.0.0/16 ',
    'local 10.55.0.1 dev tap0 table local proto kernel scope host src 10.55.0.1 ',
    '10.55.0.0/24 dev tap0 proto kernel scope link src 10.55.0.1 linkdown ',
    '10.20.1.1 via 10.9.0.2 dev veth0 src 10.9.0.1 uid 0 \n    cache mtu 1400 advmss 1360 ',
    'local 10.9.0.1 dev lo src 10.9.0.1 uid 0 \n    cache <local> ',
  ]);
  t.end();
});

t.test('neigh: as ip neigh show', (t) => {
  const neighbours: NeighView[] = JSON.parse(
    '[{"dst":"10.9.0.99","dev":"veth0","state":["INCOMPLETE"]},{"dst":"10.9.0.2","dev":"veth0","lladdr":"c6:09:59:4c:c2:08","state":["REACHABLE"]},{"dst":"10.9.0.99","dev":"veth0","refcnt":1,"used":1,"confirmed":61,"updated":1,"probes":5,"state":["INCOMPLETE"]},{"dst":"10.9.0.77","dev":"veth0","lladdr":"02:00:00:00:00:77","used":1,"confirmed":1,"updated":1,"probes":0,"state":["PERMANENT"]},{"dst":"10.9.0.88","dev":"veth0","proxy":null}]',
  );
  t.strictSame(neighbours.map(formatNeigh), [
    '10.9.0.99 dev veth0 INCOMPLETE ',
    '10.9.0.2 dev veth0 lladdr c6:09:59:4c:c2:08 REACHABLE ',
    '10.9.0.99 dev veth0  ref 1 used 1/61/1probes 5 INCOMPLETE ',
    '10.9.0.77 dev veth0 lladdr 02:00:00:00:00:77  used 1/1/1probes 0 PERMANENT ',
    '10.9.0.88 dev veth0 proxy ',
  ]);
  t.end();
});

t.test('stats: sections, nested names, zeros only when asked for', (t) => {
  const stats = {
    mib: { IpInReceives: 12, IpInDiscards: 0 },
    drops: { no_carrier: 1 },
    pool: { inUse: 0 },
    devices: { tap0: { rxPackets: 12 } },
    announcer: { sent: 3, suppressed: { noCarrier: 2 } },
  };
  t.equal(
    formatStats(stats, false),
    `Counters
    IpInReceives                              12

Drops
    no_carrier                                 1

Device tap0
    rxPackets                                 12

Announcer
    sent                                       3
    suppressed.noCarrier                       2`,
  );
  t.match(formatStats(stats, true), /IpInDiscards +0\n\n/);
  t.match(formatStats(stats, true), /Packet pool\n {4}inUse +0\n/);
  t.end();
});
