import { getSystemErrorMap } from 'node:util';
import { errnoName } from '../../device/errno.ts';

/** An error of a call of the system, as Node shapes it: `errno` is negative, and Linux's whatever the host. */
export interface SystemError extends Error {
  errno: number;
  code: string;
  syscall: string;
  address?: string | null;
  port?: number;
  localAddress?: string;
  localPort?: number;
  hostname?: string;
}

/** Names that Node has and Linux writes otherwise. */
const NODES_NAMES: Readonly<Record<string, string>> = { EOPNOTSUPP: 'ENOTSUP', E4094: 'UNKNOWN' };

let texts: Map<string, string> | undefined;

/** `EADDRINUSE` for -98, as Node calls it. */
export function systemErrorName(errno: number): string {
  const name = errnoName(errno);
  return NODES_NAMES[name] ?? name;
}

/** `address already in use`: found by name, since the host's numbers may be others. */
export function systemErrorText(name: string): string {
  texts ??= new Map(getSystemErrorMap().values());
  return texts.get(name) ?? 'unknown error';
}

function systemError(message: string, errno: number, code: string, syscall: string): SystemError {
  return Object.assign(new Error(message), { errno, code, syscall });
}

/** `write EPIPE`, with `detail` behind it when there is one. */
export function errnoError(errno: number, syscall: string, detail = ''): SystemError {
  const code = systemErrorName(errno);
  return systemError(
    detail === '' ? `${syscall} ${code}` : `${syscall} ${code} ${detail}`,
    errno,
    code,
    syscall,
  );
}

/**
 * `connect ECONNREFUSED 192.0.2.1:80 - Local (192.0.2.2:5000)`. Without a port `address` stands alone, and is where there is no
 * address but a path.
 */
export function hostPortError(
  errno: number,
  syscall: string,
  address: string,
  port: number | undefined,
  local = '',
): SystemError {
  const where = port !== undefined && port > 0 ? `${address}:${port}` : address;
  const detail = local === '' ? where : `${where} - Local (${local})`;
  const error = errnoError(errno, syscall, detail);
  error.address = address;
  if (port !== undefined) error.port = port;
  return error;
}

/** `listen EADDRINUSE: address already in use 0.0.0.0:80`. */
export function explainedHostPortError(
  errno: number,
  syscall: string,
  address: string | null,
  port: number,
): SystemError {
  const code = systemErrorName(errno);
  const where = port > 0 && address !== null ? ` ${address}:${port}` : address === null ? '' : ` ${address}`;
  const message = `${syscall} ${code}: ${systemErrorText(code)}${where}`;
  const error = Object.assign(new Error(message), { code, errno, syscall }) as SystemError;
  error.address = address;
  if (port !== 0) error.port = port;
  return error;
}
