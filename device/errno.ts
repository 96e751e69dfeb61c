/**
 * Linux's error numbers. Calls of the device and socket layers return `0` (or a count) or a negated number from this
 * table; errors that are thrown carry Node's shape (`code`, `errno`, `syscall`).
 */
const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  ENOSPC: 28,
  EPIPE: 32,
  EDOM: 33,
  ERANGE: 34,
  ELOOP: 40,
  ENOMSG: 42,
  ENONET: 64,
  EPROTO: 71,
  EOVERFLOW: 75,
  EBADFD: 77,
  ENOTSOCK: 88,
  EDESTADDRREQ: 89,
  EMSGSIZE: 90,
  EPROTOTYPE: 91,
  ENOPROTOOPT: 92,
  EPROTONOSUPPORT: 93,
  ESOCKTNOSUPPORT: 94,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ENETRESET: 102,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ENOBUFS: 105,
  EISCONN: 106,
  ENOTCONN: 107,
  ESHUTDOWN: 108,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTDOWN: 112,
  EHOSTUNREACH: 113,
  EALREADY: 114,
  EINPROGRESS: 115,
  ECANCELED: 125,
} as const;

export type ErrnoName = keyof typeof ERRNO;

export const {
  EPERM,
  ENOENT,
  ESRCH,
  EINTR,
  EIO,
  ENXIO,
  EBADF,
  EAGAIN,
  ENOMEM,
  EACCES,
  EFAULT,
  EBUSY,
  EEXIST,
  EXDEV,
  ENODEV,
  EINVAL,
  ENFILE,
  EMFILE,
  ENOTTY,
  ENOSPC,
  EPIPE,
  EDOM,
  ERANGE,
  ELOOP,
  ENOMSG,
  ENONET,
  ENOTSOCK,
  EDESTADDRREQ,
  EMSGSIZE,
  EPROTOTYPE,
  ENOPROTOOPT,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
  EOPNOTSUPP,
  EAFNOSUPPORT,
  EADDRINUSE,
  EADDRNOTAVAIL,
  ENETDOWN,
  ENETUNREACH,
  ECONNABORTED,
  ECONNRESET,
  ENOBUFS,
  EISCONN,
  ENOTCONN,
  ESHUTDOWN,
  ETIMEDOUT,
  ECONNREFUSED,
  EHOSTDOWN,
  EHOSTUNREACH,
  EALREADY,
  EINPROGRESS,
  ECANCELED,
  EPROTO,
  EBADFD,
} = ERRNO;

const NAMES = new Map<number, string>(Object.entries(ERRNO).map(([name, number]) => [number, name]));

/** The name of an error number, whichever its sign: `errnoName(-16)` is `'EBUSY'`; unknown ones read `E123`. */
export function errnoName(errno: number): string {
  const number = Math.abs(errno);
  return NAMES.get(number) ?? `E${number}`;
}

/** An error in Node's shape: `code` is the errno's name, `errno` the negated number, `syscall` the operation. */
export class NetError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(result: number, syscall: string, detail = '') {
    const code = errnoName(result);
    super(detail === '' ? `${syscall} ${code}` : `${syscall} ${code}: ${detail}`);
    this.name = 'NetError';
    this.code = code;
    this.errno = -Math.abs(result);
    this.syscall = syscall;
  }
}

/** Turns a negative result into a {@link NetError}; hands any other result through. */
export function check(result: number, syscall: string, detail = ''): number {
  if (result < 0) throw new NetError(result, syscall, detail);
  return result;
}
