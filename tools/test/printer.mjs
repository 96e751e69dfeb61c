// How a run is shown: a line a file, each failure with its diagnostics, totals.

import { inspect } from 'node:util';

/** Diagnostics that say nothing to a reader. */
const SILENT = new Set(['externalID', 'command', 'args', 'jobId', 'cwd', 'stdio']);

const indent = (text, by) => text.trimEnd().replace(/^(?=.)/gm, ' '.repeat(by));

function diagnostics(diag) {
  return Object.entries(diag ?? {})
    .filter(([key, value]) => value !== null && !SILENT.has(key))
    .map(([key, value]) => {
      if (key === 'at') return `at: ${value.fileName}:${value.lineNumber}:${value.columnNumber}`;
      const text = typeof value === 'string' ? value : inspect(value, { depth: 6, breakLength: 100 });
      return text.trimEnd().includes('\n') ? `${key}:\n${indent(text, 2)}` : `${key}: ${text.trimEnd()}`;
    })
    .join('\n');
}

/** `N passed, N failed`, and `, N skipped` where some were. */
export function closing({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

export class Printer {
  #write;

  /** @param {(line: string) => void} write */
  constructor(write) {
    this.#write = write;
  }

  /** A failing test, as soon as it is known. */
  fail(name, diag) {
    this.#write(`not ok  ${name}`);
    const text = diagnostics(diag);
    if (text !== '') this.#write(indent(text, 8));
  }

  /** What a test wrote that is no TAP. */
  extra(text) {
    if (text.trim() !== '') this.#write(text.trimEnd());
  }

  /** A finished file. */
  file(name, result, counts) {
    const { passed, failed, expected, skipped } = counts;
    const parts = [`${passed} passed`];
    if (failed > 0) parts.push(`${failed} failed`);
    if (expected > 0) parts.push(`${expected} failed as expected`);
    if (skipped > 0) parts.push(`${skipped} skipped`);
    const seconds = result.time === null ? '' : ` (${(result.time / 1000).toFixed(2)} s)`;
    this.#write(`${failed > 0 ? 'not ok ' : 'ok     '} ${name}: ${parts.join(', ')}${seconds}`);
  }

  /** The end: skipped tests by reason, expected failures, and every failure once more. */
  summary({ failures, expected, skips }) {
    const reasons = new Map();
    for (const { name, reason } of skips) reasons.set(reason, [...(reasons.get(reason) ?? []), name]);
    for (const [reason, names] of reasons) this.#list(`skipped, ${reason}:`, names);
    this.#list(
      'failed as test/expected.json says:',
      expected.map(({ name, reason }) => `${name} (${reason})`),
    );
    this.#list('failed:', failures);
    this.#write('');
  }

  #list(title, names) {
    if (names.length === 0) return;
    this.#write(`\n${title}`);
    for (const name of names) this.#write(`  ${name}`);
  }
}
