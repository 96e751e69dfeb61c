import t from 'tap';
import { AssertionFailure, run, UnknownName } from '../../tools/packetdrill/python/evaluate.ts';
import type { Value } from '../../tools/packetdrill/python/format.ts';

/** Runs code; gives what it printed, and the variables that it left. */
function python(
  code: string,
  names: Readonly<Record<string, Value>> = {},
): [string[], Record<string, Value>] {
  const printed: string[] = [];
  const variables = new Map<string, Value>();
  run(code, { variables, lookup: (name) => names[name], print: (line) => printed.push(line) });
  return [printed, Object.fromEntries(variables)];
}

const value = (expression: string, names: Readonly<Record<string, Value>> = {}): Value | undefined =>
  python(`x = ${expression}`, names)[1]['x'];

t.test('arithmetic and its precedence', (t) => {
  t.equal(value('1 + 2 * 3 - 4'), 3);
  t.equal(value('(1 + 2) * 3'), 9);
  t.equal(value('7 // 2 + 7 % 4'), 6);
  t.equal(value('-7 // 2'), -4, 'floors');
  t.equal(value('-7 % 4'), 1, 'sign of the divisor');
  t.equal(value('1 | 2 ^ 3 & 5'), 3);
  t.equal(value('1 << 4 >> 2'), 4);
  t.equal(value('0x80000000 | 1'), 0x80000001, 'no 32-bit signs');
  t.equal(value('~5 & 0xff'), 250);
  t.equal(value('abs(-3) + min(4, 2) + max(1, 9)'), 14);
  t.end();
});

t.test('comparisons chain, and bind weaker than |', (t) => {
  t.equal(value('1 < 2 <= 2 < 3'), 1);
  t.equal(value('1 < 3 < 2'), 0);
  t.equal(value('a & 4 == 0', { a: 3 }), 1, 'unlike C');
  t.equal(value('not 1 == 2 and 3'), 3);
  t.equal(value('0 or 5'), 5);
  t.equal(value("'a' == 'a'"), 1);
  t.end();
});

t.test('statements: assignment, +=, several on a line, continuation, comments', (t) => {
  const [printed, variables] = python(`
    cwnd = 10; cwnd += 2   # grows
    total = cwnd + \\
      1
    print(cwnd, 'of', total)
    print('%d%% of %#x, %05d|%-4d|%s' % (50, 255, 42, 7, 'x'))
    print('%d' % cwnd)
  `);
  t.strictSame(printed, ['12 of 13', '50% of ff, 00042|7   |x', '12']);
  t.strictSame(variables, { cwnd: 12, total: 13 });
  t.end();
});

t.test('assert', (t) => {
  python('assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd', { tcpi_snd_cwnd: 10 });
  python('assert (1 <= 2 and\n 3 == 3)');
  t.throws(
    () => python('assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd', { tcpi_snd_cwnd: 9 }),
    new AssertionFailure('tcpi_snd_cwnd == 10: 9'),
  );
  t.throws(() => python('assert 0'), new AssertionFailure('0'));
  t.throws(() => python("assert a == 1, 'a is %d' % a", { a: 3 }), new AssertionFailure('a == 1: a is 3'));
  t.end();
});

t.test('what is beyond the subset is an error, never a silent pass', (t) => {
  t.throws(() => python('assert nothing == 1'), new UnknownName('nothing'));
  t.throws(() => python('open(1)'), new UnknownName('open()'));
  for (const code of ['import os', 'x = [1]', 'if a: pass', 'assert', 'x = 1 +', "x = 'open", 'x = (1'])
    t.throws(() => python(code, { a: 1, import: 1, os: 1, if: 1, pass: 1 }), { name: 'SyntaxError' }, code);
  t.end();
});
