import type { Expression, Field } from './expression.ts';
import type { Scanner } from './scanner.ts';

const NUMBER = /[+-]?(?:0x[0-9a-fA-F]+|\d+\.\d+|\.\d+|\d+)/y;
const WORD = /[A-Za-z_]\w*/y;
const STRING = /"((?:[^"\\]|\\.)*)"/y;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '0': '\0' };

/** `a, b, c)`: arguments up to the parenthesis that closes them, which is taken too. */
export function parseArguments(scanner: Scanner): Expression[] {
  const args: Expression[] = [];
  if (scanner.take(')')) return args;
  do args.push(parseExpression(scanner));
  while (scanner.take(','));
  scanner.need(')');
  return args;
}

/** An argument: terms joined by `|`. */
export function parseExpression(scanner: Scanner): Expression {
  const first = parseTerm(scanner);
  if (!scanner.take('|')) return first;
  const terms = [first];
  do terms.push(parseTerm(scanner));
  while (scanner.take('|'));
  return { kind: 'or', terms };
}

function parseTerm(scanner: Scanner): Expression {
  if (scanner.take('...')) return { kind: 'ellipsis' };
  if (scanner.take('[')) return { kind: 'list', items: parseItems(scanner) };
  if (scanner.take('{')) return { kind: 'struct', fields: parseFields(scanner) };
  if (scanner.take('~')) return { kind: 'not', operand: parseTerm(scanner) };
  if (scanner.take('(')) {
    const inner = parseExpression(scanner);
    scanner.need(')');
    return inner;
  }
  if (scanner.sees(STRING)) return parseString(scanner);
  const number = scanner.match(NUMBER);
  if (number !== undefined) return { kind: 'number', value: readNumber(number[0]) };
  const word = scanner.needMatch(WORD, 'an argument')[0];
  if (scanner.take('(')) return { kind: 'call', name: word, args: parseArguments(scanner) };
  return { kind: 'symbol', name: word };
}

function readNumber(text: string): number {
  return text.startsWith('-') ? -Number(text.slice(1)) : Number(text);
}

/** Strings that follow each other are one. */
function parseString(scanner: Scanner): Expression {
  let value = '';
  for (let part = scanner.match(STRING); part !== undefined; part = scanner.match(STRING)) {
    value += part[1]!.replaceAll(/\\(x[0-9a-fA-F]{2}|.)/g, (_whole, letter: string) =>
      letter.length === 3
        ? String.fromCharCode(Number.parseInt(letter.slice(1), 16))
        : (ESCAPES[letter] ?? letter),
    );
  }
  return { kind: 'string', value, openEnded: scanner.take('...') };
}

function parseItems(scanner: Scanner): Expression[] {
  const items: Expression[] = [];
  if (scanner.take(']')) return items;
  do items.push(parseExpression(scanner));
  while (scanner.take(','));
  scanner.need(']');
  return items;
}

function parseFields(scanner: Scanner): Field[] {
  const fields: Field[] = [];
  if (scanner.take('}')) return fields;
  do fields.push(parseField(scanner));
  while (scanner.take(','));
  scanner.need('}');
  return fields;
}

function parseField(scanner: Scanner): Field {
  const start = scanner.position;
  const name = scanner.match(WORD)?.[0];
  if (name !== undefined) {
    if (scanner.take('=')) return { name, size: undefined, value: parseExpression(scanner) };
    if (scanner.take('(')) {
      const size = parseExpression(scanner);
      if (scanner.take(')') && scanner.take('=')) return { name, size, value: parseExpression(scanner) };
    }
    scanner.rewind(start);
  }
  return { name: undefined, size: undefined, value: parseExpression(scanner) };
}
