/**
 * The socket layer, exported as `tapir/socket`: BSD-like system calls on `stack.sockets`, with Linux's numbers. Calls do not
 * block, and answer with a count, a descriptor, or a negated errno.
 */

export * from './abi.ts';
export * from './address.ts';
export * from './blocking.ts';
export * from './epoll.ts';
export * from './error-queue.ts';
export * from './inet-options.ts';
export { SocketLayer } from './layer.ts';
export * from './message.ts';
export * from './poll.ts';
