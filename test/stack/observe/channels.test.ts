import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import t, { type Test } from 'tap';
import { DROP_POOL_EXHAUSTED } from '../../../device/drop.ts';
import { NETDEV_DOWN, NETDEV_GOING_DOWN, netdevEventName } from '../../../device/netdevice/events.ts';
import type { NetdevInfo } from '../../../device/netdevice/netdev-info.ts';
import type { NotifierMessage } from '../../../device/netdevice/notifier.ts';
import type { InetAddress } from '../../../stack/ip/inet-device.ts';
import { formatIpv4 } from '../../../stack/wire/address.ts';
import { bench, datagram, inject, rawStack } from '../ip/harness.ts';

/** What comes on a channel until the end of a test. */
function heard<M>(t: Test, name: string): M[] {
  const messages: M[] = [];
  const listener = (message: unknown) => {
    messages.push(message as M);
  };
  subscribe(name, listener);
  t.teardown(() => unsubscribe(name, listener));
  return messages;
}

t.test('tapir:drop says why, where and how much', (t) => {
  const on = bench();
  const { stack, dev } = rawStack(on);
  inject(stack, dev, datagram({ protocol: 6, payload: Buffer.alloc(4) }));
  const messages = heard(t, 'tapir:drop');
  inject(stack, dev, datagram({ protocol: 6, payload: Buffer.alloc(4) }));
  stack.ns.dropUnmade(DROP_POOL_EXHAUSTED);
  t.strictSame(messages, [
    { reason: 'tcp_header', device: 'tun0', length: 24 },
    { reason: 'pool_exhausted', device: null, length: 0 },
  ]);
  t.strictSame(stack.counters().drops, { tcp_header: 2, pool_exhausted: 1 });
  stack.close();
  t.end();
});

t.test('tapir:netdev and tapir:inetaddr tell what the chains are told', (t) => {
  const on = bench();
  const { stack, dev } = rawStack(on);
  const devices = heard<NotifierMessage<NetdevInfo>>(t, 'tapir:netdev');
  const addresses = heard<NotifierMessage<InetAddress>>(t, 'tapir:inetaddr');
  stack.addAddress(dev, '198.51.100.1/24');
  stack.deleteAddress(dev, '198.51.100.1/24');
  stack.setDown(dev);
  t.strictSame(
    addresses.map(({ event, info }) => `${netdevEventName(event)} ${formatIpv4(info.local)}`),
    ['UP 198.51.100.1', 'DOWN 198.51.100.1'],
  );
  t.strictSame(
    devices.map(({ event, info }) => [event, info.dev.name]),
    [
      [NETDEV_GOING_DOWN, 'tun0'],
      [NETDEV_DOWN, 'tun0'],
    ],
  );
  stack.close();
  t.end();
});
