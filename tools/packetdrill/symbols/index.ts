import { errnoName } from '../../../device/errno.ts';
import { FILE_SYMBOLS } from './files.ts';
import { SOCKET_SYMBOLS } from './sockets.ts';
import { TCP_CODE_SYMBOLS, TCP_SYMBOLS } from './tcp.ts';

const LAST_ERRNO = 133;

/** Error numbers by name, those that Linux calls by two names included. */
const ERRNOS = new Map<string, number>([
  ['EWOULDBLOCK', 11],
  ['ENOTSUP', 95],
]);
for (let errno = 1; errno <= LAST_ERRNO; errno++) ERRNOS.set(errnoName(errno), errno);

const SYMBOLS = new Map<string, number>([
  ...Object.entries(SOCKET_SYMBOLS),
  ...Object.entries(TCP_SYMBOLS),
  ...Object.entries(FILE_SYMBOLS),
  ...ERRNOS,
  ['NULL', 0],
]);

/** The value of a name in a system call's arguments, as on Linux x86-64; undefined: no such name. */
export function symbolValue(name: string): number | undefined {
  return SYMBOLS.get(name);
}

/** An error number by its name. */
export function errnoValue(name: string): number | undefined {
  return ERRNOS.get(name);
}

/** Names that code in `%{ }%` finds, without those of `struct tcp_info`. */
export const CODE_SYMBOLS: ReadonlyMap<string, number> = new Map([
  ...Object.entries(SOCKET_SYMBOLS),
  ...Object.entries(TCP_SYMBOLS),
  ...Object.entries(TCP_CODE_SYMBOLS),
]);

export { FILE_SYMBOLS, SOCKET_SYMBOLS, TCP_SYMBOLS };
