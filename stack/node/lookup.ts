import { ADDRCONFIG, ALL, V4MAPPED } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { nextTick } from 'node:process';
import { codedError, invalidArgValue } from './errors.ts';
import { validateNumber } from './validate.ts';

/** What {@link lookupLocal} and those that take its place are called with. */
export type LookupOptions = Parameters<LookupFunction>[1];
export type { LookupFunction };

/** `EAI_NONAME` as Node numbers it. */
const ENOTFOUND = -3008;
const HINTS = ADDRCONFIG | ALL | V4MAPPED;
const LOCALHOST = /^(?:.+\.)?localhost\.?$/i;

/** What a name was not found with, in the shape of Node's errors of getaddrinfo. */
export function notFound(hostname: string): NodeJS.ErrnoException {
  const error = new Error(`getaddrinfo ENOTFOUND ${hostname}`);
  return Object.assign(error, { errno: ENOTFOUND, code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname });
}

/** The family that is wanted: 4, 6, or 0 for any. Throws as `dns.lookup` does. */
export function familyOption(family: LookupOptions['family']): 0 | 4 | 6 {
  switch (family) {
    case undefined:
    case 0:
      return 0;
    case 4:
    case 'IPv4':
      return 4;
    case 6:
    case 'IPv6':
      return 6;
    default:
      throw invalidArgValue('options.family', family, 'must be one of: 0, 4, 6');
  }
}

/**
 * Finds what needs no server: addresses, and `localhost`, which is 127.0.0.1 (RFC 6761, section 6.3). Called like `dns.lookup`, and
 * calls back in the next tick.
 */
export const lookupLocal: LookupFunction = (hostname, options, callback): void => {
  const wanted = familyOption(options.family);
  const { hints } = options;
  if (hints !== undefined) {
    validateNumber(hints, 'options.hints');
    if ((hints & ~HINTS) !== 0) throw invalidArgValue('hints', hints);
  }
  const literal = isIP(hostname);
  const local = literal === 0 && LOCALHOST.test(hostname) && wanted !== 6;
  nextTick(() => {
    const address = local ? '127.0.0.1' : hostname;
    const family = local ? 4 : literal;
    if (family === 0) callback(notFound(hostname), '');
    else if (options.all === true) callback(null, [{ address, family }]);
    else callback(null, address, family);
  });
};

/** ERR_SOCKET_CONNECTION_TIMEOUT: no address answered in its time. */
export function connectionTimeout(): Error {
  return codedError(Error, 'ERR_SOCKET_CONNECTION_TIMEOUT', 'Socket connection timeout');
}
