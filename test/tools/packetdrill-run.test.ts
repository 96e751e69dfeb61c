import t from 'tap';
import { ACK, PSH } from '../../tools/packetdrill/script/packet-spec.ts';
import { buildTcp } from '../../tools/packetdrill/wire/build.ts';
import {
  datagram,
  EPHEMERAL,
  FakeBackend,
  ISN,
  LOCAL,
  OPENING,
  play,
  REMOTE,
  segment,
  server,
  tcpOf,
} from './packetdrill-fake.ts';

const SECOND = 1_000_000;
/** The stack's next sequence number on the wire, so far behind its first. */
const live = (offset: number): number => (ISN + offset) >>> 0;

t.test('sequence numbers, ports and windows are put on the right scale', async (t) => {
  const fake = server((fake, tcp) => {
    if (tcp.payload.length > 0)
      fake.send(segment({ flags: ACK, seq: live(1), ack: tcp.seq + 100, window: 42 }));
  });
  const { verdict, reason } = await play(
    `${OPENING}+.1 < P. 1:101(100) ack 1 win 9\n+0 > . 1:1(0) ack 101 win 42`,
    fake,
  );
  t.equal(reason, '');
  t.equal(verdict, 'passed');
  const [syn, ack, data] = fake.injected.map(({ packet }) => tcpOf(packet));
  t.match(syn, { sourcePort: 40001, destinationPort: 8080, seq: 0, ack: 0, flags: 2, window: 1000 });
  t.match(ack, { seq: 1, ack: live(1), flags: 16 });
  t.match(data, { seq: 1, ack: live(1), flags: 24, window: 9 });
  t.equal(data!.payload.length, 100);
  t.match(fake.injected[2]!, { time: 100_000, packet: { source: REMOTE, destination: LOCAL } });
  t.strictSame(
    fake.calls.map((call) => call.name),
    ['socket', 'bind', 'listen'],
  );
  t.match(fake.calls[1], { fd: 100, address: { family: 2, address: LOCAL, port: 8080 } });
  t.equal(fake.asked.at(-1), 'close');
});

t.test(
  'a client: the port and the numbers are learned from the SYN; SYN packets have absolute numbers',
  async (t) => {
    const fake = new FakeBackend();
    const from = { sourcePort: EPHEMERAL, destinationPort: 8080 };
    fake.onCall = (request) => {
      if (request.name === 'connect') {
        fake.send(segment({ ...from, flags: 2, seq: ISN }));
        return { ret: -115 };
      }
      return { ret: 7 };
    };
    fake.onPacket = (packet) =>
      fake.send(segment({ ...from, flags: ACK, seq: live(1), ack: tcpOf(packet).seq + 1 }));
    const { verdict, reason } = await play(
      `0 socket(..., SOCK_STREAM, 0) = 3
     +0 connect(3, ..., ...) = -1 EINPROGRESS (now)
     +0 > S 500:500(0)
     +0 < S. 1000:1000(0) ack 501 win 10
     +0 > . 1:1(0) ack 1`,
      fake,
    );
    t.strictSame([verdict, reason], ['passed', '']);
    t.match(tcpOf(fake.injected[0]!.packet), { destinationPort: EPHEMERAL, sourcePort: 8080, ack: live(1) });
  },
);

t.test('a packet that differs: the field, both packets, the trace', async (t) => {
  const outcome = await play(
    `${OPENING}+0 close(3) = 0\n+0 > F. 1:1(0) ack 1`,
    withClose({ flags: 0x14, window: 0 }),
  );
  t.strictSame(
    [outcome.verdict, outcome.line, outcome.reason],
    ['failed', 8, 'outbound packet: TCP flags: expected F., actual R.'],
  );
  t.strictSame(outcome.details, [
    'script packet: 0.000000 F. 1:1(0) ack 1',
    'actual packet: 0.000000 R. 1:1(0) ack 1 win 0',
  ]);
  t.strictSame(outcome.trace.last(3), [
    '   0.000000    6: < . 1:1(0) ack 1 win 1000',
    '   0.000000    7: close(3) = 0',
    '   0.000000    8: > R. 1:1(0) ack 1 win 0',
  ]);
});

/** A server that sends one segment when the script closes. */
function withClose(fields: Parameters<typeof segment>[0], delay = 0): FakeBackend {
  const fake = server();
  fake.onCall = (request) => {
    if (request.name === 'close') fake.send(segment({ seq: live(1), ack: 1, ...fields }), delay);
    return { ret: request.name === 'socket' ? 5 : 0 };
  };
  return fake;
}

t.test('each field is compared', async (t) => {
  const base = { flags: ACK, window: 10 };
  for (const [fields, expected, complaint] of [
    [{ ...base, seq: live(2) }, '. 1:1(0) ack 1', 'TCP sequence number: expected 1, actual 2'],
    [{ ...base, ack: 3 }, '. 1:1(0) ack 1', 'TCP acknowledgement number: expected 1, actual 3'],
    [base, '. 1:1(0) ack 1 win 11', 'TCP window: expected 11, actual 10'],
    [{ ...base, urgent: 4 }, '. 1:1(0) ack 1', 'TCP urgent pointer: expected 0, actual 4'],
    [{ ...base, length: 5 }, '. 1:1(0) ack 1', 'TCP payload length: expected 0, actual 5'],
    [
      { ...base, options: [{ kind: 'nop' }, { kind: 'nop' }, { kind: 'nop' }, { kind: 'nop' }] },
      '. 1:1(0) ack 1',
      'TCP options: expected none, actual <nop,nop,nop,nop>',
    ],
    [base, '[ect0] . 1:1(0) ack 1', 'IP ECN: expected 2, actual 0'],
    [base, '(ttl 63) . 1:1(0) ack 1', 'IP TTL: expected 63, actual 64'],
    [base, '(tos 0x10) . 1:1(0) ack 1', 'IP TOS: expected 16, actual 0'],
  ] as const) {
    const { reason } = await play(`${OPENING}+0 close(3) = 0\n+0 > ${expected}`, withClose(fields));
    t.equal(reason, `outbound packet: ${complaint}`);
  }
  const ok = await play(
    `${OPENING}+0 close(3) = 0\n+0 > [noecn] (ttl 64) . 1:1(0) ack 1 <...>`,
    withClose(base),
  );
  t.equal(ok.verdict, 'passed');
});

t.test('segments are taken together, unless --strict_segments', async (t) => {
  const burst = (): FakeBackend => {
    const fake = server();
    fake.onCall = (request) => {
      if (request.name === 'close')
        for (const [seq, length, flags] of [
          [1, 1000, ACK],
          [1001, 1000, ACK | PSH],
          [2001, 500, ACK | PSH],
        ] as const)
          fake.send(segment({ flags, seq: live(seq), ack: 1, length }));
      return { ret: request.name === 'socket' ? 5 : 0 };
    };
    return fake;
  };
  const script = `${OPENING}+0 close(3) = 0\n+0 > P. 1:2501(2500) ack 1`;
  t.equal((await play(script, burst())).reason, '');
  t.equal(
    (await play(`--strict_segments\n${script}`, burst())).reason,
    'outbound packet: TCP flags: expected P., actual .',
  );
  t.equal((await play(script.replace('2501(2500)', '2001(2000)'), burst())).reason, '', 'the rest may stay');
  const more = await play(script.replace('2501(2500)', '3001(3000)'), burst());
  t.equal(more.reason, 'outbound packet: TCP payload length: expected 3000, actual 2500');
});

t.test('time: 4 ms, or an eighth of the distance; ranges; any time', async (t) => {
  const run = async (when: string, delay: number): Promise<string> =>
    (await play(`${OPENING}+0 close(3) = 0\n${when} > . 1:1(0) ack 1`, withClose({ flags: ACK }, delay)))
      .reason;
  t.equal(await run('+.010', 14_000), '');
  t.equal(await run('+.010', 6000), '');
  t.equal(
    await run('+.010', 14_001),
    'outbound packet: timing: expected at 0.010000 s, actual 0.014001 s, tolerance 0.004000 s',
  );
  t.match(await run('+.010', 5999), /timing/);
  t.equal(await run('+1', 1_125_000), '');
  t.match(await run('+1', 1_125_001), /tolerance 0.125000 s/);
  t.equal(await run('+.1~+.2', 200_000 + 12_500), '');
  t.match(await run('+.1~+.2', 212_501), /expected at 0.100000~0.200000 s/);
  t.equal(await run('*', 100 * SECOND), '');
  t.match(await run('+0', 1_999_999), /timing/);
  t.equal(await run('+0', 2_000_001), 'outbound packet: none came', 'given up after two seconds');
});

t.test('times count from when the packet before came; inbound packets keep their distance', async (t) => {
  const fake = withClose({ flags: ACK }, 1_100_000);
  const { verdict } = await play(
    `${OPENING}+0 close(3) = 0\n+1 > . 1:1(0) ack 1\n+1 < . 1:1(0) ack 1 win 5\n+1 < . 1:1(0) ack 1 win 6\n5 < . 1:1(0) ack 1 win 7`,
    fake,
  );
  t.equal(verdict, 'passed');
  t.strictSame(
    fake.injected.slice(2).map(({ time }) => time),
    [2_100_000, 3_100_000, 5_000_000],
  );
});

t.test('timestamps: the echo is what the stack sent where the script has that value', async (t) => {
  const stamped = (val: number, ecr: number) =>
    [{ kind: 'nop' }, { kind: 'nop' }, { kind: 'TS', val, ecr }] as const;
  const make = (): FakeBackend => {
    const fake = server((fake, tcp) => {
      if (tcp.payload.length > 0)
        fake.send(segment({ flags: ACK, seq: live(1), ack: 11, options: stamped(777_050, 7) }));
    });
    return fake;
  };
  const data =
    '+.05 < P. 1:11(10) ack 1 win 9 <nop,nop,TS val 7 ecr 0>\n+0 > . 1:1(0) ack 11 <nop,nop,TS val 50 ecr 7>\n';
  const fake = make();
  const outcome = await play(`${OPENING}${data}+0 < . 11:11(0) ack 1 win 9 <nop,nop,TS val 8 ecr 50>`, fake);
  t.equal(outcome.reason, '');
  t.match(tcpOf(fake.injected.at(-1)!.packet).options[2], { kind: 'TS', val: 8, ecr: 777_050 });
  const unknown = await play(
    `${OPENING}${data}+0 < . 11:11(0) ack 1 win 9 <nop,nop,TS val 8 ecr 51>`,
    make(),
  );
  t.equal(unknown.reason, 'inbound packet: TS ecr 51: no packet with TS val 51 was expected before');
  const scaled = make();
  await play(
    `--tcp_ts_ecr_scaled\n${OPENING}${data}+0 < . 11:11(0) ack 1 win 9 <nop,nop,TS val 8 ecr 51>`,
    scaled,
  );
  t.match(tcpOf(scaled.injected.at(-1)!.packet).options[2], { ecr: 777_051 });
  const ticks = async (second: number): Promise<string> =>
    (
      await play(
        `--tcp_ts_tick_usecs=1000\n${OPENING}${data}+.05 < P. 1:11(10) ack 1 win 9 <nop,nop,TS val 7 ecr 50>\n+0 > . 1:1(0) ack 11 <nop,nop,TS val ${second} ecr 7>`,
        make(),
      )
    ).reason;
  t.equal(await ticks(50), '', 'the clock of the fake stands still');
  t.equal(await ticks(54), '', 'within the tolerance');
  t.equal(await ticks(55), 'outbound packet: TCP timestamp: expected 55, actual 50');
});

t.test('results of system calls', async (t) => {
  const run = async (
    line: string,
    result: { readonly ret: number } & Record<string, unknown>,
  ): Promise<string> => {
    const fake = new FakeBackend();
    fake.onCall = (request) => (request.name === 'socket' ? { ret: 50 } : result);
    return (await play(`0 socket(..., SOCK_STREAM, 0) = 3\n+0 ${line}`, fake)).reason;
  };
  t.equal(await run('listen(3, 1) = 0', { ret: 0 }), '');
  t.equal(await run('listen(3, 1) = ...', { ret: -98 }), '');
  t.equal(await run('listen(3, 1) = 0', { ret: -98 }), 'listen: expected 0, actual -1 EADDRINUSE');
  t.equal(
    await run('listen(3, 1) = -1 EINVAL (x)', { ret: -98 }),
    'listen: expected -1 EINVAL, actual -1 EADDRINUSE',
  );
  t.equal(await run('listen(3, 1) = -1 EINVAL (x)', { ret: 0 }), 'listen: expected -1 EINVAL, actual 0');
  t.equal(await run('write(3, ..., 9) = 9', { ret: 8 }), 'write: expected 9, actual 8');
  t.equal(
    await run('ioctl(3, SIOCINQ, [5]) = 0', { ret: 0, value: 4 }),
    'ioctl: value: expected 5, actual 4',
  );
  t.equal(
    await run('getsockopt(3, SOL_SOCKET, SO_SNDBUF, [5], [4]) = 0', { ret: 0, option: 4 }),
    'getsockopt: option value: expected 5, actual 4',
  );
  t.equal(
    await run('getsockopt(3, SOL_TCP, TCP_CONGESTION, "cu"..., [16]) = 0', { ret: 0, option: 'cubic' }),
    '',
  );
  t.equal(
    await run('poll([{fd=3, events=POLLIN, revents=POLLIN}], 1, 0) = 1', { ret: 1, revents: [5] }),
    'poll: revents of entry 0: expected 0x1, actual 0x5',
  );
  t.equal(
    await run('epoll_wait(3, {events=EPOLLIN, fd=7}, 1, 0) = 1', { ret: 1, epoll: [{ events: 1, data: 8 }] }),
    'epoll_wait: data of entry 0: expected 7, actual 8',
  );
  t.equal(
    await run('recvmsg(3, {msg_name(...)=..., msg_iov(1)=[{..., 5}], msg_flags=MSG_TRUNC}, 0) = 5', {
      ret: 5,
      messageFlags: 0,
    }),
    'recvmsg: msg_flags: expected 32, actual 0',
  );
  const cmsg =
    'recvmsg(3, {msg_name(...)=..., msg_iov(1)=[{..., 5}], msg_flags=0, msg_control=[{cmsg_level=SOL_TCP, cmsg_type=TCP_CM_INQ, cmsg_data=9}]}, 0) = 5';
  const control = [{ level: 6, type: 36, data: Uint8Array.of(9, 0, 0, 0) }];
  t.equal(await run(cmsg, { ret: 5, messageFlags: 0, control }), '');
  t.equal(
    await run(cmsg, { ret: 5, messageFlags: 0, control: [] }),
    'recvmsg: control messages: expected 1, actual 0',
  );
  t.equal(
    await run(cmsg.replace('=9', '=8'), { ret: 5, messageFlags: 0, control }),
    'recvmsg: control message 0: data: expected 8, actual 9',
  );
});

t.test('blocking calls: when they return, what they give, and that they do', async (t) => {
  const run = async (text: string, blockFor: number): Promise<[string, FakeBackend]> => {
    const fake = server();
    fake.blockFor = blockFor;
    return [(await play(`${OPENING}${text}`, fake)).reason, fake];
  };
  const accept = '+.1...0.3 accept(3, ..., ...) = 4\n';
  t.equal((await run(accept, 200_000))[0], '');
  t.match(
    (await run(accept, 230_000))[0],
    /^accept: return of the call: timing: expected at 0.300000 s, actual 0.330000 s, tolerance 0.025000 s/,
  );
  t.equal((await run(accept, 5 * SECOND))[0], 'accept: the call still blocks');
  const [reason, fake] = await run(`${accept}+.2 write(4, ..., 5) = 0`, 200_000);
  t.equal(reason, '', 'the descriptor is known to the call behind it');
  t.match(fake.calls.at(-1), { name: 'write', fd: 100 });
  const blocks = server();
  blocks.onCall = (request) => (request.name === 'accept' ? undefined : { ret: 5 });
  t.match(
    (await play(`${OPENING.replaceAll('= 0\n', '= 5\n')}+0 accept(3, ..., ...) = 4`, blocks)).reason,
    'accept: the call blocks',
  );
});

t.test('arguments reach the stack in numbers', async (t) => {
  const fake = new FakeBackend();
  fake.onCall = (request) => ({ ret: request.name === 'socket' ? 60 : 0 });
  const outcome = await play(
    `0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3
     +0 setsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=5}, 8) = 0
     +0 setsockopt(3, SOL_SOCKET, SO_RCVTIMEO, {tv_sec=1, tv_usec=5}, 16) = 0
     +0 setsockopt(3, SOL_TCP, TCP_CONGESTION, "reno", 4) = 0
     +0 sendto(3, NULL, 10, MSG_FASTOPEN, ..., ...) = 0
     +0 sendmsg(3, {msg_name(...)=..., msg_iov(2)=[{..., 3}, {..., 4}], msg_flags=0}, MSG_EOR) = 0
     +0 epoll_ctl(3, EPOLL_CTL_ADD, 3, {events=EPOLLIN|EPOLLET, u64=99}) = 0
     +0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
     +0 close(9) = 0`,
    fake,
  );
  t.equal(outcome.reason, '');
  t.strictSame(fake.calls.slice(0, 4), [
    { name: 'socket', domain: 2, type: 0o4001, protocol: 6 },
    { name: 'setsockopt', fd: 60, level: 1, option: 13, value: { onoff: 1, linger: 5 }, length: 8 },
    { name: 'setsockopt', fd: 60, level: 1, option: 20, value: { seconds: 1, microseconds: 5 }, length: 16 },
    { name: 'setsockopt', fd: 60, level: 6, option: 13, value: 'reno', length: 4 },
  ]);
  t.match(fake.calls[4], {
    name: 'sendto',
    flags: 0x20000000,
    chunks: [{ length: 10, data: null }],
    address: { family: 2, address: REMOTE, port: 8080 },
  });
  t.match(fake.calls[5], {
    name: 'sendmsg',
    flags: 0x80,
    address: undefined,
    chunks: [{ length: 3 }, { length: 4 }],
  });
  t.match(fake.calls[6], { epfd: 60, fd: 60, operation: 1, event: { events: 0x80000001, data: 99 } });
  t.match(fake.calls[7], { command: 4, value: 0o4002 });
  t.match(fake.calls[8], { name: 'close', fd: -1 });
});

t.test('code sees tcp_info of the connection, and keeps its variables', async (t) => {
  const fake = server();
  fake.info = new Map([['tcpi_snd_cwnd', 10]]);
  const good = await play(
    `${OPENING}+0 accept(3, ..., ...) = 4
     +0 %{ before = tcpi_snd_cwnd }%
     +0 %{ assert tcpi_snd_cwnd == before; assert TCP_CA_Loss == 4; print('cwnd', before) }%`,
    fake,
  );
  t.equal(good.reason, '');
  t.equal(fake.asked.filter((line) => line === 'info 100').length, 2);
  t.match(good.trace.last(2)[0], /cwnd 10$/);
  const bad = await play(`${OPENING}+0 %{ assert tcpi_snd_cwnd == 11, tcpi_snd_cwnd }%`, fake);
  t.strictSame(
    [bad.verdict, bad.line, bad.reason, bad.details],
    ['failed', 7, 'assert tcpi_snd_cwnd == 11: 10', ['tcpi_snd_cwnd = 10']],
  );
  const unknown = await play(`${OPENING}+0 %{ assert tcpi_wonder }%`, fake);
  t.strictSame(
    [unknown.verdict, unknown.line, unknown.reason],
    ['unsupported', 7, 'code: no value for tcpi_wonder'],
  );
});

t.test('shell: a closed table', async (t) => {
  const fake = new FakeBackend();
  const outcome = await play(
    `\`../common/defaults.sh
../common/set_sysctls.py /proc/sys/net/ipv4/tcp_ecn=1 /proc/sys/net/ipv4/tcp_sack=0
sysctl -q net/ipv4/tcp_mem_="4096 $((32*1024)) $((2*3+1))" > /dev/null 2>&1
tc qdisc replace dev tun0 root pfifo limit 0; ethtool -K tun0 tso off gso off
ip route change 192.0.2.1 via 192.168.0.2 dev tun0 advmss 600 mtu lock 640 initcwnd 11
echo 3 > /sys/module/tcp_cubic/parameters/hystart_detect
ip tcp_metrics flush all\`
     0 \`grep " 0A " /proc/net/tcp | grep ":1F90"\`
     \`/tmp/sysctl_restore_\${PPID}.sh\``,
    fake,
  );
  t.equal(outcome.reason, '');
  t.ok(fake.asked.includes('net.ipv4.tcp_rmem=4096 540000 15728640'));
  t.strictSame(fake.asked.slice(fake.asked.indexOf('net.ipv4.tcp_ecn=1')), [
    'net.ipv4.tcp_ecn=1',
    'net.ipv4.tcp_sack=0',
    'net.ipv4.tcp_mem_=4096 32768 7',
    'qdisc pfifo 0',
    'offload tso false',
    'offload gso false',
    'route {"to":"192.0.2.1","metrics":{"advmss":"600","mtu":"640","initcwnd":"11"},"mtuLocked":true}',
    'module.tcp_cubic.hystart_detect=3',
    'flush',
    'close',
  ]);
});

t.test('shell: counters that moved, and what is not known', async (t) => {
  const fake = new FakeBackend();
  fake.counts = new Map([['TcpExtA', 1]]);
  fake.onCall = () => {
    fake.counts = new Map([['TcpExtA', 2]]);
    return { ret: 0 };
  };
  const text = '0 `nstat`\n+0 close(3) = 0\n+0 `nstat | grep TcpExtA`\n';
  t.equal((await play(text, fake)).reason, '');
  fake.counts = new Map([['TcpExtA', 1]]);
  const still = await play(`${text}+0 \`nstat | grep TcpExtA\``, fake);
  t.strictSame([still.verdict, still.line, still.reason], ['failed', 4, 'no counter TcpExtA moved']);
  const listens = await play('0 `grep " 0A " /proc/net/tcp | grep ":0050"`');
  t.equal(listens.reason, 'nobody listens on port 80');
  const shell = await play('0 close(3) = 0\n+0 `rm -rf x`');
  t.strictSame([shell.verdict, shell.line, shell.reason], ['unsupported', 2, 'shell command "rm -rf x"']);
  const lacking = new FakeBackend();
  lacking.knows = () => false;
  const sysctl = await play('0 `sysctl -q net.ipv4.nosuch=1`', lacking);
  t.strictSame([sysctl.verdict, sysctl.reason], ['unsupported', 'sysctl net.ipv4.nosuch=1']);
  t.equal((await play('0 `sysctl -e -q net.ipv4.nosuch=1`', lacking)).verdict, 'passed');
});

t.test('what is unsupported says so, and ends the backend', async (t) => {
  for (const [text, line, reason] of [
    ['--ip_version=ipv6\n0 close(3) = 0', 1, '--ip_version=ipv6'],
    ['0 close(3) = 0\n+0 mmap(3) = 0', 2, 'system call mmap'],
    ['0 socket(AF_INET6, SOCK_STREAM, 0) = 3', 1, 'AF_INET6'],
    ['0 setsockopt(3, SOL_TCP, TCP_NOSUCH, [1], 4) = 0', 1, 'symbol TCP_NOSUCH'],
    ['0 listen(3) = 0', 1, 'listen with 1 arguments'],
    ['0 close(3) = -1 ENOSUCH (x)', 1, 'errno ENOSUCH'],
  ] as const) {
    const outcome = await play(text);
    t.strictSame([outcome.verdict, outcome.line, outcome.reason], ['unsupported', line, reason]);
  }
});

t.test('packets of others pass by; broken ones do not', async (t) => {
  const fake = withClose({ flags: ACK }, 10);
  fake.send(Uint8Array.of(0x60, 0, 0, 0), 0);
  const inner = fake.onPacket;
  fake.onPacket = (packet) => {
    fake.send(segment({ flags: ACK, sourcePort: 1, destinationPort: 2 }));
    inner(packet);
  };
  t.equal((await play(`${OPENING}+0 close(3) = 0\n+0 > . 1:1(0) ack 1`, fake)).reason, '');
  const broken = server();
  broken.onCall = (request) => {
    if (request.name === 'close') broken.send(segment({ flags: ACK }).with(32, 0x40));
    return { ret: request.name === 'socket' ? 5 : 0 };
  };
  const outcome = await play(`${OPENING}+0 close(3) = 0\n+0 > . 1:1(0) ack 1`, broken);
  t.equal(outcome.reason, 'outbound packet: malformed: TCP header length 16 in a segment of 20 bytes');
});

t.test('UDP, explicit ports, and failures that are not fatal', async (t) => {
  const fake = new FakeBackend();
  fake.onCall = (request) => {
    if (request.name === 'write') fake.send(datagram(100));
    return { ret: request.name === 'socket' ? 5 : request.name === 'write' ? 100 : 0 };
  };
  const outcome = await play(
    `0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3
     +0 connect(3, ..., ...) = 0
     +0 write(3, ..., 100) = 100
     +0 > udp (100)
     +0 < udp (7)
     +0 < 9000 > 8081 udp (8)`,
    fake,
  );
  t.equal(outcome.reason, '');
  t.match(
    fake.injected.map(({ packet }) => packet.transport),
    [
      { sourcePort: 8080, destinationPort: EPHEMERAL },
      { sourcePort: 9000, destinationPort: 8081 },
    ],
  );
  const lenient = await play('--non_fatal=syscall\n0 close(3) = 5\n+0 listen(3, 1) = 0');
  t.equal(lenient.verdict, 'passed');
  t.match(lenient.trace.entries[1], { line: 2, text: 'not fatal: close: expected 5, actual 0' });
});

t.test('a large inbound packet is one packet', async (t) => {
  const fake = server();
  t.equal((await play(`--mss=1000\n${OPENING}+0 < . 1:10001(10000) ack 1 win 5`, fake)).reason, '');
  t.equal(fake.injected.at(-1)!.packet.bytes.length, 10_040);
  t.equal(fake.config?.segmentSize, 1000);
  const unpadded = await play(`${OPENING}+0 < . 1:1(0) ack 1 win 5 <nop>`, server());
  t.match(unpadded.reason, /^inbound packet: TCP options of 1 bytes/);
  t.throws(() =>
    buildTcp(
      { source: 0, destination: 0, tos: 0, ttl: 0 },
      { ...tcpOf(fake.injected[0]!.packet), length: 70_000 },
    ),
  );
});
