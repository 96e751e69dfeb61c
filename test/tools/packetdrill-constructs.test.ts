import t from 'tap';
import { SimBackend } from '../../tools/packetdrill/backends/sim/backend.ts';
import { runScript } from '../../tools/packetdrill/run/runner.ts';
import { parseScript } from '../../tools/packetdrill/script/parse.ts';
import { Unsupported } from '../../tools/packetdrill/script/script.ts';

/**
 * What the language of public scripts has: each construct is read and does what it says, or is unsupported, with the line that
 * it stands in, which is neither a pass nor a failure.
 */

const TCP = '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3';
const UDP = `0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3
+0 bind(3, ..., ...) = 0`;
/** An accepted connection, descriptor 4. */
const ACCEPTED = `${TCP}
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>
+0 > S. 0:0(0) ack 1 <...>
+.01 < . 1:1(0) ack 1 win 257
+0 accept(3, ..., ...) = 4`;

/** `passed`, or the verdict with line and reason. */
async function verdict(text: string): Promise<string> {
  try {
    const script = parseScript('x.pkt', text, new Map([['CODE', 'host_unreachable']]));
    const outcome = await runScript(script, (config) => new SimBackend(config), { tolerance: 4000 });
    return outcome.verdict === 'passed' ? 'passed' : `${outcome.verdict} ${outcome.line}: ${outcome.reason}`;
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    return `unsupported ${error.line}: ${error.message}`;
  }
}

/** Each text by what becomes of it. */
function table(name: string, rows: readonly (readonly [text: string, expected: string])[]): void {
  t.test(name, async (t) => {
    for (const [text, expected] of rows)
      t.equal(await verdict(text), expected, text.slice(text.lastIndexOf('\n') + 1));
  });
}

const passed = (before: string, lines: readonly string[]): [string, string][] =>
  lines.map((line) => [`${before}\n${line}`, 'passed']);

table('options of a script', [
  [`--local_ip=10.0.0.1\n--remote_ip=10.0.0.2\n${TCP}`, 'passed'],
  [`--tcp_ts_tick_usecs=1000\n${TCP}`, 'passed'],
  [`--tolerance_usecs=6000\n${TCP}`, 'passed'],
  [`--strict_segments\n${TCP}`, 'passed'],
  [`--tcp_ts_ecr_scaled\n${TCP}`, 'passed'],
  [`--mss=1000\n${TCP}`, 'passed'],
  [`--ip_version=ipv4\n${TCP}`, 'passed'],
  [`--send_omit_free\n${TCP}`, 'passed'],
  [`--ip_version=ipv6\n${TCP}`, 'unsupported 1: --ip_version=ipv6'],
  [`--psp_udp_port=1000\n${TCP}`, 'unsupported 1: option --psp_udp_port'],
]);

table('TCP packets', [
  ...passed(ACCEPTED, [
    '+0 < [ect0] P. 1:11(10) ack 1 win 257\n+0 > [noecn] . 1:1(0) ack 11',
    '+0 < [ect1] P. 1:11(10) ack 1 win 257\n+0 > . 1:1(0) ack 11',
    '+0 < [ce] P. 1:11(10) ack 1 win 257\n+0 > . 1:1(0) ack 11',
    '+0 < (tos 0x10) P. 1:11(10) ack 1 win 257\n+0 > (tos 0x0) . 1:1(0) ack 11',
    '+0 < (ttl 1) P. 1:11(10) ack 1 win 257\n+0 > (ttl 64) . 1:1(0) ack 11',
    '+0 < U. 1:11(10) ack 1 win 257 urg 3\n+0 > . 1:1(0) ack 11',
    '+0 < .5 1:11(10) ack 1 win 257\n+0 > . 1:1(0) ack 11',
    '+0 < - 1:1(0) win 257',
    '+0 < FP. 1:11(10) ack 1 win 257\n* > . 1:1(0) ack 12',
    '+0 < P. 1:11(10) ack 1 win 257 <nop,nop,md5 00112233445566778899aabbccddeeff>',
    '+0 write(4, ..., 10) = 10\n* > P. 1:11(10) ack 1 <...>',
    '+0 < P. 1:11(10) ack 1 win 257 <sack 1:2 3:4,nop,eol>\n+0 > . 1:1(0) ack 11',
  ]),
  [`${TCP}\n+0 < ipv4 1.1.1.1 > 2.2.2.2: . 1:1(0) ack 1`, 'unsupported 2: packets in "ipv4"'],
  [`${TCP}\n+0 < ipv6 fe80::1 > fe80::2: . 1:1(0) ack 1`, 'unsupported 2: packets in "ipv6"'],
  [`${TCP}\n+0 < gre: . 1:1(0) ack 1`, 'unsupported 2: packets in "gre"'],
  [`${TCP}\n+0 < mpls (label 1, tc 0, [S], ttl 3): . 1:1(0) ack 1`, 'unsupported 2: packets in "mpls"'],
  [`${TCP}\n+0 < encap psp spi 1 . 1:1(0) ack 1`, 'unsupported 2: packets in "encap"'],
  [`${TCP}\n+0 < (flowlabel 0x1) . 1:1(0) ack 1`, 'unsupported 2: flow labels, which only IPv6 has'],
]);

table('ICMP and UDP', [
  ...passed(ACCEPTED, [
    '+0 < icmp unreachable [1:11(10)]',
    '+0 < icmp unreachable host_unreachable [1:11(10)]',
    '+0 < icmp unreachable CODE [1:11(10)]',
    '+0 < icmp unreachable frag_needed mtu 840 [1:11(10)]',
    '+0 < icmp echo_request id 5',
  ]),
  ...passed(UDP, [
    '+0 < icmp unreachable [udp (10)]',
    '+0 < icmp unreachable [raw (10)]',
    '+0 < udp (10)\n+0 read(3, ..., 20) = 10',
    '+0 sendto(3, ..., 10, 0, ..., ...) = 10\n+0 > udp (10)',
  ]),
  [`${TCP}\n+0 < icmp packet_too_big mtu 1400 [1:1(0)]`, 'unsupported 2: ICMP type "packet_too_big" of IPv4'],
]);

table(
  'socket options that scripts set',
  [
    ['SOL_SOCKET', 'SO_REUSEADDR'],
    ['SOL_SOCKET', 'SO_SNDBUF', '10000'],
    ['SOL_SOCKET', 'SO_RCVBUF', '10000'],
    ['SOL_SOCKET', 'SO_ZEROCOPY'],
    ['SOL_SOCKET', 'SO_TIMESTAMPING', 'SOF_TIMESTAMPING_TX_ACK|SOF_TIMESTAMPING_SOFTWARE'],
    ['SOL_SOCKET', 'SO_KEEPALIVE'],
    ['SOL_SOCKET', 'SO_MARK', '666'],
    ['SOL_SOCKET', 'SO_PEEK_OFF', '5'],
    ['SOL_TCP', 'TCP_NODELAY'],
    ['SOL_TCP', 'TCP_NOTSENT_LOWAT', '1000'],
    ['SOL_TCP', 'TCP_SYNCNT', '3'],
    ['SOL_TCP', 'TCP_MAXSEG', '1000'],
    ['SOL_TCP', 'TCP_CORK'],
    ['SOL_TCP', 'TCP_INQ'],
    ['SOL_TCP', 'TCP_USER_TIMEOUT', '1000'],
    ['SOL_TCP', 'TCP_KEEPIDLE', '5'],
    ['SOL_TCP', 'TCP_KEEPINTVL', '5'],
    ['SOL_TCP', 'TCP_KEEPCNT', '5'],
    ['SOL_TCP', 'TCP_LINGER2', '5'],
    ['SOL_TCP', 'TCP_DEFER_ACCEPT', '5'],
    ['SOL_TCP', 'TCP_QUICKACK'],
    ['SOL_TCP', 'TCP_FASTOPEN', '5'],
    ['SOL_IP', 'IP_TOS', '16'],
    ['SOL_IP', 'IP_TTL', '16'],
    ['SOL_IP', 'IP_MTU_DISCOVER', 'IP_PMTUDISC_DO'],
    ['SOL_IP', 'IP_FREEBIND'],
    ['SOL_IP', 'IP_RECVERR'],
    ['SOL_IP', 'IP_RECVTTL'],
    ['SOL_IP', 'IP_RECVTOS'],
  ].map(([level, name, value = '1']) => [
    `${TCP}\n+0 setsockopt(3, ${level}, ${name}, [${value}], 4) = 0`,
    'passed',
  ]),
);

table('socket options of other systems, and of what is not here', [
  [`${TCP}\n+0 setsockopt(3, SOL_TCP, TCP_NOOPT, [1], 4) = 0`, 'unsupported 2: symbol TCP_NOOPT'],
  [`${TCP}\n+0 setsockopt(3, SOL_IPV6, IPV6_TCLASS, [1], 4) = 0`, 'unsupported 2: symbol IPV6_TCLASS'],
  [
    `${TCP}\n+0 setsockopt(3, SOL_IPV6, IPV6_UNICAST_HOPS, [1], 4) = 0`,
    'unsupported 2: symbol IPV6_UNICAST_HOPS',
  ],
  [`${TCP}\n+0 setsockopt(3, SOL_TCP, TCP_MD5SIG, [1], 4) = -1 ENOPROTOOPT (No such option)`, 'passed'],
  [`${TCP}\n+0 getsockopt(3, SOL_SOCKET, SO_RCVBUF, [131072], [4]) = 0`, 'passed'],
]);

table('system calls', [
  ...passed(TCP, [
    '+0 fcntl(3, F_GETFL) = 2\n+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n+0 fcntl(3, F_GETFL) = 0x802',
    '+0 ioctl(3, SIOCINQ, [0]) = 0\n+0 ioctl(3, SIOCOUTQ, [0]) = 0',
    '+0 poll([{fd=3, events=POLLIN|POLLOUT, revents=POLLOUT|POLLHUP}], 1, 0) = 1',
    '+0 epoll_create(1) = 4\n+0 epoll_ctl(4, EPOLL_CTL_ADD, 3, {events=EPOLLIN|EPOLLET, fd=3}) = 0',
    '+0 pipe([5, 6]) = 0\n+0 write(6, ..., 5) = 5\n+0 read(5, ..., 9) = 5',
    '+0 open("/tmp/none", O_RDONLY) = -1 ENOENT (No such file or directory)',
    '+0 shutdown(3, SHUT_RDWR) = -1 ENOTCONN (Transport endpoint is not connected)',
    '+0 setsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=5}, 8) = 0',
  ]),
  ...passed(ACCEPTED, [
    '+0 write(4, NULL, 10) = -1 EFAULT (Bad address)',
    '+0 < P. 1:11(10) ack 1 win 257\n+0 > . 1:1(0) ack 11\n+0 read(4, NULL, 10) = -1 EFAULT (Bad address)',
    '+0 < P. 1:11(10) ack 1 win 257\n+0 > . 1:1(0) ack 11\n+0 recv(4, ..., 10, MSG_PEEK) = 10\n+0 recv(4, ..., 10, MSG_TRUNC) = 10',
    '+0 send(4, ..., 5, MSG_MORE) = 5\n+0 send(4, ..., 5, MSG_EOR|MSG_NOSIGNAL) = 5\n+0 > P. 1:11(10) ack 1',
    '+0...0.1 read(4, ..., 10) = 10\n+.1 < P. 1:11(10) ack 1 win 257',
  ]),
  [`${TCP}\n+0 socketpair(1, 2, 3, 4) = 0`, 'unsupported 2: system call socketpair'],
  [`${TCP}\n+0 psp_assoc(3) = 0`, 'unsupported 2: system call psp_assoc'],
  [`${TCP}\n+0 ioctl(3, FIONBIO, [1]) = 0`, 'unsupported 2: ioctl FIONBIO'],
  [`${TCP}\n+0 splice(3, [1], 4, NULL, 1, 0) = 0`, 'unsupported 2: splice with an offset'],
]);

table('shell lines', [
  ...passed(TCP, [
    '+0 `sysctl -q net.ipv4.tcp_sack=0`',
    '+0 `../common/set_sysctls.py /proc/sys/net/ipv4/tcp_timestamps=0`',
    '+0 `ip tcp_metrics flush all > /dev/null 2>&1`',
    '+0 `sysctl -q net.ipv4.no_such=1 &> /dev/null || ip tcp_metrics flush all &> /dev/null`',
    '+0 `tc qdisc replace dev tun0 root pfifo limit 0`',
    '+0 `ethtool -K tun0 tso off gso off`',
    '+0 `ip route change 192.0.2.1 via 192.168.0.2 dev tun0 advmss 600 mtu lock 640 initcwnd 11`',
    '+0 `nstat`',
    '+0 `/bin/rm -f /tmp/a\n/bin/dd bs=1 count=5 if=/dev/zero of=/tmp/a status=none`\n+0 open("/tmp/a", O_RDONLY) = 5\n+0 read(5, ..., 9) = 5',
  ]),
  [`${TCP}\n+0 \`reboot\``, 'unsupported 2: shell command "reboot"'],
  [`${TCP}\n+0 \`dd if=/dev/sda of=/tmp/a count=1\``, 'unsupported 2: dd if=/dev/sda of=/tmp/a count=1'],
  [`${TCP}\n+0 \`reboot || halt\``, 'unsupported 2: shell command "halt"'],
]);

table('code', [
  ...passed(ACCEPTED, [
    '+0 %{ assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd }%',
    '+0 %{\nx = 1\nx += 2 # three\nassert 0 <= x <= 3\n}%',
    "+0 %{ assert (tcpi_options & TCPI_OPT_SYN_DATA) == 0, 'options %d' % tcpi_options }%",
    '+0 %{ assert tcpi_state == TCP_ESTABLISHED; assert tcpi_ca_state == TCP_CA_Open }%',
    '+0 %{ print(tcpi_rtt) }%',
  ]),
  [`${ACCEPTED}\n+0 %{ import os }%`, 'unsupported 8: code: no value for import'],
]);
