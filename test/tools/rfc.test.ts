import { spawnSync } from 'node:child_process';
import t from 'tap';

t.test('docs/rfc.md says what the tests say', (t) => {
  const { status, stderr } = spawnSync(process.execPath, ['tools/docs/rfc.mjs', '--check'], {
    encoding: 'utf8',
  });
  t.equal(stderr, '');
  t.equal(status, 0);
  t.end();
});
