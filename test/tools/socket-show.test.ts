import t from 'tap';
import { AF_INET, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM } from '../../stack/socket/abi.ts';
import { SocketAddress } from '../../stack/socket/address.ts';
import { parseIpv4 } from '../../stack/wire/address.ts';
import { socketFilter } from '../../tools/cli/socket-filter.ts';
import { stateSelector } from '../../tools/cli/socket-states.ts';
import { METHODS } from '../../tools/control/methods.ts';
import type { SocketView } from '../../tools/control/view/socket.ts';
import { formatSockets } from '../../tools/format/socket.ts';
import { bench, rawStack } from '../stack/ip/harness.ts';

const HOST = new SocketAddress(AF_INET, parseIpv4('192.0.2.1'), 80);

t.test('a listener, the two ends of a connection, a UDP socket', (t) => {
  const on = bench();
  const { stack } = rawStack(on);
  const { sockets } = stack;
  const show = (info: boolean) =>
    METHODS['socket.show']!.invoke(
      stack,
      { info },
      { emit: () => {}, signal: AbortSignal.abort() },
    ) as SocketView[];
  const listener = sockets.socket(AF_INET, SOCK_STREAM, 0);
  sockets.bind(listener, HOST);
  sockets.listen(listener, 5);
  const client = sockets.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockets.bind(client, new SocketAddress(AF_INET, parseIpv4('192.0.2.1'), 4000));
  sockets.connect(client, HOST);
  const udp = sockets.socket(AF_INET, SOCK_DGRAM, 0);
  sockets.bind(udp, new SocketAddress(AF_INET, 0, 53));
  on.clock.advance(1);
  const found = show(false).toSorted((a, b) => a.localPort - b.localPort || b.peerPort - a.peerPort);
  t.equal(
    formatSockets(found),
    [
      'Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port',
      'udp   UNCONN 0      0      0.0.0.0:53         0.0.0.0:*',
      'tcp   ESTAB  0      0      192.0.2.1:80       192.0.2.1:4000',
      'tcp   LISTEN 1      5      192.0.2.1:80       0.0.0.0:*',
      'tcp   ESTAB  0      0      192.0.2.1:4000     192.0.2.1:80',
    ].join('\n'),
  );
  const [first] = show(true).filter(({ localPort }) => localPort === 4000);
  t.match(formatSockets([first!]), /\n\t ts sack cubic wscale:\d+,\d+ rto:\d+ .*mss:\d+ .*cwnd:10/);
  stack.close();
  t.end();
});

t.test('states are selected as ss does', (t) => {
  const states = ['ESTAB', 'LISTEN', 'UNCONN', 'TIME-WAIT', 'SYN-SENT'];
  const select = (words: string, options = {}) =>
    states.filter(stateSelector(words === '' ? [] : words.split(' '), options)).join(' ');
  t.equal(select(''), 'ESTAB SYN-SENT');
  t.equal(select('', { all: true }), states.join(' '));
  t.equal(select('', { listening: true }), 'LISTEN UNCONN');
  t.equal(select('state established'), 'ESTAB');
  t.equal(select('state time-wait state listening'), 'LISTEN TIME-WAIT');
  t.equal(select('state connected'), 'ESTAB TIME-WAIT SYN-SENT');
  t.equal(select('state synchronized'), 'ESTAB TIME-WAIT');
  t.throws(() => select('state frob'), { message: 'Error: "frob" is no state of a socket.' });
  t.throws(() => select('state'), { message: 'Command line is not complete. Try option "--help"' });
  t.throws(() => select('sport 22'), { message: 'Error: "sport" is a garbage.' });
  t.end();
});

t.test('expressions over ports', (t) => {
  const socket = {
    netid: 'tcp',
    state: 'ESTAB',
    recvq: 0,
    sendq: 0,
    local: '192.0.2.1',
    peer: '192.0.2.2',
  } as const;
  const chosen = (text: string) =>
    [22, 80, 4000]
      .filter((localPort) => socketFilter(text)({ ...socket, localPort, peerPort: localPort + 1 }))
      .join(' ');
  t.equal(chosen(''), '22 80 4000');
  t.equal(chosen('( sport = :22 )'), '22');
  t.equal(chosen('sport = :22 or dport >= :4001'), '22 4000');
  t.equal(chosen('not sport = 22 and dport < :1000'), '80');
  t.equal(chosen('!(sport=:22||sport=:80)'), '4000');
  t.throws(() => socketFilter('( sport = :22'), { message: 'Error: ")" is missing.' });
  t.throws(() => socketFilter('sport = :70000'), { message: 'Error: ":70000" is no port.' });
  t.throws(() => socketFilter('sport'), { message: 'Command line is not complete. Try option "--help"' });
  t.throws(() => socketFilter('frob = :1'), { message: 'Error: "frob" is a garbage.' });
  t.throws(() => socketFilter('sport = :1 )'), { message: 'Error: ")" is a garbage.' });
  t.end();
});
