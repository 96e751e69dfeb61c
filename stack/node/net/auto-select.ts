import { getDefaultAutoSelectFamily, getDefaultAutoSelectFamilyAttemptTimeout } from 'node:net';
import { validateBoolean, validateInt32 } from '../validate.ts';

/** The shortest time that an attempt is given, milliseconds. */
const LEAST_TIMEOUT = 10;

/** Whether all addresses of a name are tried in turn (RFC 8305), unless a call says otherwise. They begin as Node's own stand. */
export class AutoSelectDefaults {
  #family: boolean = getDefaultAutoSelectFamily();
  #timeoutMs: number = getDefaultAutoSelectFamilyAttemptTimeout();

  get family(): boolean {
    return this.#family;
  }

  set family(value: boolean) {
    validateBoolean(value, 'value');
    this.#family = value;
  }

  /** Milliseconds that an address has before the next one is tried. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  set timeoutMs(value: number) {
    this.#timeoutMs = attemptTimeout(value, 'value');
  }
}

/** Milliseconds of an attempt, as an option gives them. */
export function attemptTimeout(value: unknown, name: string): number {
  validateInt32(value, name, 1);
  return Math.max(value, LEAST_TIMEOUT);
}
