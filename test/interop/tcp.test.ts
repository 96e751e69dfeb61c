import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { OFFLOAD_MODES } from './support/offload-modes.ts';
import { pattern, patternHash } from './support/pattern.ts';
import { requirements } from './support/requirements.ts';
import { OUR_ADDRESS, PEER_ADDRESS, TapPeer } from './support/tap-peer.ts';
import { cleanFrames } from './support/tcp-judges.ts';

t.jobs = 1;
const skip = requirements('nc', 'sha256sum', 'tcpdump', 'tshark', 'nstat');
const HOST = fileURLToPath(new URL('fixtures/tcp-host.js', import.meta.url));

/** A file with the pattern in the test's folder. */
function patternFile(peer: TapPeer, bytes: number): string {
  const path = join(peer.folder, `pattern-${bytes}`);
  writeFileSync(path, pattern(bytes));
  return path;
}

for (const mode of OFFLOAD_MODES) {
  const { name, options, open } = mode;
  t.test(`nc as client: it closes its half first, then we ours; ${name}`, { skip }, async (t) => {
    const [peer, host] = await TapPeer.startScript(t, HOST, options);
    const { stdout } = await peer.ns.try('sh', '-c', `printf 'hello\\n' | nc -N ${OUR_ADDRESS} 7`);
    t.equal(stdout, 'hello\n');
    const bytes = 3_000_000;
    const file = patternFile(peer, bytes);
    const echoed = await peer.ns.run('sh', '-c', `nc -N ${OUR_ADDRESS} 7 <${file} | sha256sum`);
    t.equal(echoed.split(' ')[0], patternHash(bytes), 'echoed while it was sent');
    const digest = await peer.ns.run('sh', '-c', `nc -N ${OUR_ADDRESS} 9 <${file}`);
    t.equal(digest.trim(), patternHash(bytes), 'answered on the half that is left');
    t.equal((await peer.ns.try('nc', '-z', OUR_ADDRESS, '7')).code, 0, 'nothing is sent at all');
    t.equal((await peer.ns.try('nc', '-z', OUR_ADDRESS, '7777')).code, 1, 'nobody listens');
    // The reset of the port that nobody listens on.
    await cleanFrames(t, peer, host, open ? 30 : 1000, mode, 1);
  });

  t.test(`nc as server: we connect, and close our half first; ${name}`, { skip }, async (t) => {
    const [theirs, ours] = [2_500_000, 4_000_000];
    const [peer, host] = await TapPeer.startScript(t, HOST, [
      `connect=${PEER_ADDRESS}:7,${ours}`,
      ...options,
    ]);
    const server = peer.ns.start(
      'sh',
      '-c',
      `nc -nv -N -l ${PEER_ADDRESS} 7 <${patternFile(peer, theirs)} | sha256sum`,
    );
    await server.says(/Listening/i);
    host.signal('SIGUSR2');
    const [, report = ''] = await host.says(/^done (.*)$/m, 30_000);
    t.strictSame(JSON.parse(report), { bytes: theirs, sha256: patternHash(theirs), last: 0 });
    const { stdout } = await server.exited;
    t.equal(stdout.split(' ')[0], patternHash(ours));
    await cleanFrames(t, peer, host, open ? 50 : 2000, mode);
  });
}
