import type { Backend } from '../backend.ts';
import { AssertionFailure, run, UnknownName } from '../python/evaluate.ts';
import type { Value } from '../python/format.ts';
import { type ScriptEvent, Unsupported } from '../script/script.ts';
import { CODE_SYMBOLS } from '../symbols/index.ts';
import { ScriptFailure } from './failure.ts';

/** Runs the code in `%{ }%`; what it assigns to lives as long as the script. */
export class CodeRunner {
  readonly #backend: Backend;
  readonly #print: (line: string) => void;
  readonly #variables = new Map<string, Value>();

  constructor(backend: Backend, print: (line: string) => void) {
    this.#backend = backend;
    this.#print = print;
  }

  /** `fd`: the backend's number of the socket whose `tcp_info` the code sees. */
  async run(event: ScriptEvent, code: string, fd: number | undefined): Promise<void> {
    const info = fd === undefined ? undefined : await this.#backend.tcpInfo(fd);
    try {
      run(code, {
        variables: this.#variables,
        lookup: (name) => info?.get(name) ?? CODE_SYMBOLS.get(name),
        print: this.#print,
      });
    } catch (error) {
      if (error instanceof AssertionFailure)
        throw new ScriptFailure(event.line, `assert ${error.message}`, shown(code, info));
      if (error instanceof UnknownName)
        throw new Unsupported(event.line, `code: no value for ${error.message}`);
      if (error instanceof SyntaxError) throw new Unsupported(event.line, error.message);
      throw error;
    }
  }
}

/** The values that code speaks of. */
function shown(code: string, info: ReadonlyMap<string, number> | undefined): string[] {
  const names = new Set(code.match(/\btcpi_\w+/g) ?? []);
  return [...names].map((name) => `${name} = ${info?.get(name) ?? '?'}`);
}
