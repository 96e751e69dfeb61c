import { EventEmitter } from 'node:events';
import { missingArgs } from '../errors.ts';
import { errnoError } from '../system-error.ts';
import { validateNumber, validateString } from '../validate.ts';
import * as errors from './errors.ts';
import type { SocketName, UdpHandle } from './handle.ts';
import { CONNECTED, kStateSymbol, type SocketState } from './state.ts';

/** What of a socket is set and asked, as opposed to done. */
export abstract class SocketSettings extends EventEmitter {
  abstract [kStateSymbol]: SocketState;

  /** Where it is bound to. Throws EBADF for one that is not. */
  address(): SocketName {
    const out: SocketName = {};
    check(this, (handle) => handle.getsockname(out), 'getsockname');
    return out;
  }

  /** Where it is connected to. Throws ERR_SOCKET_DGRAM_NOT_CONNECTED. */
  remoteAddress(): SocketName {
    running(this);
    if (this[kStateSymbol].connectState !== CONNECTED) throw errors.notConnected();
    const out: SocketName = {};
    check(this, (handle) => handle.getpeername(out), 'getpeername');
    return out;
  }

  /** Allows sending to broadcast addresses. */
  setBroadcast(on: boolean): void {
    check(this, (handle) => handle.setBroadcast(on ? 1 : 0), 'setBroadcast');
  }

  /** Sets the time to live, 1 to 255. */
  setTTL(ttl: number): number {
    validateNumber(ttl, 'ttl');
    check(this, (handle) => handle.setTTL(ttl), 'setTTL');
    return ttl;
  }

  /** The same of what is sent to groups, 0 to 255. */
  setMulticastTTL(ttl: number): number {
    validateNumber(ttl, 'ttl');
    check(this, (handle) => handle.setMulticastTTL(ttl), 'setMulticastTTL');
    return ttl;
  }

  /** Whether this host hears what is sent to groups that it is in. */
  setMulticastLoopback(on: boolean): boolean {
    check(this, (handle) => handle.setMulticastLoopback(on ? 1 : 0), 'setMulticastLoopback');
    return on;
  }

  /** The interface, by its address, that what is sent to groups leaves by; 0.0.0.0: the route's. */
  setMulticastInterface(address: string): void {
    running(this);
    validateString(address, 'interfaceAddress');
    check(this, (handle) => handle.setMulticastInterface(address), 'setMulticastInterface');
  }

  /** Joins a group, on the interface that has `local`, else the route's. */
  addMembership(group: string, local?: string): void {
    running(this);
    if (!group) throw missingArgs('multicastAddress');
    check(this, (handle) => handle.addMembership(group, local), 'addMembership');
  }

  dropMembership(group: string, local?: string): void {
    running(this);
    if (!group) throw missingArgs('multicastAddress');
    check(this, (handle) => handle.dropMembership(group, local), 'dropMembership');
  }

  /** Joins a group for what `source` sends to it. */
  addSourceSpecificMembership(source: string, group: string, local?: string): void {
    running(this);
    validateString(source, 'sourceAddress');
    validateString(group, 'groupAddress');
    const add = (handle: UdpHandle): number => handle.addSourceSpecificMembership(source, group, local);
    check(this, add, 'addSourceSpecificMembership');
  }

  dropSourceSpecificMembership(source: string, group: string, local?: string): void {
    running(this);
    validateString(source, 'sourceAddress');
    validateString(group, 'groupAddress');
    const drop = (handle: UdpHandle): number => handle.dropSourceSpecificMembership(source, group, local);
    check(this, drop, 'dropSourceSpecificMembership');
  }

  /** Bytes; Linux, and so the stack, keeps twice as many. Throws ERR_SOCKET_BUFFER_SIZE for a socket that is not bound. */
  setRecvBufferSize(size: number): void {
    bufferSize(this, size, true);
  }

  setSendBufferSize(size: number): void {
    bufferSize(this, size, false);
  }

  getRecvBufferSize(): number {
    return bufferSize(this, 0, true);
  }

  getSendBufferSize(): number {
    return bufferSize(this, 0, false);
  }

  /** Bytes that wait for room to be sent. */
  getSendQueueSize(): number {
    return running(this).getSendQueueSize();
  }

  /** Datagrams that wait for room to be sent. */
  getSendQueueCount(): number {
    return running(this).getSendQueueCount();
  }

  /** While it is bound it keeps the process alive, which it does unless told otherwise. */
  ref(): this {
    this[kStateSymbol].handle?.ref();
    return this;
  }

  unref(): this {
    this[kStateSymbol].handle?.unref();
    return this;
  }
}

/** The handle of a socket. Throws ERR_SOCKET_DGRAM_NOT_RUNNING when it is closed. */
export function running(socket: SocketSettings): UdpHandle {
  const { handle } = socket[kStateSymbol];
  if (!handle) throw errors.notRunning();
  return handle;
}

/** Does something with a socket's handle; throws what that says of `syscall`. */
export function check(socket: SocketSettings, call: (handle: UdpHandle) => number, syscall: string): void {
  const result = call(running(socket));
  if (result < 0) throw errnoError(result, syscall);
}

/** The size of a buffer, after it was set unless `size` is 0. Throws ERR_SOCKET_BAD_BUFFER_SIZE, ERR_SOCKET_BUFFER_SIZE. */
export function bufferSize(socket: SocketSettings, size: number, receive: boolean): number {
  if (size >>> 0 !== size) throw errors.badBufferSize();
  const context: Partial<errors.SystemInfo> = {};
  const result = running(socket).bufferSize(size, receive, context);
  if (result === undefined) throw errors.bufferSizeError(context as errors.SystemInfo);
  return result;
}
