// What the TAP of a run means.
//
// An assertion passes, fails or is skipped (todo counts as skipped); a subtest without assertions is one itself. On top of failing assertions these are failures too, each
// under a name of its own: a file that crashed, was killed, timed out, broke the protocol or never ran; an entry of
// test/expected.json whose test passes or (in a full run) does not exist; a skipped test where skipping is not allowed; a run
// in which nothing was executed. So the run is good exactly when `failed` is 0.

import { isUnder, SEPARATOR } from './expected.mjs';
import { sourcePath } from './selection.mjs';

/** The name in a `# Subtest` comment, which the parser leaves escaped. */
function unescaped(name) {
  return name.replace(/\\([\\#])/g, '$1');
}

export class Verdict {
  #expected;
  #files;
  #full;
  #skipAllowed;
  #ran = new Set();
  #names = new Set();
  #passed = 0;
  #failures = [];
  #expectedFailures = [];
  #skipped = [];

  /**
   * @param {{files: string[], expected: {test: string, reason: string}[], full: boolean, skipAllowed: boolean}} options
   *   `files`: sources that must run; `full`: all there are, so a listed test must exist.
   */
  constructor({ files, expected, full, skipAllowed }) {
    this.#files = files;
    this.#expected = expected;
    this.#full = full;
    this.#skipAllowed = skipAllowed;
  }

  /** Follows a TAP parser, telling `printer` of each failure (`fail`), stray line (`extra`) and finished file (`file`). */
  watch(parser, printer) {
    this.#follow(parser, [], printer);
  }

  #follow(parser, path, printer) {
    let child = null;
    let before = null;
    const seen = new Set();
    parser.on('child', (next) => {
      child = sourcePath(unescaped(next.name));
      before = this.#mark();
      this.#follow(next, [...path, child], printer);
    });
    parser.on('assert', (result) => {
      seen.add(result);
      // The point behind a subtest has the subtest's name, but for one that timed out.
      const own = result.closingTestPoint ? child : sourcePath(result.name || `assertion ${result.id}`);
      const name = [...path, own].join(SEPARATOR);
      this.#names.add(name);
      if (path.length === 0) this.#ran.add(name);
      if (result.closingTestPoint) this.#closeSubtest(name, result, before, printer);
      else this.#assertion(name, result, printer);
      if (path.length === 0 && result.closingTestPoint) printer.file(name, result, this.#since(before));
    });
    parser.on('extra', (text) => printer.extra(text));
    parser.on('bailout', (reason) => this.#fail([...path, 'bail out'].join(SEPARATOR), { reason }, printer));
    parser.on('complete', ({ failures }) => {
      for (const failure of failures)
        if (failure.tapError && !seen.has(failure))
          this.#fail([...path, failure.tapError].join(SEPARATOR), undefined, printer);
    });
  }

  #mark() {
    return {
      passed: this.#passed,
      failed: this.#failures.length,
      expected: this.#expectedFailures.length,
      skipped: this.#skipped.length,
    };
  }

  #since(before) {
    const now = this.#mark();
    return Object.fromEntries(Object.keys(now).map((key) => [key, now[key] - before[key]]));
  }

  #assertion(name, result, printer) {
    if (result.skip || result.todo) this.#skip(name, result);
    else if (result.ok && !result.tapError) this.#passed++;
    else this.#fail(name, result.diag, printer);
  }

  /** The test point behind a subtest or file counts only where it says what no assertion in it said. */
  #closeSubtest(name, result, before, printer) {
    const inside = this.#since(before);
    const empty = Object.values(inside).every((count) => count === 0);
    if (result.skip || result.todo) this.#skip(name, result);
    else if (result.ok) this.#passed += empty ? 1 : 0;
    else {
      const { signal, exitCode } = result.diag ?? {};
      const crashed = Boolean(signal) || exitCode > 1;
      if (inside.failed === 0 && (crashed || inside.expected === 0)) {
        const how = crashed ? `ended by ${signal || `exit code ${exitCode}`}` : 'failed';
        this.#fail(`${name}${SEPARATOR}${how}`, crashed ? undefined : result.diag, printer, crashed);
      }
    }
  }

  #skip(name, { skip, todo }) {
    const given = skip || todo;
    const reason = typeof given === 'string' && given !== '' ? given : 'no reason given';
    this.#skipped.push({ name, reason: skip ? reason : `todo: ${reason}` });
  }

  #fail(name, diag, printer, certain = false) {
    this.#names.add(name);
    const entry = certain ? undefined : this.#expected.find(({ test }) => isUnder(name, test));
    if (entry !== undefined) {
      this.#expectedFailures.push({ name, entry });
      return;
    }
    this.#failures.push({ name });
    printer.fail(name, diag);
  }

  /**
   * Ends the run, given how tap itself ended.
   * @param {{code?: number | null, signal?: string | null}} end
   */
  close({ code = 0, signal = null }) {
    const problem = (name) => this.#failures.push({ name });
    const executed = this.#passed + this.#failures.length + this.#expectedFailures.length;
    if (signal) problem(`tap was ended by ${signal}`);
    else if (code !== 0 && this.#failures.length + this.#expectedFailures.length === 0)
      problem(`tap exited with ${code} and named no failing test`);
    for (const file of this.#files) if (!this.#ran.has(file)) problem(`did not run: ${file}`);
    for (const { test } of this.#expected) {
      if (this.#expectedFailures.some(({ entry }) => entry.test === test)) continue;
      if (this.#skipped.some(({ name }) => isUnder(name, test) || isUnder(test, name))) continue;
      if ([...this.#names].some((name) => isUnder(name, test)))
        problem(`passes, but test/expected.json lists it: ${test}`);
      else if (this.#full) problem(`listed in test/expected.json, but does not exist: ${test}`);
    }
    if (executed === 0) problem('no test was executed');
    const skipped = this.#skipAllowed ? this.#skipped.length : 0;
    if (!this.#skipAllowed)
      for (const { name, reason } of this.#skipped)
        problem(`skipped, which is not allowed here: ${name} (${reason})`);
    return {
      passed: this.#passed,
      failed: this.#failures.length,
      skipped,
      failures: this.#failures.map(({ name }) => name),
      expected: this.#expectedFailures.map(({ name, entry }) => ({ name, reason: entry.reason })),
      skips: this.#skipAllowed ? this.#skipped : [],
    };
  }
}
