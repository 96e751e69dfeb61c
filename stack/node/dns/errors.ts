import { NOTFOUND } from './codes.ts';

/** An error in the shape of Node's `dns`: `queryA ENOTFOUND name`. */
export interface DnsError extends Error {
  errno: number | undefined;
  code: string;
  syscall: string;
  hostname?: string;
}

/** What getaddrinfo says, in libuv's numbers, which stand for the codes in `errno`. */
const EAI_AGAIN = -3001;
const EAI_FAMILY = -3005;
const EAI_NONAME = -3008;

const NUMBERS: Readonly<Record<string, number>> = {
  [NOTFOUND]: EAI_NONAME,
  EAI_AGAIN,
  EAI_FAMILY,
  EINVAL: -22,
};

const BY_CARES = /^(?:query|getHostByAddr)/;

/** An error of a call about a name or an address; what c-ares says has no number. */
export function dnsError(code: string, syscall: string, hostname?: string): DnsError {
  const message = hostname ? `${syscall} ${code} ${hostname}` : `${syscall} ${code}`;
  const errno = BY_CARES.test(syscall) && code !== 'EINVAL' ? undefined : NUMBERS[code];
  const error: DnsError = Object.assign(new Error(message), { errno, code, syscall });
  if (hostname) error.hostname = hostname;
  return error;
}
