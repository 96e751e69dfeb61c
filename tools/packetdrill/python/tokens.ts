/** A piece of code; `newline` ends a statement, as `;` does. */
export interface Token {
  readonly kind: 'number' | 'string' | 'name' | 'operator' | 'newline' | 'end';
  readonly text: string;
}

const TOKEN =
  /(?<blank>[ \t\r]+|\\\r?\n|#[^\n]*)|(?<newline>\n|;)|(?<number>0[xX][0-9a-fA-F]+|\d+\.\d*|\.\d+|\d+)|(?<string>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")|(?<name>[A-Za-z_]\w*)|(?<operator>\*\*|\/\/|<<=|>>=|<<|>>|==|!=|<=|>=|\+=|-=|\*=|&=|\|=|[-+*/%&|^~<>()=,])/gy;

/** Cuts code into pieces; lines inside parentheses go on. Throws an error for what is no code of the subset. */
export function tokenize(code: string): Token[] {
  const tokens: Token[] = [];
  let depth = 0;
  let at = 0;
  while (at < code.length) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(code);
    if (found === null) throw new SyntaxError(`code: "${code.slice(at).split('\n', 1)[0]!.trim()}"`);
    at += found[0].length;
    const [kind, text] = Object.entries(found.groups ?? {}).find(([, value]) => value !== undefined)!;
    if (kind === 'blank') continue;
    if (text === '(') depth++;
    if (text === ')') depth--;
    if (kind !== 'newline' || depth === 0) tokens.push({ kind: kind as Token['kind'], text: text! });
  }
  tokens.push({ kind: 'newline', text: '' }, { kind: 'end', text: '' });
  return tokens;
}
