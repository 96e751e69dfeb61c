import type { QuestionType } from './question.ts';

/** A way to ask for records: the method, what its errors name, and the type. */
export interface QueryKind {
  readonly method: string;
  readonly syscall: string;
  readonly type: QuestionType;
}

const TYPES: readonly (readonly [string, QuestionType])[] = [
  ['resolve4', 'A'],
  ['resolve6', 'AAAA'],
  ['resolveAny', 'ANY'],
  ['resolveCaa', 'CAA'],
  ['resolveCname', 'CNAME'],
  ['resolveMx', 'MX'],
  ['resolveNaptr', 'NAPTR'],
  ['resolveNs', 'NS'],
  ['resolvePtr', 'PTR'],
  ['resolveSoa', 'SOA'],
  ['resolveSrv', 'SRV'],
  ['resolveTxt', 'TXT'],
];

/** Node names them in errors as `queryA`, `queryAaaa`. */
export const KINDS: readonly QueryKind[] = TYPES.map(([method, type]) => ({
  method,
  type,
  syscall: `query${type[0]}${type.slice(1).toLowerCase()}`,
}));

/** By the type, as `resolve` takes it. */
export const KIND_OF_TYPE: ReadonlyMap<string, QueryKind> = new Map(KINDS.map((kind) => [kind.type, kind]));
