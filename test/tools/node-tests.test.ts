import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import t, { type Test } from 'tap';

const RUNNER = resolve('tools/node-tests/main.mjs');

/** Tests as Node's are: programs that end with 0, or not, or say that they skip. */
const PASSES = `
const { createSocket } = require('dgram');
const assert = require('assert');
assert.strictEqual(Object.keys(require('os').networkInterfaces()).length, 1);
const socket = createSocket('udp4').bind(0, 'localhost', () => {
  socket.on('message', () => socket.close());
  socket.send('x', socket.address().port, 'localhost');
});
`;
const FAILS = 'throw new Error("as it should not");';
const SKIPS = 'console.log("1..0 # Skipped: no luck");';
const FLAGGED = '// Flags: --expose-gc --no-warnings\ngc();';

/** Runs the runner on some tests; `expected` is what test/node-tests/expected.json lists. */
function run(t: Test, tests: Record<string, string>, expected: readonly string[] = [], ...args: string[]) {
  const files = Object.entries(tests).map(([name, text]) => [`test-${name}.js`, text]);
  const root = t.testdir({
    sources: { 'package.json': '{ "type": "commonjs" }', test: { parallel: Object.fromEntries(files) } },
    test: {
      'node-tests': {
        'expected.json': JSON.stringify(
          expected.map((name) => ({ test: `test-${name}`, reason: 'so it is' })),
        ),
      },
    },
  });
  const { status, stdout, stderr } = spawnSync(process.execPath, [RUNNER, '--sources=sources', ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  const lines = stdout.trimEnd().split('\n');
  return { code: status, lines, last: lines.at(-1), out: stdout + stderr };
}

t.test('a test passes, with tapir’s module in the place of Node’s, and the options that it asks for', (t) => {
  const { code, last, out } = run(t, { 'dgram-a': PASSES, 'dgram-b': FLAGGED, 'net-a': '', 'http-a': FAILS });
  t.equal(last, '3 passed, 0 failed', out);
  t.equal(code, 0);
  t.end();
});

t.test('one that fails or skips fails the run, unless it is listed', (t) => {
  const tests = { 'dgram-a': PASSES, 'dgram-b': FAILS, 'dgram-c': SKIPS };
  const unlisted = run(t, tests);
  t.equal(unlisted.last, '1 passed, 2 failed');
  t.equal(unlisted.code, 1);
  t.match(unlisted.out, /as it should not/);
  const listed = run(t, tests, ['dgram-b', 'dgram-c']);
  t.equal(listed.last, '1 passed, 0 failed');
  t.equal(listed.code, 0);
  t.match(listed.out, /failed as expected: so it is/);
  t.end();
});

t.test('a listed test that passes, or does not exist, fails the run', (t) => {
  const { last, out } = run(t, { 'dgram-a': PASSES }, ['dgram-a', 'dgram-gone']);
  t.equal(last, '0 passed, 2 failed');
  t.match(out, /test-dgram-a: passes, but is listed/);
  t.match(out, /test-dgram-gone: is listed, but does not exist/);
  t.equal(run(t, { 'dgram-a': PASSES }, ['dgram-gone'], 'dgram').code, 0, 'in a full run, that is');
  t.end();
});

t.test('--json gives all outcomes, a line a group; words choose', (t) => {
  const tests = { 'net-a': '', 'net-b': FAILS, 'dgram-a': PASSES, 'dgram-c': SKIPS };
  const all = run(t, tests, ['net-b', 'dgram-c'], '--json');
  t.strictSame(
    all.lines.slice(0, -1).map((line) => JSON.parse(line)),
    [
      { name: 'test-net', passed: 1, failed: 1, skipped: 0 },
      { name: 'test-dgram', passed: 1, failed: 0, skipped: 1 },
    ],
  );
  t.equal(run(t, tests, [], 'dgram-a').last, '1 passed, 0 failed');
  t.equal(run(t, tests, [], 'net').last, '1 passed, 1 failed');
  const none = run(t, tests, [], 'nothing');
  t.equal(none.last, '0 passed, 1 failed');
  t.match(none.out, /no test of Node for nothing/);
  t.end();
});

t.test('the list: each entry is a test of Node with a reason', (t) => {
  const list = JSON.parse(readFileSync('test/node-tests/expected.json', 'utf8')) as {
    test: string;
    reason: string;
  }[];
  for (const { test, reason } of list) {
    t.match(test, /^test-(net|dgram)-[\w-]+$/);
    t.ok(reason.length > 20, test);
  }
  t.strictSame(
    list.map(({ test }) => test),
    list.map(({ test }) => test).sort(),
  );
  t.end();
});
