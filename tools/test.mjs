#!/usr/bin/env node
// Runs the compiled tests with tap, judges what it says, and ends with `N passed, N failed` alone on a line.
//
//   node tools/test.mjs [suite | file ...] [--no-skip] [--json] [option of tap ...]
//
// A suite is unit, interop, fuzz or simulation; a file is test/x/y.test.ts, its compiled form, or a part of its path. Run it in the
// project's folder, after `tsc -p .`. What is a failure stands in test/verdict.mjs.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { Parser } from 'tap-parser';
import { readExpected } from './test/expected.mjs';
import { closing, Printer } from './test/printer.mjs';
import { compiledPath, select } from './test/selection.mjs';
import { Verdict } from './test/verdict.mjs';

const TAP = 'node_modules/.bin/tap';
const OWN_OPTIONS = ['--no-skip', '--json'];

/** Runs tap on compiled files, feeding its TAP to the parser. Resolves to how it ended. */
async function runTap(files, options, parser) {
  const child = spawn(TAP, ['--reporter=tap', ...options, ...files], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  child.stdout.pipe(parser);
  const [code, signal] = await ended;
  return { code, signal };
}

async function main(args) {
  const options = args.filter((arg) => arg.startsWith('-'));
  const words = args.filter((arg) => !arg.startsWith('-'));
  const files = await select(words);
  const compiled = files.map(compiledPath);
  const missing = compiled.filter((file) => !existsSync(file));
  if (missing.length > 0) throw new Error(`not compiled (run tsc -p .): ${missing.join(', ')}`);

  const verdict = new Verdict({
    files,
    expected: readExpected('test/expected.json'),
    full: words.length === 0,
    skipAllowed: !options.includes('--no-skip') && process.env.CI !== 'true',
  });
  const json = options.includes('--json');
  const printer = new Printer(json ? () => {} : (line) => console.log(line));
  const parser = new Parser();
  verdict.watch(parser, printer);
  const tapOptions = options.filter((option) => !OWN_OPTIONS.includes(option));
  const totals = verdict.close(files.length === 0 ? { code: 0 } : await runTap(compiled, tapOptions, parser));
  if (json) console.log(JSON.stringify(totals));
  printer.summary(totals);
  console.log(closing(totals));
  return totals.failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.log(closing({ passed: 0, failed: 1, skipped: 0 }));
  process.exitCode = 1;
}
