import type { LookupOptions } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { invalidArgType, invalidIpAddress } from '../errors.ts';
import { validateBoolean, validateFunction, validateNumber, validatePort } from '../validate.ts';
import { type AutoSelectDefaults, attemptTimeout } from './auto-select.ts';

/** Where to connect to, and how. */
export interface ConnectTarget {
  readonly host: string;
  readonly port: number;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly family: LookupOptions['family'];
  readonly hints: number;
  /** Null: the stack's. */
  readonly lookup: LookupFunction | null;
  readonly autoSelectFamily: boolean;
  readonly attemptTimeoutMs: number;
}

/** Reads the options of a connect, throwing as Node does when one is wrong. */
export function connectTarget(
  options: Readonly<Record<string, unknown>>,
  defaults: AutoSelectDefaults,
): ConnectTarget {
  const { localAddress, localPort, port, lookup, autoSelectFamily, autoSelectFamilyAttemptTimeout } = options;
  if (autoSelectFamily != null) validateBoolean(autoSelectFamily, 'options.autoSelectFamily');
  const attemptTimeoutMs =
    autoSelectFamilyAttemptTimeout == null
      ? defaults.timeoutMs
      : attemptTimeout(autoSelectFamilyAttemptTimeout, 'options.autoSelectFamilyAttemptTimeout');
  if (localAddress !== undefined && localAddress !== null && localAddress !== '') {
    if (typeof localAddress !== 'string' || isIP(localAddress) === 0) throw invalidIpAddress(localAddress);
  }
  if (localPort !== undefined && localPort !== null && localPort !== 0)
    validateNumber(localPort, 'options.localPort');
  if (port !== undefined && typeof port !== 'number' && typeof port !== 'string')
    throw invalidArgType('options.port', 'one of type number or string', port);
  const number = port === undefined ? 0 : validatePort(port);
  if (lookup != null) validateFunction(lookup, 'options.lookup');
  return {
    host: (options['host'] as string | undefined) || 'localhost',
    port: number,
    localAddress: (localAddress as string | undefined) || undefined,
    localPort: (localPort as number | undefined) || undefined,
    family: options['family'] as LookupOptions['family'],
    hints: (options['hints'] as number | undefined) || 0,
    lookup: (lookup as LookupFunction | undefined) ?? null,
    autoSelectFamily: autoSelectFamily == null ? defaults.family : autoSelectFamily === true,
    attemptTimeoutMs,
  };
}
