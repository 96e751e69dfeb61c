// Preloaded into each of Node's tests: what it requires as `net`, `dgram` or `dns` are the modules of a stack of its own, which has but its
// loopback device. To the test that is the host, so that `os` tells of the stack's interfaces too.

import Module, { createRequire } from 'node:module';
import { createStack } from '../../dist/stack/index.js';
import { UdpHandle } from '../../dist/stack/node/dgram/handle.js';
import { createSocketHandle, newHandle } from '../../dist/stack/node/dgram/new-handle.js';
import { kStateSymbol } from '../../dist/stack/node/dgram/state.js';

const require = createRequire(import.meta.url);
const stack = createStack();

const loopback = {
  address: '127.0.0.1',
  netmask: '255.0.0.0',
  family: 'IPv4',
  mac: '00:00:00:00:00:00',
  internal: true,
  cidr: '127.0.0.1/8',
};
require('node:os').networkInterfaces = () => ({ [stack.loopback.name]: [{ ...loopback }] });

const swapped = new Map();
for (const name of ['net', 'dgram', 'dns']) {
  swapped.set(name, stack[name]);
  swapped.set(`node:${name}`, stack[name]);
}

const load = Module._load;
// What of Node's own insides its tests of `dgram` look at, ours has too.
const host = { sockets: stack.sockets, lookup: (...args) => stack.dns.lookup(...args) };
const UDP = new Proxy(UdpHandle, { construct: () => new UdpHandle(stack.sockets) });
swapped.set('internal/dgram', {
  kStateSymbol,
  newHandle: (...args) => newHandle(host, ...args),
  _createSocketHandle: (...args) => createSocketHandle(host, ...args),
});
swapped.set('internal/test/binding', {
  get internalBinding() {
    const { internalBinding } = load('internal/test/binding');
    return (name) => (name === 'udp_wrap' ? { ...internalBinding(name), UDP } : internalBinding(name));
  },
});

Module._load = (request, parent, isMain) => swapped.get(request) ?? load(request, parent, isMain);
