import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { addBridge, addPort, fdbPort } from './support/bridge.ts';
import { until } from './support/child.ts';
import { withNamespace } from './support/namespace.ts';
import { requirements } from './support/requirements.ts';
import { addTap, OUR_ADDRESS, OUR_MAC } from './support/tap-peer.ts';
import { startTapir } from './support/tapir.ts';

const skip = requirements('bridge', 'ping');

t.test('a Linux bridge learns our address on the port that we send from', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tapir-interop-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const ns = await withNamespace(t);
  await addBridge(ns, 'br0');
  await ns.ip('addr add 10.0.0.1/24 dev br0');
  for (const port of ['tapa', 'tapb']) {
    await addTap(ns, port);
    await addPort(ns, 'br0', port);
  }
  t.equal(await fdbPort(ns, 'br0', OUR_MAC), undefined);
  const where = ['--address', `${OUR_ADDRESS}/24`, '--mac', OUR_MAC];
  const first = await startTapir(ns, '--tap', 'tapa', ...where, '--control', join(folder, 'a'));
  await ns.run('ping', '-c', '3', '-i', '0.02', '-W', '2', OUR_ADDRESS);
  t.equal(await fdbPort(ns, 'br0', OUR_MAC), 'tapa');
  await first.stop();
  await startTapir(ns, '--tap', 'tapb', ...where, '--control', join(folder, 'b'));
  await ns.run('ping', '-c', '3', '-i', '0.02', '-W', '2', OUR_ADDRESS);
  const port = await until('the bridge moves our address', 2000, () => fdbPort(ns, 'br0', OUR_MAC));
  t.equal(port, 'tapb');
});
