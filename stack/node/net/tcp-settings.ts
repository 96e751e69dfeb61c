import { validateNumber } from '../validate.ts';

/** What TCP is set to for a connection. */
export interface TcpSettings {
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
  /** Silence before the first probe; 0: as the stack has it. */
  readonly keepAliveSeconds: number;
}

export interface TcpOptions {
  noDelay?: boolean;
  keepAlive?: boolean;
  /** Milliseconds. */
  keepAliveInitialDelay?: number;
}

/** Reads the options that sockets and servers have in common, throwing as Node does. */
export function tcpSettings(options: TcpOptions): TcpSettings {
  const { keepAliveInitialDelay } = options;
  if (keepAliveInitialDelay !== undefined)
    validateNumber(keepAliveInitialDelay, 'options.keepAliveInitialDelay');
  return {
    noDelay: Boolean(options.noDelay),
    keepAlive: Boolean(options.keepAlive),
    keepAliveSeconds: Math.trunc(Math.max(keepAliveInitialDelay ?? 0, 0) / 1000) | 0,
  };
}
