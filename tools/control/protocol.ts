import { errnoName } from '../../device/errno.ts';

/**
 * The control protocol: JSON lines over a unix socket. A client asks `{id, method, params}`; the answer is `{id, result}` or
 * `{id, error}`. A method that goes on (`monitor`, `ping`, `capture`) says `{id, started: true}`, then sends `{id, event}` lines
 * before its answer, and `{id, dropped}` when the client read too slowly for some of them; `cancel` ends it.
 */
export interface Request {
  readonly id: RequestId;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export type RequestId = number | string;

export interface ErrorBody {
  /** Name of an errno, or one of the protocol's own: `EPROTO`, `EPARAM`, `EMETHOD`. */
  readonly code: string;
  readonly message: string;
  /** The parameter at fault. */
  readonly param?: string;
}

export type Reply =
  | { readonly id: RequestId | null; readonly error: ErrorBody }
  | { readonly id: RequestId; readonly result: unknown }
  | { readonly id: RequestId; readonly started: true }
  | { readonly id: RequestId; readonly event: unknown }
  | { readonly id: RequestId; readonly dropped: number };

export interface ControlLimits {
  /** Longest request in bytes, newline excluded; a longer one ends the connection. */
  readonly line: number;
  readonly clients: number;
  /** Requests of one client under way at once. */
  readonly inFlight: number;
  /** Bytes of answers that may wait for one client: beyond it no request of his is read and his events are dropped. */
  readonly output: number;
}

export const CONTROL_LIMITS: ControlLimits = {
  line: 64 * 1024,
  clients: 32,
  inFlight: 16,
  output: 1024 * 1024,
};

/** The protocol's own codes. */
const MISTAKES: readonly string[] = ['EPROTO', 'EPARAM', 'EMETHOD'];

/** A request that is refused: what the client is told. */
export class ControlError extends Error {
  readonly code: string;
  readonly param: string | undefined;

  constructor(code: string, message: string, param?: string) {
    super(message);
    this.name = 'ControlError';
    this.code = code;
    this.param = param;
  }

  /** Whether the request was understood and the stack said no, as opposed to a mistake in the request itself. */
  get refusedByStack(): boolean {
    return !MISTAKES.includes(this.code) && this.param !== 'dev';
  }

  get body(): ErrorBody {
    const { code, message, param } = this;
    return param === undefined ? { code, message } : { code, message, param };
  }
}

/** A parameter that is missing, unknown, of the wrong type, or out of range. */
export function badParam(param: string, wrong: string): ControlError {
  return new ControlError('EPARAM', `parameter "${param}": ${wrong}`, param);
}

/** C library texts of the errors that the stack answers with, as iproute2 prints them. */
const ERRNO_TEXT: Readonly<Record<string, string>> = {
  EPERM: 'Operation not permitted',
  ENOENT: 'No such file or directory',
  ESRCH: 'No such process',
  EIO: 'Input/output error',
  ENXIO: 'No such device or address',
  EAGAIN: 'Resource temporarily unavailable',
  ENOMEM: 'Cannot allocate memory',
  EACCES: 'Permission denied',
  EBUSY: 'Device or resource busy',
  EEXIST: 'File exists',
  ENODEV: 'No such device',
  EINVAL: 'Invalid argument',
  ENFILE: 'Too many open files in system',
  ENOSPC: 'No space left on device',
  ERANGE: 'Numerical result out of range',
  ELOOP: 'Too many levels of symbolic links',
  EMSGSIZE: 'Message too long',
  EOPNOTSUPP: 'Operation not supported',
  EAFNOSUPPORT: 'Address family not supported by protocol',
  EADDRINUSE: 'Address already in use',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  ENETDOWN: 'Network is down',
  ENETUNREACH: 'Network is unreachable',
  ENOBUFS: 'No buffer space available',
  ETIMEDOUT: 'Connection timed out',
  EHOSTUNREACH: 'No route to host',
};

/** The text of an errno name, the name itself when it has none here. */
export function errnoText(code: string): string {
  return ERRNO_TEXT[code] ?? code;
}

/** The stack's refusal, worded as iproute2 does: `RTNETLINK answers: File exists`. */
export function refusal(result: number): ControlError {
  const code = errnoName(result);
  return new ControlError(code, `RTNETLINK answers: ${errnoText(code)}`);
}

/** No device of that name, in iproute2's words. */
export function noDevice(name: string): ControlError {
  return new ControlError('ENODEV', `Cannot find device "${name}"`, 'dev');
}
