import { formatPercent, type Value } from './format.ts';
import { type Token, tokenize } from './tokens.ts';

/** A name that code asks for and nobody has given a value. */
export class UnknownName extends Error {}

/** An `assert` that did not hold. */
export class AssertionFailure extends Error {}

export interface Environment {
  /** Names that code has assigned to; they live as long as the script. */
  readonly variables: Map<string, Value>;
  /** Everything else: fields of `tcp_info`, constants. */
  lookup(name: string): Value | undefined;
  /** Prints a line. */
  print(line: string): void;
}

/** How strongly operators bind; comparisons, which chain, and `not` stand between `and` and `|`. */
const BINARY: readonly (readonly string[])[] = [
  ['|'],
  ['^'],
  ['&'],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '//', '%'],
];
const COMPARISONS = ['==', '!=', '<', '<=', '>', '>='];

/**
 * Runs the part of Python that scripts use: `assert`, `print`, assignments, arithmetic, chained comparisons, `and`, `or`,
 * `not`, and `'format' % values`. Throws `AssertionFailure`, `UnknownName`, or `SyntaxError` for what is beyond that.
 */
export function run(code: string, environment: Environment): void {
  new Interpreter(tokenize(code), environment).statements();
}

class Interpreter {
  readonly #tokens: readonly Token[];
  readonly #environment: Environment;
  #at = 0;

  constructor(tokens: readonly Token[], environment: Environment) {
    this.#tokens = tokens;
    this.#environment = environment;
  }

  statements(): void {
    while (this.#peek().kind !== 'end') {
      if (this.#peek().kind === 'newline') this.#at++;
      else {
        this.#statement();
        if (this.#peek().kind !== 'newline') throw this.#unexpected();
      }
    }
  }

  #statement(): void {
    if (this.#take('assert')) {
      this.#assert();
      return;
    }
    const name = this.#peek();
    const operator = this.#tokens[this.#at + 1]?.text ?? '';
    if (name.kind === 'name' && /^(?:[-+*&|]|<<|>>)?=$/.test(operator)) {
      this.#at += 2;
      const value = this.#expression();
      const { variables } = this.#environment;
      variables.set(
        name.text,
        operator === '=' ? value : binary(operator.slice(0, -1), this.#lookup(name.text), value),
      );
      return;
    }
    this.#expression();
  }

  #assert(): void {
    const start = this.#at;
    const holds = truth(this.#expression());
    const text = this.#tokens
      .slice(start, this.#at)
      .map((token) => token.text)
      .join(' ');
    const message = this.#take(',') ? show(this.#expression()) : undefined;
    if (!holds) throw new AssertionFailure(message === undefined ? text : `${text}: ${message}`);
  }

  #expression(): Value {
    let left = this.#and();
    while (this.#take('or')) {
      const right = this.#and();
      left = truth(left) ? left : right;
    }
    return left;
  }

  #and(): Value {
    let left = this.#not();
    while (this.#take('and')) {
      const right = this.#not();
      left = truth(left) ? right : left;
    }
    return left;
  }

  #not(): Value {
    return this.#take('not') ? Number(!truth(this.#not())) : this.#comparison();
  }

  /** `a < b <= c`: each with its neighbour. */
  #comparison(): Value {
    let left = this.#binary(0);
    if (!COMPARISONS.includes(this.#peek().text)) return left;
    let holds = true;
    while (COMPARISONS.includes(this.#peek().text)) {
      const operator = this.#tokens[this.#at++]!.text;
      const right = this.#binary(0);
      holds = holds && compareValues(operator, left, right);
      left = right;
    }
    return Number(holds);
  }

  #binary(level: number): Value {
    const operators = BINARY[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    while (this.#peek().kind === 'operator' && operators.includes(this.#peek().text)) {
      const operator = this.#tokens[this.#at++]!.text;
      const tuple = operator === '%' && typeof left === 'string' ? this.#tuple() : undefined;
      left =
        tuple === undefined
          ? binary(operator, left, this.#binary(level + 1))
          : formatPercent(left as string, tuple);
    }
    return left;
  }

  /** What stands behind `'format' %`: one value, or several in parentheses. */
  #tuple(): Value[] {
    if (!this.#take('(')) return [this.#unary()];
    const values: Value[] = [];
    while (!this.#take(')')) {
      values.push(this.#expression());
      if (!this.#take(',') && this.#peek().text !== ')') throw this.#unexpected();
    }
    return values;
  }

  #unary(): Value {
    if (this.#take('-')) return -numberOf(this.#unary());
    if (this.#take('+')) return numberOf(this.#unary());
    if (this.#take('~')) return -numberOf(this.#unary()) - 1;
    return this.#primary();
  }

  #primary(): Value {
    const token = this.#tokens[this.#at++]!;
    switch (token.kind) {
      case 'number':
        return Number(token.text);
      case 'string':
        return this.#strings(token.text);
      case 'name':
        return this.#peek().text === '(' ? this.#call(token.text) : this.#lookup(token.text);
      case 'operator':
        if (token.text === '(') {
          const value = this.#expression();
          if (!this.#take(')')) throw this.#unexpected();
          return value;
        }
        break;
      case 'newline':
      case 'end':
        break;
    }
    this.#at--;
    throw this.#unexpected();
  }

  /** Strings that follow each other are one. */
  #strings(first: string): string {
    let text = unquote(first);
    while (this.#peek().kind === 'string') text += unquote(this.#tokens[this.#at++]!.text);
    return text;
  }

  #call(name: string): Value {
    this.#at++;
    const values: Value[] = [];
    while (!this.#take(')')) {
      values.push(this.#expression());
      if (!this.#take(',') && this.#peek().text !== ')') throw this.#unexpected();
    }
    switch (name) {
      case 'print':
        this.#environment.print(values.map(show).join(' '));
        return 0;
      case 'abs':
        return Math.abs(numberOf(values[0] ?? 0));
      case 'int':
        return Math.trunc(Number(values[0] ?? 0));
      case 'str':
        return show(values[0] ?? '');
      case 'min':
        return Math.min(...values.map(numberOf));
      case 'max':
        return Math.max(...values.map(numberOf));
      default:
        throw new UnknownName(`${name}()`);
    }
  }

  #lookup(name: string): Value {
    const value = this.#environment.variables.get(name) ?? this.#environment.lookup(name);
    if (value === undefined) throw new UnknownName(name);
    return value;
  }

  #peek(): Token {
    return this.#tokens[this.#at]!;
  }

  #take(text: string): boolean {
    const token = this.#peek();
    if (token.text !== text || token.kind === 'string' || token.kind === 'newline') return false;
    this.#at++;
    return true;
  }

  #unexpected(): SyntaxError {
    const { text } = this.#peek();
    return new SyntaxError(`code: unexpected ${text.trim() === '' ? 'end' : `"${text}"`}`);
  }
}

function unquote(text: string): string {
  return text
    .slice(1, -1)
    .replaceAll(/\\(.)/g, (_whole, letter: string) => ({ n: '\n', t: '\t' })[letter] ?? letter);
}

function truth(value: Value): boolean {
  return value !== 0 && value !== '';
}

function show(value: Value): string {
  return String(value);
}

function numberOf(value: Value): number {
  if (typeof value === 'string') throw new SyntaxError(`code: "${value}" is no number`);
  return value;
}

function compareValues(operator: string, left: Value, right: Value): boolean {
  switch (operator) {
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    default:
      return left >= right;
  }
}

function binary(operator: string, left: Value, right: Value): Value {
  if (operator === '+' && typeof left === 'string' && typeof right === 'string') return left + right;
  const a = numberOf(left);
  const b = numberOf(right);
  switch (operator) {
    case '|':
      return Number(BigInt(a) | BigInt(b));
    case '^':
      return Number(BigInt(a) ^ BigInt(b));
    case '&':
      return Number(BigInt(a) & BigInt(b));
    case '<<':
      return a * 2 ** b;
    case '>>':
      return Math.floor(a / 2 ** b);
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '//':
      return Math.floor(a / b);
    default:
      return a - b * Math.floor(a / b);
  }
}
