import { inspect } from 'node:util';
import { codedError } from '../errors.ts';

/** Errors that only Node's `dgram` has, under its codes and with its messages. */

export function alreadyBound(): Error {
  return codedError(Error, 'ERR_SOCKET_ALREADY_BOUND', 'Socket is already bound');
}

export function alreadyConnected(): Error {
  return codedError(Error, 'ERR_SOCKET_DGRAM_IS_CONNECTED', 'Already connected');
}

export function notConnected(): Error {
  return codedError(Error, 'ERR_SOCKET_DGRAM_NOT_CONNECTED', 'Not connected');
}

export function notRunning(): Error {
  return codedError(Error, 'ERR_SOCKET_DGRAM_NOT_RUNNING', 'Not running');
}

export function badType(): Error {
  const message = 'Bad socket type specified. Valid types are: udp4, udp6';
  return codedError(TypeError, 'ERR_SOCKET_BAD_TYPE', message);
}

export function badBufferSize(): Error {
  return codedError(TypeError, 'ERR_SOCKET_BAD_BUFFER_SIZE', 'Buffer size must be a positive integer');
}

export function badFdType(kind: string): Error {
  return codedError(TypeError, 'ERR_INVALID_FD_TYPE', `Unsupported fd type: ${kind}`);
}

/** What the system says of a call that failed, as libuv gathers it. */
export interface SystemInfo {
  errno: number;
  code: string;
  message: string;
  syscall: string;
}

/** ERR_SOCKET_BUFFER_SIZE: `info` is what the system said. */
export function bufferSizeError(info: SystemInfo): Error {
  const { code, message, syscall } = info;
  return new SystemError(
    'ERR_SOCKET_BUFFER_SIZE',
    `Could not get or set buffer size: ${syscall} returned ${code} (${message})`,
    info,
  );
}

/** What Node calls an error of the system inside a call of its own. */
class SystemError extends Error {
  readonly code: string;
  readonly info: SystemInfo;

  constructor(code: string, message: string, info: SystemInfo) {
    super(message);
    Object.defineProperties(this, {
      name: { value: 'SystemError', writable: true, enumerable: false, configurable: true },
      errno: accessor(info, 'errno'),
      syscall: accessor(info, 'syscall'),
    });
    this.code = code;
    this.info = info;
    this.stack = `SystemError [${code}]: ${message}\n${this.stack?.split('\n').slice(1).join('\n') ?? ''}`;
    Object.defineProperty(this, 'stack', { enumerable: false });
  }

  override toString(): string {
    return `${this.name} [${this.code}]: ${this.message}`;
  }

  /** Accessors show what they would give. */
  [inspect.custom](_depth: number, context: object): string {
    return inspect(this, { ...context, getters: true, customInspect: false });
  }
}

function accessor(info: SystemInfo, key: 'errno' | 'syscall'): PropertyDescriptor {
  return {
    get: () => info[key],
    set: (value: never) => {
      info[key] = value;
    },
    enumerable: true,
    configurable: true,
  };
}
