/** An argument of a system call, or what it gives back, as it stands in the script. */
export type Expression =
  | { readonly kind: 'ellipsis' }
  | { readonly kind: 'number'; readonly value: number }
  /** A name such as `SO_REUSEADDR`. */
  | { readonly kind: 'symbol'; readonly name: string }
  /** `openEnded`: `"text"...`, a beginning that anything may follow. */
  | { readonly kind: 'string'; readonly value: string; readonly openEnded: boolean }
  | { readonly kind: 'or'; readonly terms: readonly Expression[] }
  | { readonly kind: 'not'; readonly operand: Expression }
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  /** `htons(8080)`, `inet_addr("192.0.2.1")`. */
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: 'struct'; readonly fields: readonly Field[] };

/** A member of a struct: `name=value`, `name(size)=value`, or a value alone. */
export interface Field {
  readonly name: string | undefined;
  readonly size: Expression | undefined;
  readonly value: Expression;
}

/** The value of a struct's member; undefined when it has none of that name. */
export function member(expression: Expression, name: string): Expression | undefined {
  if (expression.kind !== 'struct') return undefined;
  return expression.fields.find((field) => field.name === name)?.value;
}
