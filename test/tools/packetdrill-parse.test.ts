import t, { type Test } from 'tap';
import { readSettings } from '../../tools/packetdrill/run/settings.ts';
import { parseScript } from '../../tools/packetdrill/script/parse.ts';
import { type Script, type ScriptEvent, Unsupported } from '../../tools/packetdrill/script/script.ts';
import { formatPacket } from '../../tools/packetdrill/wire/format.ts';

const parse = (text: string, definitions: readonly (readonly [string, string])[] = []): Script =>
  parseScript('x.pkt', text, new Map(definitions));

/** The only event of a script. */
function event(text: string, definitions: readonly (readonly [string, string])[] = []): ScriptEvent {
  const { events } = parse(text, definitions);
  if (events.length !== 1) throw new Error(`${events.length} events`);
  return events[0]!;
}

/** A packet as it is printed after it was read. */
function packet(text: string, definitions: readonly (readonly [string, string])[] = []): string {
  const { action } = event(`0 ${text}`, definitions);
  if (action.kind !== 'packet') throw new Error(action.kind);
  return formatPacket(action.packet);
}

function unsupported(t: Test, text: string, line: number, reason: string): void {
  try {
    parse(text);
    t.fail(`was read: ${text}`);
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    t.strictSame([error.line, error.message], [line, reason]);
  }
}

t.test('a whole script: options, first command, events, last command', (t) => {
  const script = parse(`--local_ip=10.0.0.1 --strict_segments
// tag: slow, big
\`./defaults.sh
sysctl -q a=1\`
/* a comment
   over lines */
0 socket(..., SOCK_STREAM, 0) = 3 // rest
+.5 \`nstat\`
+0 %{ assert 1 == 1 }%
\`cleanup.sh\``);
  t.strictSame(
    [...script.options],
    [
      ['local_ip', '10.0.0.1'],
      ['strict_segments', ''],
    ],
  );
  t.strictSame(script.init, { line: 3, text: '\n./defaults.sh\nsysctl -q a=1' });
  t.strictSame(script.cleanup, { line: 10, text: 'cleanup.sh' });
  t.strictSame([...script.tags], ['slow', 'big']);
  t.strictSame(
    script.events.map(({ line, action, text }) => [line, action.kind, text]),
    [
      [7, 'syscall', 'socket(..., SOCK_STREAM, 0) = 3'],
      [8, 'command', '`nstat`'],
      [9, 'code', '%{ assert 1 == 1 }%'],
    ],
  );
  t.end();
});

t.test('times', (t) => {
  const time = (text: string) => event(`${text} close(3) = 0`).time;
  t.strictSame(time('0'), { kind: 'absolute', at: 0 });
  t.strictSame(time('1.25'), { kind: 'absolute', at: 1_250_000 });
  t.strictSame(time('+.05'), { kind: 'relative', at: 50_000 });
  t.strictSame(time('*'), { kind: 'any', at: 0 });
  t.strictSame(time('+.2~+.25'), { kind: 'relative', at: 200_000, end: 250_000 });
  t.strictSame(time('1~2'), { kind: 'absolute', at: 1_000_000, end: 2_000_000 });
  const { action } = event('+0...0.2 read(3, ..., 10) = 10');
  t.equal(action.kind === 'syscall' && action.end, 200_000);
  t.end();
});

t.test('TCP packets', (t) => {
  for (const text of [
    'S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>',
    'S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 8>',
    '. 1:1(0) ack 1 <nop,nop,sack 1001:2001 3001:4001>',
    'P. 1:1001(1000) ack 1 win 257',
    'PU. 1:11(10) ack 1 urg 10',
    'F. 1:1(0) ack 1 <...>',
    '[ect0] PW. 1:2(1) ack 1',
    '(tos 0x28) (ttl 20) . 1:1(0) ack 1',
    '- 1:1(0) win 0',
    'S 0:0(0) <FO abcd1234,nop,nop>',
    'S 0:0(0) <FOEXP,nop,nop>',
    '. 1:1(0) ack 1 <md5 000102030405060708090a0b0c0d0e0f,nop,nop>',
    '. 1:1(0) ack 1 <ECN e1b 1 ceb 2 e0b 3,nop>',
  ])
    t.equal(packet(`> ${text}`), text);
  t.equal(packet('> SEW 0:0(0)'), 'SEW 0:0(0)');
  t.equal(packet('> .5 1:1(0) ack 1'), '.5 1:1(0) ack 1', "AccECN's counter");
  t.end();
});

t.test('ports, UDP, ICMP', (t) => {
  const { action } = event('0 < 30001 > 8080 S 0:0(0) win 5');
  t.strictSame(action.kind === 'packet' && action.packet.protocol === 'tcp' && action.packet.ports, {
    source: 30001,
    destination: 8080,
  });
  t.equal(packet('> udp (1000)'), 'udp (1000)');
  t.equal(packet('< icmp unreachable [1:1001(1000)]'), 'icmp unreachable net_unreachable [1]');
  t.equal(
    packet('< icmp unreachable frag_needed mtu 1200 [1:1461(1460)]'),
    'icmp unreachable frag_needed mtu 1200 [1]',
  );
  t.equal(
    packet('< icmp unreachable port_unreachable [udp (100)]'),
    'icmp unreachable port_unreachable [udp (100)]',
  );
  t.equal(packet('< icmp echo_request id 7 (56)'), 'icmp echo_request id 7');
  t.end();
});

t.test('system calls: structs, lists, strings, functions', (t) => {
  const { action, text } = event(`+0 recvmsg(4, {msg_name(...)=...,
      msg_iov(1)=[{..., 1000}], msg_flags=MSG_TRUNC|MSG_EOR, // comment
      msg_control=[]}, 0) = -1 EAGAIN (Resource temporarily unavailable)`);
  t.equal(
    text,
    'recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 1000}], msg_flags=MSG_TRUNC|MSG_EOR, msg_control=[]}, 0) = -1 EAGAIN (Resource temporarily unavailable)',
  );
  if (action.kind !== 'syscall') throw new Error(action.kind);
  t.strictSame(action.result, { value: { kind: 'number', value: -1 }, errno: 'EAGAIN' });
  const message = action.args[1]!;
  if (message.kind !== 'struct') throw new Error(message.kind);
  t.strictSame(
    message.fields.map(({ name, size, value }) => [name, size?.kind, value.kind]),
    [
      ['msg_name', 'ellipsis', 'ellipsis'],
      ['msg_iov', 'number', 'list'],
      ['msg_flags', undefined, 'or'],
      ['msg_control', undefined, 'list'],
    ],
  );
  const bind = event(
    '0 bind(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("10.0.0.1")}, ...) = 0',
  ).action;
  t.equal(bind.kind === 'syscall' && bind.args.length, 3);
  const strings = event('0 write(3, "ab" "c\\n"..., ~5) = 0x2 (flags O_RDWR)').action;
  t.strictSame(strings.kind === 'syscall' && strings.args.slice(1), [
    { kind: 'string', value: 'abc\n', openEnded: true },
    { kind: 'not', operand: { kind: 'number', value: 5 } },
  ]);
  t.strictSame(strings.kind === 'syscall' && strings.result.value, { kind: 'number', value: 2 });
  t.strictSame(event('0 close(3) = ...').action, {
    kind: 'syscall',
    name: 'close',
    args: [{ kind: 'number', value: 3 }],
    result: { value: undefined, errno: undefined },
    end: undefined,
  });
  t.end();
});

t.test('definitions replace words, not comments, strings, commands or code', (t) => {
  const definitions = [
    ['COOKIE', 'abcd'],
    ['CODE', 'host_unreachable'],
    ['SIZE', '77'],
  ] as const;
  t.equal(packet('> S 0:0(0) <FO COOKIE,nop,nop>', definitions), 'S 0:0(0) <FO abcd,nop,nop>');
  t.equal(packet('< icmp unreachable CODE [1:1(0)]', definitions), 'icmp unreachable host_unreachable [1]');
  const { events } = parse('0 write(3, "SIZE", SIZE) = SIZE // SIZE\n+0 `echo SIZE`', definitions);
  t.strictSame(
    events.map((event) => event.text),
    ['write(3, "SIZE", 77) = 77', '`echo SIZE`'],
  );
  t.end();
});

t.test('what the language does not know is unsupported, with its line', (t) => {
  unsupported(t, '0 close(3) = 0\n+0 > psp 1 2', 2, 'packets in "psp"');
  unsupported(t, '0 > ipv4 1.1.1.1 > 2.2.2.2: . 1:1(0)', 1, 'packets in "ipv4"');
  unsupported(t, '0 < icmp packet_too_big mtu 1400 [1:1(0)]', 1, 'ICMP type "packet_too_big" of IPv4');
  unsupported(t, '0 > . 1:1(0) ack 1 <mp_capable a b>', 1, 'expected a TCP option, found "mp_capable a b>"');
  unsupported(t, '0 > (flowlabel 0x1) . 1:1(0)', 1, 'flow labels, which only IPv6 has');
  unsupported(t, '\n\n0 close(3', 3, 'expected ")", found the end');
  unsupported(t, '0 close(3) = 0\nclose(3) = 0', 2, 'expected a time, found "close(3) = 0"');
  t.end();
});

t.test('options of a script', (t) => {
  const settings = readSettings(
    parse(
      '--local_ip=10.1.2.3 --remote_ip=10.9.9.9 --netmask_ip=255.255.255.0 --mss=1000 --tolerance_usecs=7000 --tcp_ts_tick_usecs=1000',
    ),
    4000,
  );
  t.match(settings, {
    localAddress: 0x0a010203,
    remoteAddress: 0x0a090909,
    prefixLength: 24,
    segmentSize: 1000,
    tolerance: 7000,
    timestampTick: 1000,
    bindPort: 8080,
    connectPort: 8080,
  });
  t.equal(readSettings(parse(''), 4000).tolerance, 4000);
  t.throws(() => readSettings(parse('--ip_version=ipv6'), 0), new Unsupported(1, '--ip_version=ipv6'));
  t.throws(() => readSettings(parse('--nonsense=1'), 0), new Unsupported(1, 'option --nonsense'));
  t.end();
});
