import { join } from 'node:path';
import t from 'tap';
import { withNamespace } from './support/namespace.ts';
import { requirements } from './support/requirements.ts';

const missing = requirements('perl', 'tc');

if (missing !== false) {
  t.plan(0, missing);
} else {
  const namespace = await withNamespace(t);
  const body = join(import.meta.dirname, 'fixtures', 'tap-device.js');
  // A young generation that holds everything a test allocates: no collection hides an allocation from the count.
  const node = [process.execPath, '--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'];
  await t.spawn('ip', ['netns', 'exec', namespace.name, ...node, body], {}, 'inside the namespace');
}
