import t from 'tap';
import { SimBackend } from '../../tools/packetdrill/backends/sim/backend.ts';
import { type Outcome, runScript } from '../../tools/packetdrill/run/runner.ts';
import { Shell } from '../../tools/packetdrill/run/shell.ts';
import { parseScript } from '../../tools/packetdrill/script/parse.ts';
import { Unsupported } from '../../tools/packetdrill/script/script.ts';
import { decodePacket } from '../../tools/packetdrill/wire/live-packet.ts';

const CONFIG = {
  localAddress: 0xc0a80001,
  remoteAddress: 0xc0000201,
  prefixLength: 16,
  mtu: 1500,
  segmentSize: undefined,
};

/** Runs a script's text; the backend it ran on. */
async function play(text: string): Promise<{ outcome: Outcome; backend: SimBackend }> {
  let backend: SimBackend | undefined;
  const outcome = await runScript(
    parseScript('x.pkt', text, new Map()),
    (config) => {
      backend = new SimBackend(config);
      return backend;
    },
    { tolerance: 4000 },
  );
  return { outcome, backend: backend! };
}

/** An accepted connection, descriptor 4. */
const ACCEPTED = `
 0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>
+0 > S. 0:0(0) ack 1 <...>
+.01 < . 1:1(0) ack 1 win 257
+0 accept(3, ..., ...) = 4
`;

t.test('time stands still until it is asked to go on', (t) => {
  const backend = new SimBackend(CONFIG);
  const start = backend.now();
  backend.advanceTo(start + 1500);
  t.equal(backend.now(), start + 1500);
  backend.advanceTo(start);
  t.equal(backend.now(), start + 1500, 'the past is now');
  t.equal(backend.takeOutbound(start + 2000), undefined);
  t.equal(backend.now(), start + 2000);
  backend.close();
  backend.close();
  t.end();
});

t.test('what the stack sends has the time when it was sent', (t) => {
  const backend = new SimBackend(CONFIG);
  const start = backend.now();
  const fd = backend.call({ name: 'socket', domain: 2, type: 1, protocol: 6 })!.ret;
  const pending = backend.callBlocking({
    name: 'connect',
    fd,
    address: { family: 2, address: CONFIG.remoteAddress, port: 8080 },
  });
  t.equal(backend.takeOutbound(start)?.time, start);
  const again = backend.takeOutbound(start + 2_000_000)!;
  t.equal(again.time, start + 1_000_000, 'the SYN once more');
  t.equal(decodePacket(again.bytes).destination, CONFIG.remoteAddress);
  t.equal(pending.finished(start + 1_500_000), undefined, 'it still waits');
  backend.close();
  t.end();
});

t.test('a call that blocks returns in its own time', async (t) => {
  const { outcome } = await play(`${ACCEPTED}
+0...0.2 read(4, ..., 1000) = 500
+.2 < P. 1:501(500) ack 1 win 257
+0 > . 1:1(0) ack 501
`);
  t.equal(outcome.verdict, 'passed', outcome.reason);
});

t.test('a call that blocks and is not written so is a failure', async (t) => {
  const { outcome } = await play(`${ACCEPTED}
+0 read(4, ..., 1000) = 500
`);
  t.match(outcome, { verdict: 'failed', reason: /blocks/ });
});

t.test('large packets are segmented, and come in joined', async (t) => {
  const { outcome } = await play(`--mss=1000
--strict_segments
${ACCEPTED}
+0 write(4, ..., 2000) = 2000
+0 > . 1:1001(1000) ack 1
+0 > P. 1001:2001(1000) ack 1
+.01 < P. 1:4001(4000) ack 2001 win 257
+0 > . 2001:2001(0) ack 4001
`);
  t.equal(outcome.verdict, 'passed', outcome.reason);
});

t.test('a queue without room drops all', async (t) => {
  const { outcome } = await play(`${ACCEPTED}
+0 \`tc qdisc replace dev tun0 root pfifo limit 0\`
+0 write(4, ..., 1000) = 1000
+.05 \`tc qdisc replace dev tun0 root pfifo\`
+0 close(3) = 0
+0~+1 > P. 1:1001(1000) ack 1
`);
  t.equal(outcome.verdict, 'passed', outcome.reason);
});

t.test('settings, routes, counters, listeners, metrics of a connection', async (t) => {
  const { outcome } =
    await play(`\`ip route change 192.0.2.1 via 192.168.0.2 advmss 600 mtu lock 640 initcwnd 11
ethtool -K tun0 tso off gso off
echo 3 > /sys/module/tcp_cubic/parameters/hystart_detect
sysctl -q net.ipv4.tcp_timestamps=0
ip tcp_metrics flush all
nstat\`
${ACCEPTED}
+0 \`grep " 0A " /proc/net/tcp | grep ":1F90"
nstat | grep TcpPassiveOpens\`
+0 %{ assert tcpi_advmss == 600, tcpi_advmss
assert tcpi_snd_mss == 600
assert tcpi_snd_cwnd == 11
assert tcpi_state == TCP_ESTABLISHED }%
`);
  t.equal(outcome.verdict, 'passed', outcome.reason);
});

t.test('what it can not do is unsupported', async (t) => {
  const backend = new SimBackend(CONFIG);
  t.throws(() => backend.qdisc('netem', undefined), Unsupported);
  t.throws(() => backend.route({ to: 'default', metrics: { features: '1' }, mtuLocked: false }), Unsupported);
  t.equal(backend.sysctl('net.ipv4.no_such_thing', '1'), false);
  t.equal(backend.sysctl('net.ipv4.tcp_congestion_control', 'no_such_thing'), false);
  t.equal(backend.sysctl('net.ipv4.tcp_congestion_control', 'reno'), true);
  t.equal(backend.sysctl('module.tcp_cubic.hystart_detect', '9'), false);
  t.equal(backend.tcpInfo(77), undefined);
  t.equal(backend.listening(8080), false);
  await new Shell(backend).defaults();
  t.equal(backend.stack.sysctl.get('net.ipv4.tcp_syn_retries'), '5');
  backend.close();
});
