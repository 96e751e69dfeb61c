import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import t, { type Test } from 'tap';

const RUNNER = resolve('tools/test.mjs');

interface Project {
  /** Test sources; each has its compiled form. */
  files?: string[];
  /** What tap prints. */
  tap: string;
  /** The shell's word for how tap ends: `exit 1`, `kill -9 $$`. */
  end?: string;
  expected?: unknown;
}

interface Outcome {
  code: number | null;
  /** The last line. */
  last: string;
  out: string;
  /** What tap was called with. */
  args: string[];
}

/** Runs the runner in a project whose tap prints a recording. */
function run(t: Test, project: Project, args: string[] = [], env: Record<string, string> = {}): Outcome {
  const root = t.testdir({});
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  for (const file of project.files ?? ['device/a']) {
    write(`test/${file}.test.ts`, '');
    write(`dist/test/${file}.test.js`, '');
  }
  write('dist/test/device/stale.test.js', '');
  write('recorded.tap', project.tap);
  if (project.expected !== undefined) write('test/expected.json', JSON.stringify(project.expected));
  write(
    'node_modules/.bin/tap',
    `#!/bin/sh\nprintf '%s\\n' "$@" > args\ncat recorded.tap\n${project.end ?? 'exit 0'}\n`,
  );
  chmodSync(join(root, 'node_modules/.bin/tap'), 0o755);
  const { CI: _, ...inherited } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [RUNNER, ...args], {
    cwd: root,
    env: { ...inherited, ...env },
    encoding: 'utf8',
  });
  const called = spawnSync('cat', [join(root, 'args')], { encoding: 'utf8' }).stdout;
  return {
    code: status,
    last: stdout.trimEnd().split('\n').at(-1) ?? '',
    out: stdout + stderr,
    args: called.split('\n').filter((word) => word !== ''),
  };
}

/** A file's part of a recording: its lines indented, behind them its own test point. */
function file(
  name: string,
  lines: string[],
  point: { ok?: boolean; n?: number; diag?: string[] } = {},
): string {
  const { ok = true, n = 1, diag = [] } = point;
  return [
    `# Subtest: dist/test/${name}.test.js`,
    ...lines.map((line) => `    ${line}`),
    `${ok ? 'ok' : 'not ok'} ${n} - dist/test/${name}.test.js # time=5ms`,
    ...(diag.length > 0 ? ['  ---', ...diag.map((line) => `  ${line}`), '  ...'] : []),
    '',
  ].join('\n');
}

const recording = (...files: string[]) => `TAP version 14\n${files.join('\n')}\n1..${files.length}\n`;
const GOOD = recording(file('device/a', ['ok 1 - one', 'ok 2 - two', '1..2']));
const BAD = recording(
  file(
    'device/a',
    [
      '# Subtest: sums',
      '    ok 1 - one',
      '    not ok 2 - two',
      '      ---',
      '      at:',
      '        fileName: test/device/a.test.ts',
      '        lineNumber: 7',
      '        columnNumber: 3',
      '      diff: |',
      '        -1',
      '        +2',
      '      ...',
      '    1..2',
      'not ok 1 - sums',
      'ok 2 - after',
      '1..2',
    ],
    { ok: false, diag: ['exitCode: 1', 'signal: null'] },
  ),
);
const SKIPS = recording(
  file('device/a', [
    'ok 1 - one',
    'ok 2 - two # SKIP needs root',
    'ok 3 - three # SKIP needs root',
    'ok 4 - four # TODO later',
    '1..4',
  ]),
);

t.test('all pass: the plain line, exit 0, stale compiled files do not run', (t) => {
  const { code, last, args, out } = run(t, { tap: GOOD });
  t.equal(last, '2 passed, 0 failed');
  t.equal(code, 0);
  t.match(out, 'ok      test/device/a.test.ts: 2 passed');
  t.strictSame(args, ['--reporter=tap', 'dist/test/device/a.test.js']);
  t.end();
});

t.test('an assertion that fails: named by file and subtest, with its diagnostics, counted once', (t) => {
  const { code, last, out } = run(t, { tap: BAD, end: 'exit 1' });
  t.equal(last, '2 passed, 1 failed');
  t.equal(code, 1);
  t.match(out, 'not ok  test/device/a.test.ts > sums > two\n        at: test/device/a.test.ts:7:3\n');
  t.match(out, '          -1\n          +2\n');
  t.match(out, '\nfailed:\n  test/device/a.test.ts > sums > two\n');
  t.end();
});

t.test('an expected failure: by full name or by what it lies under', (t) => {
  for (const test of [
    'test/device/a.test.ts > sums > two',
    'test/device/a.test.ts > sums',
    'test/device/a.test.ts',
  ]) {
    const { code, last, out } = run(t, { tap: BAD, end: 'exit 1', expected: [{ test, reason: 'why not' }] });
    t.equal(last, '2 passed, 0 failed');
    t.equal(code, 0);
    t.match(out, 'failed as test/expected.json says:\n  test/device/a.test.ts > sums > two (why not)');
  }
  const { last } = run(t, {
    tap: BAD,
    end: 'exit 1',
    expected: [{ test: 'test/device/a.test.ts > su', reason: 'r' }],
  });
  t.equal(last, '2 passed, 2 failed', 'a part of a word names no test');
  t.end();
});

t.test('a listed test that passes fails the run', (t) => {
  const expected = [{ test: 'test/device/a.test.ts > two', reason: 'r' }];
  const { code, last, out } = run(t, { tap: GOOD, expected });
  t.equal(last, '2 passed, 1 failed');
  t.equal(code, 1);
  t.match(out, 'passes, but test/expected.json lists it: test/device/a.test.ts > two');
  t.end();
});

t.test('a listed test that does not exist fails a full run, not one of a part', (t) => {
  const expected = [{ test: 'test/device/gone.test.ts', reason: 'r' }];
  const full = run(t, { tap: GOOD, expected });
  t.equal(full.last, '2 passed, 1 failed');
  t.match(full.out, 'does not exist: test/device/gone.test.ts');
  t.equal(run(t, { tap: GOOD, expected }, ['unit']).last, '2 passed, 0 failed');
  const skipped = [{ test: 'test/device/a.test.ts > two > inner', reason: 'r' }];
  t.equal(run(t, { tap: SKIPS, expected: skipped }).code, 0, 'nor where what holds it was skipped');
  t.end();
});

t.test('a list that is none stops the run', (t) => {
  for (const expected of [
    {},
    [{ test: 'x' }],
    [{ test: 'x', reason: ' ' }],
    [null],
    [
      { test: 'x', reason: 'r' },
      { test: 'x', reason: 'r' },
    ],
  ]) {
    const { code, last, out, args } = run(t, { tap: GOOD, expected });
    t.equal(code, 1);
    t.equal(last, '0 passed, 1 failed');
    t.match(out, /test\/expected\.json(: an entry has no|: listed twice| is not a list)/);
    t.strictSame(args, [], 'before any test');
  }
  t.end();
});

t.test('skipped tests: by reason in a plain run, failures with --no-skip and with CI=true', (t) => {
  const plain = run(t, { tap: SKIPS });
  t.equal(plain.last, '1 passed, 0 failed, 3 skipped');
  t.equal(plain.code, 0);
  t.match(
    plain.out,
    'skipped, needs root:\n  test/device/a.test.ts > two\n  test/device/a.test.ts > three\n',
  );
  t.match(plain.out, 'skipped, todo: later:\n  test/device/a.test.ts > four\n');
  for (const strict of [run(t, { tap: SKIPS }, ['--no-skip']), run(t, { tap: SKIPS }, [], { CI: 'true' })]) {
    t.equal(strict.last, '1 passed, 3 failed');
    t.equal(strict.code, 1);
    t.match(strict.out, 'skipped, which is not allowed here: test/device/a.test.ts > two (needs root)');
    t.strictSame(strict.args, ['--reporter=tap', 'dist/test/device/a.test.js']);
  }
  t.end();
});

t.test('a run in which nothing was executed fails', (t) => {
  const skipped = recording('ok 1 - dist/test/device/a.test.js # SKIP needs root');
  const { code, last, out } = run(t, { tap: skipped });
  t.equal(last, '0 passed, 1 failed, 1 skipped');
  t.equal(code, 1);
  t.match(out, 'no test was executed');
  t.end();
});

t.test('a file that crashed, hung, or never ran is a failure, even beside an expected one', (t) => {
  const killed = recording(
    file('device/a', ['ok 1 - one', '1..1'], { ok: false, diag: ['exitCode: null', 'signal: SIGSEGV'] }),
  );
  const crash = run(t, { tap: killed, end: 'exit 1' });
  t.equal(crash.last, '1 passed, 1 failed');
  t.match(crash.out, 'test/device/a.test.ts > ended by SIGSEGV');

  const unplanned = recording(file('device/a', ['ok 1 - one'], { ok: false, diag: ['exitCode: 7'] }));
  const exited = run(t, { tap: unplanned, end: 'exit 1' });
  t.equal(exited.last, '1 passed, 1 failed');
  t.match(exited.out, 'test/device/a.test.ts > no plan');

  const silent = recording(file('device/a', ['1..0 # no tests found'], { ok: false, diag: ['exitCode: 1'] }));
  t.equal(run(t, { tap: silent, end: 'exit 1' }).last, '0 passed, 1 failed');

  const listed = recording(
    file('device/a', ['not ok 1 - one', '1..1'], { ok: false, diag: ['exitCode: null', 'signal: SIGKILL'] }),
  );
  const expected = [{ test: 'test/device/a.test.ts', reason: 'r' }];
  const both = run(t, { tap: listed, end: 'exit 1', expected });
  t.equal(both.last, '0 passed, 1 failed', 'the list excuses the assertion, not the signal');
  t.match(both.out, 'test/device/a.test.ts > ended by SIGKILL');

  const hung = `TAP version 14\n# Subtest: dist/test/device/a.test.js\n    ok 1 - one\n    not ok 2 - timeout!\n    1..2\nnot ok 1 - timeout!\n1..1\n`;
  const timeout = run(t, { tap: hung, end: 'exit 1' });
  t.equal(timeout.last, '1 passed, 1 failed');
  t.match(timeout.out, 'not ok  test/device/a.test.ts: 1 passed, 1 failed');
  t.match(timeout.out, 'failed:\n  test/device/a.test.ts > timeout!\n');

  const absent = run(t, { files: ['device/a', 'device/b'], tap: GOOD });
  t.equal(absent.last, '2 passed, 1 failed');
  t.match(absent.out, 'did not run: test/device/b.test.ts');
  t.end();
});

t.test('tap itself: truncated output, a signal, an exit code without a reason, a bail out', (t) => {
  const truncated = run(t, {
    tap: `TAP version 14\n${file('device/a', ['ok 1 - one', '1..1'])}`,
    end: 'kill -9 $$',
  });
  t.equal(truncated.last, '1 passed, 2 failed');
  t.match(truncated.out, 'tap was ended by SIGKILL');
  t.match(truncated.out, '\n  no plan\n');

  const reasonless = run(t, { tap: GOOD, end: 'exit 2' });
  t.equal(reasonless.last, '2 passed, 1 failed');
  t.match(reasonless.out, 'tap exited with 2 and named no failing test');

  const bailed = run(t, {
    tap: `${file('device/a', ['ok 1 - one', '1..1'])}\nBail out! enough\n`,
    end: 'exit 1',
  });
  t.equal(bailed.code, 1);
  t.match(bailed.out, 'bail out');
  t.end();
});

t.test(
  'subtests: names with # and backslash; one without assertions is one itself; stray output is shown',
  (t) => {
    const tap = recording(
      file('device/a', [
        '# Subtest: frame \\# 1 \\\\ 2',
        '    ok 1 - in',
        '    1..1',
        'ok 1 - frame \\# 1 \\\\ 2',
        '# Subtest: property',
        '    1..0',
        'ok 2 - property',
        'seed 12345',
        '1..2',
      ]),
    );
    const { last, out } = run(t, { tap });
    t.equal(last, '2 passed, 0 failed');
    t.match(out, 'seed 12345');
    t.end();
  },
);

t.test('suites, files, and options of tap', (t) => {
  const files = ['device/a', 'stack/b', 'interop/c', 'fuzz/d', 'simulation/f', 'tools/e'];
  const called = (...args: string[]) =>
    run(t, { files, tap: GOOD }, args).args.map((arg) => arg.replace(/^dist\/test\/(.*)\.test\.js$/, '$1'));
  t.strictSame(called(), [
    '--reporter=tap',
    'device/a',
    'fuzz/d',
    'interop/c',
    'simulation/f',
    'stack/b',
    'tools/e',
  ]);
  t.strictSame(called('unit'), ['--reporter=tap', 'device/a', 'stack/b', 'tools/e']);
  t.strictSame(called('interop', 'fuzz'), ['--reporter=tap', 'fuzz/d', 'interop/c']);
  t.strictSame(called('simulation'), ['--reporter=tap', 'simulation/f']);
  t.strictSame(called('dist/test/stack/b.test.js'), ['--reporter=tap', 'stack/b']);
  t.strictSame(called('test/stack/b.test.ts', '--timeout=9'), ['--reporter=tap', '--timeout=9', 'stack/b']);
  const nothing = run(t, { files, tap: GOOD }, ['nosuch']);
  t.equal(nothing.code, 1);
  t.equal(nothing.last, '0 passed, 1 failed');
  t.match(nothing.out, 'no test file for nosuch');
  t.end();
});

t.test('--json: one object, then the plain line', (t) => {
  const { out, last } = run(t, { tap: BAD, end: 'exit 1' }, ['--json']);
  const [json] = out.split('\n');
  t.strictSame(JSON.parse(json!), {
    passed: 2,
    failed: 1,
    skipped: 0,
    failures: ['test/device/a.test.ts > sums > two'],
    expected: [],
    skips: [],
  });
  t.equal(last, '2 passed, 1 failed');
  t.end();
});

t.test('the real tap: a failing and a crashing file', (t) => {
  const root = t.testdir({
    test: { 'a.test.ts': '', 'b.test.ts': '' },
    dist: {
      test: {
        'a.test.js': "import t from 'tap'; t.pass('good'); t.equal(1, 2, 'bad');",
        'b.test.js': "import t from 'tap'; t.pass('before'); process.exit(3);",
      },
    },
    'package.json': '{"type":"module"}',
    '.taprc': readFileSync('.taprc', 'utf8'),
  });
  symlinkSync(resolve('node_modules'), join(root, 'node_modules'));
  const { status, stdout } = spawnSync(process.execPath, [RUNNER, '--json'], { cwd: root, encoding: 'utf8' });
  const [json, last] = stdout.trimEnd().split('\n');
  t.strictSame(JSON.parse(json!).failures, ['test/a.test.ts > bad', 'test/b.test.ts > ended by exit code 3']);
  t.equal(last, '2 passed, 2 failed');
  t.equal(status, 1);
  t.end();
});
