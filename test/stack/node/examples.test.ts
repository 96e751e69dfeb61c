import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const EXAMPLES = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'examples');

/** What each example prints when there is nobody else to talk to. */
const PRINTED = {
  'echo-server': 'to and fro\n',
  'web-server': 'GET /index.html from 127.0.0.1\n',
  fetch: '200 {"hello":"world"}\n',
};

for (const [name, printed] of Object.entries(PRINTED))
  t.test(`examples/${name}.ts runs, and ends`, (t) => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [join(EXAMPLES, `${name}.js`)], {
      encoding: 'utf8',
      timeout: 20_000,
      killSignal: 'SIGKILL',
    });
    t.strictSame({ stdout, stderr, status }, { stdout: printed, stderr: '', status: 0 });
    t.end();
  });
