import { parseIpv4 } from '../../../stack/wire/address.ts';
import type { Settings } from '../run/settings.ts';
import { type Expression, member } from '../script/expression.ts';
import { type SyscallAction, Unsupported } from '../script/script.ts';
import { symbolValue } from '../symbols/index.ts';
import { SOCKET_SYMBOLS } from '../symbols/sockets.ts';
import type { SocketAddress } from '../syscall.ts';

/** A file descriptor that is none, for those that the script never opened. */
const NO_FD = -1;

/** The arguments of one system call: what they mean in numbers. */
export class Arguments {
  readonly action: SyscallAction;
  readonly line: number;
  readonly settings: Settings;
  /** The time of day when the script began, in microseconds since 1970. */
  readonly epoch: number;
  /** By how many microseconds the script runs late. */
  readonly late: number;
  readonly #fds: ReadonlyMap<number, number>;

  constructor(
    action: SyscallAction,
    line: number,
    settings: Settings,
    fds: ReadonlyMap<number, number>,
    epoch = 0,
    late = 0,
  ) {
    this.action = action;
    this.line = line;
    this.settings = settings;
    this.epoch = epoch;
    this.late = late;
    this.#fds = fds;
  }

  /** Throws unless there are between `least` and `most` arguments. */
  count(least: number, most: number = least): void {
    const { length } = this.action.args;
    if (length < least || length > most)
      throw this.unsupported(`${this.action.name} with ${length} arguments`);
  }

  at(index: number): Expression {
    return this.action.args[index] ?? { kind: 'ellipsis' };
  }

  /** Whether an argument is left to us: `...`, or not there. */
  isOpen(index: number): boolean {
    return this.at(index).kind === 'ellipsis';
  }

  number(index: number): number {
    return this.evaluate(this.at(index));
  }

  numberOr(index: number, otherwise: number): number {
    return this.isOpen(index) ? otherwise : this.number(index);
  }

  /** The script's number of a file descriptor. */
  scriptFd(index: number): number {
    return this.number(index);
  }

  /** The backend's number of it. */
  fd(index: number): number {
    return this.liveFd(this.number(index));
  }

  liveFd(fd: number): number {
    return this.#fds.get(fd) ?? NO_FD;
  }

  /** The number that an expression stands for; `[n]` is n. */
  evaluate(expression: Expression): number {
    switch (expression.kind) {
      case 'number':
        return expression.value;
      case 'symbol': {
        const value = symbolValue(expression.name);
        if (value === undefined) throw this.unsupported(`symbol ${expression.name}`);
        return value;
      }
      case 'or':
        return expression.terms.reduce((bits, term) => (bits | this.evaluate(term)) >>> 0, 0);
      case 'not':
        return ~this.evaluate(expression.operand);
      case 'list':
        if (expression.items.length === 1) return this.evaluate(expression.items[0]!);
        break;
      case 'call':
        return this.#function(expression);
      case 'ellipsis':
      case 'string':
      case 'struct':
        break;
    }
    throw this.unsupported(`${this.action.name}: a ${expression.kind} where a number is needed`);
  }

  /** `htons(8080)` is 8080: addresses and ports are in host order here. */
  #function(call: Extract<Expression, { kind: 'call' }>): number {
    const [argument] = call.args;
    if (argument !== undefined && (call.name === 'htons' || call.name === 'htonl'))
      return this.evaluate(argument);
    if (call.name === 'inet_addr' && argument?.kind === 'string') {
      const address = parseIpv4(argument.value);
      if (!Number.isNaN(address)) return address;
    }
    throw this.unsupported(`function ${call.name}`);
  }

  /** A socket address, `otherwise` where it is left to us. */
  address(index: number, otherwise: SocketAddress): SocketAddress {
    return this.socketAddress(this.at(index), otherwise);
  }

  socketAddress(expression: Expression, otherwise: SocketAddress): SocketAddress {
    if (expression.kind === 'ellipsis') return otherwise;
    if (expression.kind !== 'struct')
      throw this.unsupported(`${this.action.name}: an address that is no struct`);
    return {
      family: this.fieldOr(expression, 'sa_family', SOCKET_SYMBOLS.AF_INET),
      port: this.fieldOr(expression, 'sin_port', otherwise.port),
      address: this.fieldOr(expression, 'sin_addr', otherwise.address),
    };
  }

  /** A struct's member as a number, `otherwise` when it is not there or left open. */
  fieldOr(struct: Expression, name: string, otherwise: number): number {
    const value = member(struct, name);
    return value === undefined || value.kind === 'ellipsis' ? otherwise : this.evaluate(value);
  }

  local(): SocketAddress {
    return {
      family: SOCKET_SYMBOLS.AF_INET,
      address: this.settings.localAddress,
      port: this.settings.bindPort,
    };
  }

  remote(): SocketAddress {
    return {
      family: SOCKET_SYMBOLS.AF_INET,
      address: this.settings.remoteAddress,
      port: this.settings.connectPort,
    };
  }

  unsupported(what: string): Unsupported {
    return new Unsupported(this.line, what);
  }
}
