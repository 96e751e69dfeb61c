// What the outcomes of a run mean. A test that does not pass is as it should be only where test/node-tests/expected.json gives the
// reason, and one that passes only where it is not listed there.

export class Verdict {
  #expected;
  #full;
  #seen = new Set();
  #groups = new Map();
  #passed = 0;
  #problems = [];

  /**
   * @param {{expected: {test: string, reason: string}[], full: boolean}} options `full`: all tests run, so a listed one must exist.
   */
  constructor({ expected, full }) {
    this.#expected = new Map(expected.map(({ test, reason }) => [test, reason]));
    this.#full = full;
  }

  /** Takes an outcome; how it is to be told: `{ good, remark }`. */
  add({ group, name }, outcome) {
    this.#seen.add(name);
    const counts = this.#groups.get(group) ?? { name: `test-${group}`, passed: 0, failed: 0, skipped: 0 };
    this.#groups.set(group, counts);
    counts[outcome]++;
    const reason = this.#expected.get(name);
    if (outcome === 'passed') {
      if (reason === undefined) {
        this.#passed++;
        return { good: true, remark: 'passed' };
      }
      return this.#problem(name, 'passes, but is listed as one that does not');
    }
    if (reason === undefined) return this.#problem(name, outcome);
    return { good: true, remark: `${outcome} as expected: ${reason}` };
  }

  #problem(name, remark) {
    this.#problems.push(`${name}: ${remark}`);
    return { good: false, remark };
  }

  /** The end: totals of each group (all outcomes, expected or not), of the run, and every problem. */
  close() {
    if (this.#full)
      for (const test of this.#expected.keys())
        if (!this.#seen.has(test)) this.#problem(test, 'is listed, but does not exist');
    if (this.#seen.size === 0) this.#problem('no test', 'was executed');
    return {
      groups: [...this.#groups.values()],
      passed: this.#passed,
      failed: this.#problems.length,
      problems: this.#problems,
    };
  }
}
