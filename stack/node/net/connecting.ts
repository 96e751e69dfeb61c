import { ADDRCONFIG, type LookupOptions } from 'node:dns';
import { isIP } from 'node:net';
import { nextTick } from 'node:process';
import { invalidAddressFamily, invalidIpAddress } from '../errors.ts';
import { hostPortError, type SystemError } from '../system-error.ts';
import { AddressAttempts, type Candidate } from './attempts.ts';
import { type ConnectTarget, connectTarget } from './connect-options.ts';
import type { NetSeam } from './seam.ts';
import type { Socket } from './socket.ts';
import type { TcpHandle } from './tcp-handle.ts';

/** A socket's way from what it was told to a connection: the name is looked up, and its address, or several, are tried. */
export class Connecting {
  readonly socket: Socket;
  readonly net: NetSeam;
  readonly target: ConnectTarget;

  /** Throws when an option is wrong. */
  constructor(socket: Socket, net: NetSeam, options: Readonly<Record<string, unknown>>) {
    this.socket = socket;
    this.net = net;
    this.target = connectTarget(options, net.autoSelect);
  }

  start(): void {
    const { host } = this.target;
    const literal = isIP(host);
    if (literal !== 0) {
      nextTick(() => {
        if (this.socket.connecting) this.attempt(host, literal);
      });
      return;
    }
    this.socket._host = host;
    const { autoSelectFamily, localAddress } = this.target;
    const family = familyNumber(this.target.family);
    const hints = family === 4 || family === 6 || this.target.hints !== 0 ? this.target.hints : ADDRCONFIG;
    const options = { family, hints } as LookupOptions;
    if (autoSelectFamily && family !== 4 && family !== 6 && localAddress === undefined)
      this.#lookupAll({ ...options, all: true });
    else this.#lookupOne(options);
  }

  #lookupOne(options: LookupOptions): void {
    const { socket, target } = this;
    const lookup = target.lookup ?? this.net.lookup;
    lookup(target.host, options, (error, address, family) => {
      socket.emit('lookup', error, address, family, target.host);
      // A listener may have closed it.
      if (!socket.connecting) return;
      if (error) this.#failLater(error);
      else if (typeof address !== 'string' || isIP(address) === 0) this.#failLater(invalidIpAddress(address));
      else if (family !== 4 && family !== 6)
        this.#failLater(invalidAddressFamily(family, target.host, target.port));
      else {
        socket._unrefTimer();
        this.attempt(address, family);
      }
    });
  }

  #lookupAll(options: LookupOptions): void {
    const { socket, target } = this;
    const lookup = target.lookup ?? this.net.lookup;
    lookup(target.host, options, (error, found) => {
      if (!socket.connecting) return;
      if (error) {
        socket.emit('lookup', error, undefined, undefined, target.host);
        this.#failLater(error);
        return;
      }
      const addresses = Array.isArray(found) ? found : [];
      const valid: Candidate[] = [];
      for (const { address, family } of addresses) {
        socket.emit('lookup', error, address, family, target.host);
        if (!socket.connecting) return;
        if (isIP(address) !== 0 && (family === 4 || family === 6)) valid.push({ address, family });
      }
      this.#tryAll(valid, addresses[0]);
    });
  }

  #tryAll(valid: readonly Candidate[], first: Candidate | undefined): void {
    const { socket, target } = this;
    if (valid.length === 0) {
      const address = first?.address;
      const bad =
        address === undefined || isIP(address) === 0
          ? invalidIpAddress(address)
          : invalidAddressFamily(first?.family, target.host, target.port);
      this.#failLater(bad);
      return;
    }
    socket._unrefTimer();
    const [only] = valid;
    if (valid.length > 1) new AddressAttempts(this, valid).next();
    else this.attempt(only!.address, only!.family);
  }

  /** Tries one address, which decides. */
  attempt(address: string, family: number): void {
    const { socket } = this;
    const handle = socket._handle!;
    const error = this.open(handle, address, family, (status) => {
      if (socket.destroyed) return;
      if (status === 0) {
        socket._connected();
        return;
      }
      const failure = this.failure(status, address);
      socket.emit('connectionAttemptFailed', address, this.target.port, family, failure);
      socket.destroy(failure);
    });
    if (error !== null) socket.destroy(error);
  }

  /** Binds and connects a handle; an error that came at once, null when `done` hears how it ends. */
  open(
    handle: TcpHandle,
    address: string,
    family: number,
    done: (status: number) => void,
  ): SystemError | null {
    const { socket, target } = this;
    const { port, localAddress, localPort } = target;
    if (localAddress !== undefined || localPort !== undefined) {
      const local = localAddress ?? (family === 6 ? '::' : '0.0.0.0');
      const result = handle.bind(local, localPort ?? 0);
      if (result < 0) return hostPortError(result, 'bind', local, localPort ?? 0);
    }
    socket.emit('connectionAttempt', address, port, family);
    if (!socket.connecting) return null;
    const result = handle.connect(address, port, done);
    if (result === 0) return null;
    const name = handle.getsockname();
    const local = typeof name === 'number' ? 'undefined:undefined' : `${name.address}:${name.port}`;
    return hostPortError(result, 'connect', address, port, local);
  }

  /** Why a connection that was under way came to nothing. */
  failure(status: number, address: string): SystemError {
    const { port, localAddress, localPort } = this.target;
    if (localAddress === undefined || localPort === undefined)
      return hostPortError(status, 'connect', address, port);
    const error = hostPortError(status, 'connect', address, port, `${localAddress}:${localPort}`);
    return Object.assign(error, { localAddress, localPort });
  }

  #failLater(error: Error): void {
    nextTick(() => this.socket.destroy(error));
  }
}

/** `IPv4` is 4. */
function familyNumber(family: LookupOptions['family']): number | undefined {
  if (family === 'IPv4') return 4;
  return family === 'IPv6' ? 6 : family;
}
