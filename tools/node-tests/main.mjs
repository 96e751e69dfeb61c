#!/usr/bin/env node
// Runs Node's own tests of `net` and `dgram`, unmodified, with tapir's modules in the place of Node's, each in a process of its own
// with a stack that has but its loopback device; ends with `N passed, N failed` alone on a line.
//
//   node tools/node-tests/main.mjs [--json] [--sources=FOLDER] [net | dgram | NAME ...]
//
// FOLDER is one of Node's sources, whose tests run instead of those that are fetched.
// `--json` prints, instead of what people read, one object a group and line, in which `failed` and `skipped` are all that did, expected
// or not. Which tests are expected to, and why, stands in test/node-tests/expected.json. Run it in the project's folder, after `tsc -p .`.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readExpected } from '../test/expected.mjs';
import { closing } from '../test/printer.mjs';
import { runTest } from './process.mjs';
import { select } from './selection.mjs';
import { nodeSources } from './source.mjs';
import { Verdict } from './verdict.mjs';

const EXPECTED = 'test/node-tests/expected.json';
const SOURCES = '--sources=';
/** Tests at a time. */
const AT_ONCE = 2;

/** Runs the tests, and tells `each` of every outcome, in order. */
async function runAll(tests, each) {
  const folder = await mkdtemp(join(tmpdir(), 'tapir-node-tests-run-'));
  try {
    const outcomes = [];
    let next = 0;
    let told = 0;
    const worker = async (slot) => {
      while (next < tests.length) {
        const index = next++;
        outcomes[index] = await runTest(tests[index], folder, slot);
        while (outcomes[told] !== undefined) each(tests[told], outcomes[told++]);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, (_, slot) => worker(slot)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function main(args) {
  const json = args.includes('--json');
  const words = args.filter((arg) => !arg.startsWith('-'));
  const given = args.find((arg) => arg.startsWith(SOURCES))?.slice(SOURCES.length);
  const tests = await select(given ?? (await nodeSources()), words);
  const verdict = new Verdict({ expected: readExpected(EXPECTED), full: words.length === 0 });
  const print = json ? () => {} : (line) => console.log(line);
  await runAll(tests, (test, { outcome, detail, seconds }) => {
    const { good, remark } = verdict.add(test, outcome);
    print(`${good ? 'ok     ' : 'not ok '} ${test.name}: ${remark} (${seconds.toFixed(2)} s)`);
    if (!good && outcome !== 'passed') print(detail.trimEnd().replace(/^(?=.)/gm, '        '));
  });
  const { groups: counted, problems, ...totals } = verdict.close();
  if (json) for (const group of counted) console.log(JSON.stringify(group));
  for (const { name, passed, failed, skipped } of counted)
    print(`\n${name}: ${closing({ passed, failed, skipped })}`);
  if (problems.length > 0) print(`\nfailed:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
  print('');
  console.log(closing({ ...totals, skipped: 0 }));
  return totals.failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.log(closing({ passed: 0, failed: 1, skipped: 0 }));
  process.exitCode = 1;
}
