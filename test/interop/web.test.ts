import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { pattern } from './support/pattern.ts';
import { requirements } from './support/requirements.ts';
import { OUR_ADDRESS, TapPeer } from './support/tap-peer.ts';

t.jobs = 1;
const HOST = fileURLToPath(new URL('fixtures/web-host.js', import.meta.url));
const BYTES = 1_000_000;

t.test(
  'curl speaks HTTP/1.1 and HTTP/2, with TLS and without, to servers on a TAP',
  { skip: requirements('curl', 'sha256sum', 'openssl') },
  async (t) => {
    const [peer, host] = await TapPeer.startScript(t, HOST, []);
    const file = join(peer.folder, 'pattern');
    writeFileSync(file, Buffer.concat([pattern(BYTES), pattern(7)]));
    const expected = await peer.ns.run('sh', '-c', `sha256sum <${file}`);
    const asked = [
      ['1.1', '', `http://${OUR_ADDRESS}`],
      ['2', '--http2-prior-knowledge', `http://${OUR_ADDRESS}:81`],
      ['1.1', '-k --http1.1', `https://${OUR_ADDRESS}`],
      ['2', '-k --http2', `https://${OUR_ADDRESS}`],
    ] as const;
    for (const [version, options, url] of asked) {
      // curl 7.88 fails at its second request with prior knowledge, whoever serves.
      const next = options.includes('prior') ? ` && curl -sS ${options} ` : ' ';
      const both = `curl -sS ${options} ${url}/${BYTES}${next}${url}/7`;
      const got = await peer.ns.run('sh', '-c', `(${both}) | sha256sum`);
      t.equal(got, expected, `${url} ${options}: two requests`);
      const shown = await peer.ns.run(
        'sh',
        '-c',
        `curl -sS ${options} -o ${file} -w '%{http_version}' ${url}/1`,
      );
      t.equal(shown.trim(), version);
    }
    const { stdout, stderr } = await host.stop();
    t.equal(stderr, '');
    t.strictSame(JSON.parse(/^ended (.*)$/m.exec(stdout)?.[1] ?? '{}'), {
      held: { packets: 0, pagesFree: 256, segments: 0 },
      waits: 0,
    });
  },
);
