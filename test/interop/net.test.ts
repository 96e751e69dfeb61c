import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { pattern, patternHash } from './support/pattern.ts';
import { requirements } from './support/requirements.ts';
import { OUR_ADDRESS, TapPeer } from './support/tap-peer.ts';

t.jobs = 1;
const HOST = fileURLToPath(new URL('fixtures/net-host.js', import.meta.url));
const BYTES = 3_000_000;

t.test(
  'stack.net on a TAP: an echo, Node’s HTTP server, and nothing left',
  { skip: requirements('nc', 'curl', 'sha256sum') },
  async (t) => {
    const [peer, host] = await TapPeer.startScript(t, HOST, []);
    const file = join(peer.folder, 'pattern');
    writeFileSync(file, pattern(BYTES));
    const echoed = await peer.ns.run('sh', '-c', `nc -N ${OUR_ADDRESS} 7 <${file} | sha256sum`);
    t.equal(echoed.split(' ')[0], patternHash(BYTES), 'echoed while it was sent');
    const fetched = await peer.ns.run(
      'sh',
      '-c',
      `curl -sS http://${OUR_ADDRESS}/${BYTES} http://${OUR_ADDRESS}/7 | sha256sum`,
    );
    const both = Buffer.concat([pattern(BYTES), pattern(7)]);
    writeFileSync(file, both);
    const expected = await peer.ns.run('sh', '-c', `sha256sum <${file}`);
    t.equal(fetched, expected, 'two requests on one connection');
    const { stdout, stderr } = await host.stop();
    t.equal(stderr, '');
    t.strictSame(JSON.parse(/^ended (.*)$/m.exec(stdout)?.[1] ?? '{}'), {
      held: { packets: 0, pagesFree: 256, segments: 0 },
      waits: 0,
    });
  },
);
