import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { OFFLOAD_MODES } from './support/offload-modes.ts';
import { patternHash } from './support/pattern.ts';
import { requirements } from './support/requirements.ts';
import { OUR_ADDRESS, TapPeer } from './support/tap-peer.ts';
import { clean } from './support/tcp-judges.ts';

t.jobs = 1;
const skip = requirements('curl', 'sha256sum', 'tcpdump', 'tshark', 'nstat');
const HOST = fileURLToPath(new URL('fixtures/tcp-host.js', import.meta.url));
/** Bytes of a frame's headers, with all options that there are. */
const HEADERS = 128;
const GIGABYTE = 1_000_000_000;

for (const { name, options } of OFFLOAD_MODES) {
  t.test(`curl: a gigabyte down, a gigabyte up; ${name}`, { skip }, async (t) => {
    const [peer, host] = await TapPeer.startScript(t, HOST, options, HEADERS);
    const file = join(peer.folder, 'gigabyte');
    const url = `http://${OUR_ADDRESS}/${GIGABYTE}`;
    const rate = '%{speed_download} %{speed_upload}';
    const down = await peer.ns.run('curl', '-sS', '-w', rate, '-o', file, url);
    const hash = (await peer.ns.run('sha256sum', file)).split(' ')[0];
    t.equal(hash, patternHash(GIGABYTE), 'down');
    const up = await peer.ns.run('curl', '-sS', '-w', ` ${rate}`, '-T', file, url);
    t.equal(up.split(' ')[0], hash, 'up');
    t.comment(`bytes/s: down ${down.split(' ')[0]}, up ${up.split(' ')[2]}`);
    await clean(t, peer, host, await peer.endCapture());
  });
}
