import t from 'tap';
import { GSO_UDP_L4 } from '../../../device/memory/packet.ts';
import { SeededEntropy } from '../../../device/random.ts';
import {
  AF_INET,
  AF_PACKET,
  MSG_ERRQUEUE,
  SOCK_RAW,
  SOL_IP,
  SOL_SOCKET,
  SOL_UDP,
} from '../../../stack/socket/abi.ts';
import { SocketAddress } from '../../../stack/socket/address.ts';
import type { FlowHandler } from '../../../stack/socket/forward.ts';
import {
  IP_PKTINFO,
  IP_RECVERR,
  IP_RECVORIGDSTADDR,
  IP_RECVTTL,
} from '../../../stack/socket/inet-options.ts';
import { SO_RCVBUF, SO_REUSEADDR } from '../../../stack/socket/socket-options.ts';
import { UDP_GRO } from '../../../stack/udp/udp-socket.ts';
import { bench, datagram, icmp, leftovers, sent } from '../ip/harness.ts';
import { address, host, message, udp, udpSocket } from '../socket/harness.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? 20261124);
const MUTATIONS = Number(process.env['FUZZ_MUTATIONS'] ?? 40_000);

t.test(
  `${MUTATIONS} mutations of datagrams and errors, seed ${SEED}: results, counted drops, nothing left`,
  (t) => {
    const { sockets, stack, dev, link, on } = host(undefined, bench(SEED, 512));
    const random = new SeededEntropy(SEED);
    const open = (local: string, remote?: string): number => {
      const fd = udpSocket(sockets);
      sockets.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
      for (const name of [IP_PKTINFO, IP_RECVERR, IP_RECVTTL, IP_RECVORIGDSTADDR])
        sockets.setsockopt(fd, SOL_IP, name, 1);
      sockets.bind(fd, address(local));
      if (remote !== undefined) sockets.connect(fd, address(remote));
      return fd;
    };
    const fds = [open('0.0.0.0:7'), open('192.0.2.1:7', '192.0.2.2:9'), open('0.0.0.0:7')];
    sockets.setsockopt(fds[2]!, SOL_UDP, UDP_GRO, 1);
    for (const protocol of [1, 17]) fds.push(sockets.socket(AF_INET, SOCK_RAW, protocol));
    fds.push(sockets.socket(AF_PACKET, SOCK_RAW, 3));
    for (const fd of fds) sockets.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, 20_000);
    const decide: FlowHandler = (flow) => {
      const choice = random.below(5);
      if (choice === 0) sockets.close(flow.accept());
      else if (choice === 1) flow.reject();
      else if (choice === 2) flow.drop();
    };
    const quoted = udp({ source: '192.0.2.1', destination: '192.0.2.2', from: 7, to: 9, data: 'quoted' });
    const seeds = [
      udp({ data: 'some data' }),
      udp({ data: '', checksum: 0 }),
      udp({ destination: '192.0.2.255', data: 'all' }),
      udp({ destination: '203.0.113.9', data: 'away' }),
      udp({ to: 4000 }),
      datagram({ payload: icmp(3, 3, 0, quoted) }),
      datagram({ payload: icmp(3, 4, 1400, quoted) }),
    ];
    const { message: m } = message(64, 256);
    m.address = new SocketAddress();
    let thrown = 0;
    for (let i = 0; i < MUTATIONS; i++) {
      if ((i & 4095) === 0) stack.forward((i & 4096) === 0 ? decide : null);
      const frame = Buffer.from(seeds[random.below(seeds.length)]!);
      for (let changes = random.below(4); changes > 0; changes--)
        frame[random.below(frame.length)] = random.below(256);
      if (random.chance(0.7)) frame.writeUInt16BE(0, 10);
      if (random.chance(0.7)) frame.writeUInt16BE(headerSum(frame), 10);
      const cut = random.chance(0.2) ? random.below(frame.length + 1) : frame.length;
      const packet = on.pool.from(frame.subarray(0, cut));
      if (packet === null) throw new Error(`the pool is empty at mutation ${i}: a leak`);
      if (random.chance(0.05)) {
        packet.gsoSize = 1 + random.below(0xffff);
        packet.gsoType = GSO_UDP_L4;
      }
      try {
        dev.receive(packet);
        on.clock.settle();
        for (const fd of fds) {
          // The first one hardly reads.
          if (random.chance(fd === fds[0] ? 0.99 : 0.6)) continue;
          m.controlRoom = random.below(256);
          const result = sockets.recvmsg(fd, m, random.chance(0.3) ? MSG_ERRQUEUE : 0);
          if (!Number.isInteger(result)) throw new Error(`recvmsg gave ${result}`);
        }
      } catch (error) {
        thrown++;
        t.fail(`mutation ${i}: ${(error as Error).message}`);
        if (thrown > 3) break;
      }
      if ((i & 1023) === 0) sent(link);
    }
    t.equal(thrown, 0);
    const { mib } = stack.counters();
    for (const name of [
      'UdpInDatagrams',
      'UdpInErrors',
      'UdpInCsumErrors',
      'UdpNoPorts',
      'UdpRcvbufErrors',
    ] as const)
      t.ok(mib[name] > 0, `${name} ${mib[name]}`);
    stack.forward(null);
    for (const fd of fds) sockets.close(fd);
    on.clock.advance(700_000);
    t.equal(on.pool.inUse, 0);
    t.equal(sockets.budget.smallHeld, 0);
    t.equal(sockets.budget.largeHeld, 0);
    stack.close();
    t.equal(leftovers(on), '0 packets, 0 timers');
    t.end();
  },
);

/** The checksum of an IP header whose field is 0; of as many bytes as its first one says, or there are. */
function headerSum(frame: Buffer): number {
  let total = 0;
  const end = Math.min((frame[0]! & 0xf) * 4, frame.length & ~1);
  for (let at = 0; at < end; at += 2) total += at === 10 ? 0 : frame.readUInt16BE(at);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}
