import type { Params, Schema } from './params.ts';
import { readParams } from './params.ts';

/** What a method that goes on for a while is given. */
export interface Call {
  /** Sends an event to the client, or drops and counts it when the client reads too slowly. */
  emit(event: unknown): void;
  /** Aborted when the client cancels, goes away, or the server closes. */
  readonly signal: AbortSignal;
}

/** One method of the protocol over a subject (the stack): checks its parameters, then acts. */
export interface Method<Subject> {
  readonly parameters: readonly string[];
  invoke(subject: Subject, given: Readonly<Record<string, unknown>>, call: Call): unknown;
}

export type MethodTable<Subject> = Readonly<Record<string, Method<Subject>>>;

/** Puts a schema and what is done with its values together; a Promise as a result is awaited. */
export function method<Subject, S extends Schema>(
  schema: S,
  run: (subject: Subject, params: Params<S>, call: Call) => unknown,
): Method<Subject> {
  return {
    parameters: Object.keys(schema),
    invoke: (subject, given, call) => run(subject, readParams(schema, given), call),
  };
}
