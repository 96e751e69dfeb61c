import { Registry } from 'prom-client';
import t from 'tap';
import { AF_INET, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM } from '../../../stack/socket/abi.ts';
import { SocketAddress } from '../../../stack/socket/address.ts';
import { parseIpv4 } from '../../../stack/wire/address.ts';
import { IPPROTO_ICMP } from '../../../stack/wire/ipv4.ts';
import { METHODS } from '../../../tools/control/methods.ts';
import { bench, datagram, icmp, inject, rawStack } from '../ip/harness.ts';

/** The samples of a text whose lines begin so. */
function lines(text: string, prefix: string): string[] {
  return text.split('\n').filter((line) => line.startsWith(prefix));
}

function inet(address: string, port: number): SocketAddress {
  return new SocketAddress(AF_INET, parseIpv4(address), port);
}

t.test('counters of protocols, devices and drops', async (t) => {
  const on = bench();
  const { stack, dev } = rawStack(on);
  inject(stack, dev, datagram({ payload: icmp(8, 0, 0x00010001) }));
  inject(stack, dev, datagram({ protocol: 6, payload: Buffer.alloc(4) }));
  const text = await stack.metrics();
  t.match(text, '# TYPE tapir_netstat_Ip_InReceives counter');
  t.match(text, '# TYPE tapir_netstat_Tcp_CurrEstab gauge');
  t.strictSame(lines(text, 'tapir_netstat_Ip_InReceives'), ['tapir_netstat_Ip_InReceives 2']);
  t.strictSame(lines(text, 'tapir_netstat_Icmp_OutEchoReps'), ['tapir_netstat_Icmp_OutEchoReps 1']);
  t.strictSame(lines(text, 'tapir_netstat_Ip_DefaultTTL'), ['tapir_netstat_Ip_DefaultTTL 64']);
  t.strictSame(lines(text, 'tapir_network_receive_packets_total'), [
    'tapir_network_receive_packets_total{device="lo"} 0',
    'tapir_network_receive_packets_total{device="tun0"} 2',
  ]);
  t.strictSame(lines(text, 'tapir_drops_total'), ['tapir_drops_total{reason="tcp_header"} 1']);
  t.strictSame(lines(text, 'tapir_dns_total'), [], 'nobody asked for dns');
  t.equal(await stack.metrics(), text, 'asking again counts nothing twice');
  t.equal(
    await METHODS['metrics.show']!.invoke(stack, {}, { emit: () => {}, signal: AbortSignal.abort() }),
    text,
  );
  stack.close();
});

t.test('sockets by protocol and state, the pool, dns', async (t) => {
  const on = bench();
  const { stack } = rawStack(on);
  const { sockets } = stack;
  const listener = sockets.socket(AF_INET, SOCK_STREAM, 0);
  t.equal(sockets.bind(listener, inet('192.0.2.1', 80)), 0);
  t.equal(sockets.listen(listener, 5), 0);
  const udp = sockets.socket(AF_INET, SOCK_DGRAM, 0);
  t.equal(sockets.bind(udp, inet('0.0.0.0', 53)), 0);
  sockets.socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
  const text = await stack.metrics();
  t.strictSame(lines(text, 'tapir_sockets'), [
    'tapir_sockets{protocol="tcp",state="LISTEN"} 1',
    'tapir_sockets{protocol="udp",state="UNCONN"} 1',
    'tapir_sockets{protocol="raw",state="UNCONN"} 1',
  ]);
  t.strictSame(lines(text, 'tapir_pool_slots{size="large"'), [
    'tapir_pool_slots{size="large",state="free"} 8',
    'tapir_pool_slots{size="large",state="used"} 0',
  ]);
  t.ok(stack.dns);
  t.strictSame(lines(await stack.metrics(), 'tapir_dns_total{kind="queries"'), [
    'tapir_dns_total{kind="queries"} 0',
  ]);
  stack.close();
});

t.test('a registry a stack, which users merge with their own', async (t) => {
  const on = bench();
  const { stack } = rawStack(on);
  const other = rawStack(on).stack;
  t.not(stack.metricsRegistry, other.metricsRegistry);
  t.equal(stack.metricsRegistry, stack.metricsRegistry);
  const merged = Registry.merge([new Registry(), stack.metricsRegistry]);
  t.match(await merged.metrics(), 'tapir_network_up{device="tun0"} 1');
  stack.close();
  other.close();
});
