// The stack on a TAP with the peer program's services, in a process of its own: host.js tap=NAME address=A.B.C.D/N [word ...]
//
//   plain   frames of 1514 bytes without virtio header
//   zerocopy  bulk services without a copy
//   stream  bulk services over `stack.net`, piped
//   onread  receiving over `stack.net` into one buffer
//   busy    polls the TAP without ever sleeping
//   second=NAME,A.B.C.D/N  has a second TAP, and forwards between the two
//
// Says `ready`; answers the questions of questions.ts on stdin, and ends with it.
import { TapLink } from '../../../device/link/tap.ts';
import { Machine } from '../../../device/machine.ts';
import { createStack } from '../../../stack/stack.ts';
import { Counter, Flood } from './datagrams.ts';
import { CHARGEN, COUNT, DISCARD, ECHO, FLOOD, HTTP } from './ports.ts';
import { answerQuestions } from './questions.ts';
import { Chargen, Discard, Echo, HeldDiscard, Http, LentChargen, listen } from './services.ts';
import { serveOnread, serveStreams } from './streams.ts';

const options = new Map(process.argv.slice(2).map((word) => word.split('=', 2) as [string, string]));
const machine = new Machine();
const stack = createStack({ machine });
const busy = options.has('busy') ? { busyPoll: Number.POSITIVE_INFINITY } : {};
const tap = options.get('tap') ?? 'tap0';
const link = new TapLink(machine, { name: tap, up: true, vnetHeader: !options.has('plain'), ...busy });
stack.addDevice(link, { name: tap, addresses: [options.get('address') ?? ''] });
const [secondTap, secondAddress = ''] = options.get('second')?.split(',') ?? [];
if (secondTap !== undefined) {
  const second = new TapLink(machine, { name: secondTap, up: true, vnetHeader: !options.has('plain') });
  stack.addDevice(second, { name: secondTap, addresses: [secondAddress] });
  stack.setSysctl('net.ipv4.ip_forward', 1);
}
const { sockets } = stack;
if (options.has('stream')) {
  serveStreams(stack);
} else if (options.has('onread')) {
  serveOnread(stack);
} else {
  const [Sink, Source] = options.has('zerocopy') ? [HeldDiscard, LentChargen] : [Discard, Chargen];
  listen(sockets, DISCARD, (fd) => void new Sink(sockets, fd));
  listen(sockets, CHARGEN, (fd) => void new Source(sockets, fd));
}
listen(sockets, ECHO, (fd) => void new Echo(sockets, fd));
listen(sockets, HTTP, (fd) => void new Http(sockets, fd));

new Counter(sockets, COUNT);
new Flood(sockets, FLOOD);

process.on('SIGTERM', () => {}); // The end of stdin comes with it.
answerQuestions(() => {
  stack.close();
});
process.stdout.write('ready\n');
