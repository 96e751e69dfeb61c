import { inspect } from 'node:util';

/** An error with a code, as Node's own have. */
export interface CodedError extends Error {
  code: string;
}

type ErrorClass = new (message?: string) => Error;

/** Longest value that a message shows, and what of it is shown then. */
const VALUE_MOST = 128;
const TYPE_MOST = 28;
const TYPE_PART = 25;
/** Whole numbers beyond it are written in groups. */
const GROUPED_ABOVE = 2 ** 32;

/** An error as Node throws it: of a plain class, with `code`, and with the code in what it prints as. */
export function codedError(base: ErrorClass, code: string, message: string): CodedError {
  const error = new base(message) as CodedError;
  Object.defineProperty(error, 'toString', {
    value(this: Error): string {
      return `${this.name} [${code}]: ${this.message}`;
    },
    configurable: true,
    writable: true,
  });
  // The stack is made on first sight, and shows the name that the error has then.
  const { name } = error;
  Object.defineProperty(error, 'name', { value: `${name} [${code}]`, configurable: true, writable: true });
  void error.stack;
  Reflect.deleteProperty(error, 'name');
  error.code = code;
  return error;
}

/** `options.port` is a property, `port` an argument. */
function kindOf(name: string): string {
  return name.includes('.') ? 'property' : 'argument';
}

/** `type number (7)`, `an instance of Date`, `undefined`: how Node's messages speak of a value. */
export function describeType(value: unknown): string {
  if (value === null || value === undefined) return `${value}`;
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value === 'object') {
    const name = (value.constructor as { name?: string } | undefined)?.name;
    return name !== undefined && name !== '' ? `an instance of ${name}` : inspect(value, { depth: -1 });
  }
  const text = inspect(value, { colors: false });
  return `type ${typeof value} (${text.length > TYPE_MOST ? `${text.slice(0, TYPE_PART)}...` : text})`;
}

/** ERR_INVALID_ARG_TYPE. `expected`: `of type string`, `an instance of AbortSignal`. */
export function invalidArgType(name: string, expected: string, value: unknown): CodedError {
  return codedError(
    TypeError,
    'ERR_INVALID_ARG_TYPE',
    `The "${name}" ${kindOf(name)} must be ${expected}. Received ${describeType(value)}`,
  );
}

/** ERR_INVALID_ARG_VALUE. */
export function invalidArgValue(name: string, value: unknown, reason = 'is invalid'): CodedError {
  const text = inspect(value);
  const shown = text.length > VALUE_MOST ? `${text.slice(0, VALUE_MOST)}...` : text;
  return codedError(
    TypeError,
    'ERR_INVALID_ARG_VALUE',
    `The ${kindOf(name)} '${name}' ${reason}. Received ${shown}`,
  );
}

/** ERR_OUT_OF_RANGE. `range`: `>= 0 && <= 65535`. */
export function outOfRange(name: string, range: string, value: number): CodedError {
  const grouped = Number.isInteger(value) && Math.abs(value) > GROUPED_ABOVE;
  const shown = grouped ? String(value).replace(/\B(?=(\d{3})+$)/g, '_') : inspect(value);
  return codedError(
    RangeError,
    'ERR_OUT_OF_RANGE',
    `The value of "${name}" is out of range. It must be ${range}. Received ${shown}`,
  );
}

/** ERR_MISSING_ARGS, when one of several would do. */
export function missingArgs(...names: readonly string[]): CodedError {
  const list = names.map((name) => `"${name}"`).join(' or ');
  return codedError(TypeError, 'ERR_MISSING_ARGS', `The ${list} argument must be specified`);
}

export function badPort(name: string, port: unknown): CodedError {
  const message = `${name} should be >= 0 and < 65536. Received ${describeType(port)}.`;
  return codedError(RangeError, 'ERR_SOCKET_BAD_PORT', message);
}

export function invalidIpAddress(address: unknown): CodedError {
  return codedError(TypeError, 'ERR_INVALID_IP_ADDRESS', `Invalid IP address: ${String(address)}`);
}

export function invalidAddressFamily(family: unknown, host: string | undefined, port: number): CodedError {
  const message = `Invalid address family: ${String(family)} ${host}:${port}`;
  const error = codedError(RangeError, 'ERR_INVALID_ADDRESS_FAMILY', message);
  return Object.assign(error, { host, port });
}

export function socketClosed(): CodedError {
  return codedError(Error, 'ERR_SOCKET_CLOSED', 'Socket is closed');
}

/** ERR_SOCKET_CONNECTION_TIMEOUT: no address answered in its time. */
export function connectionTimeout(): CodedError {
  return codedError(Error, 'ERR_SOCKET_CONNECTION_TIMEOUT', 'Socket connection timeout');
}
