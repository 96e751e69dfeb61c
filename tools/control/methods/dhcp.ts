import { wallClock } from '../../../stack/dhcp/host.ts';
import type { Stack } from '../../../stack/stack.ts';
import { formatIpv4 } from '../../../stack/wire/address.ts';
import { clientLeaseFile, serverLeaseFile } from '../lease-file.ts';
import { type MethodTable, method } from '../method.ts';
import { deviceName, flag, given, integer, ipv4, listOf, optional, stationMac, text } from '../params.ts';
import { badParam, ControlError } from '../protocol.ts';
import { findDevice } from '../subject.ts';
import { type DhcpView, dhcpClientView, dhcpServerView } from '../view/dhcp.ts';
import { answeredInFull } from '../wording.ts';

const PATH_MOST = 4096;
const LIST_MOST = 64;
const RESERVATIONS_MOST = 4096;

const CLIENT = {
  dev: deviceName,
  hostname: optional(text(255)),
  /** Bytes in hex. */
  clientId: optional(text(510)),
  request: optional(ipv4),
  metric: optional(integer(0, 0xffffffff)),
  check: optional(flag),
  /** Where the lease is kept. */
  store: optional(text(PATH_MOST)),
};

const SERVER = {
  dev: deviceName,
  subnet: text(32),
  range: optional(listOf(text(40), LIST_MOST)),
  router: optional(listOf(ipv4, LIST_MOST)),
  dns: optional(listOf(ipv4, LIST_MOST)),
  domain: optional(text(255)),
  /** Seconds. */
  lease: optional(integer(60, 0xffffffff)),
  /** `MAC=ADDRESS`. */
  reserve: optional(listOf(text(64), RESERVATIONS_MOST)),
  authoritative: optional(flag),
  check: optional(flag),
  store: optional(text(PATH_MOST)),
};

export const DHCP_METHODS: MethodTable<Stack> = {
  'dhcp.show': method({ dev: optional(deviceName), stats: optional(flag) }, (stack: Stack, { dev, stats }) =>
    show(stack, dev, stats ?? false),
  ),
  'dhcp.client': method(
    CLIENT,
    (stack: Stack, { dev, hostname, clientId, request, metric, check, store }) => {
      answeredInFull(() =>
        stack.dhcp(
          findDevice(stack, dev),
          given({
            hostname,
            clientId: clientId === undefined ? undefined : hexBytes(clientId),
            requestedAddress: request === undefined ? undefined : formatIpv4(request),
            metric,
            checkAddress: check,
            store: store === undefined ? undefined : clientLeaseFile(store),
          }),
        ),
      );
    },
  ),
  'dhcp.server': method(SERVER, (stack: Stack, params) => {
    const { dev, subnet, range, router, dns, domain, lease, reserve, authoritative, check, store } = params;
    const options = given({
      routers: router?.map(formatIpv4),
      dnsServers: dns?.map(formatIpv4),
      domain,
    });
    const reservations = reserve?.map(reservation);
    answeredInFull(() =>
      stack.serveDhcp(findDevice(stack, dev), {
        subnets: [{ prefix: subnet, options, ...given({ ranges: range, leaseTime: lease, reservations }) }],
        ...given({
          authoritative,
          probeMs: check === false ? 0 : undefined,
          store: store === undefined ? undefined : serverLeaseFile(store),
        }),
      }),
    );
  }),
  'dhcp.release': method({ dev: deviceName }, (stack: Stack, { dev: name }) => {
    const dev = findDevice(stack, name);
    const client = stack.dhcpServices.clients.find((one) => one.dev === dev);
    if (client === undefined) throw new ControlError('ENOENT', `${name} has no DHCP client`);
    client.release();
  }),
  'dhcp.stop': method({ dev: deviceName }, (stack: Stack, { dev: name }) => {
    const dev = findDevice(stack, name);
    const { clients, servers } = stack.dhcpServices;
    const stopped = [...clients, ...servers].filter((one) => one.dev === dev);
    if (stopped.length === 0) throw new ControlError('ENOENT', `${name} has no DHCP client or server`);
    for (const one of stopped) one.close();
  }),
};

function show(stack: Stack, name: string | undefined, stats: boolean): DhcpView[] {
  const dev = name === undefined ? undefined : findDevice(stack, name);
  const now = wallClock(stack);
  const { clients, servers } = stack.dhcpServices;
  return [
    ...clients.filter((one) => (dev ?? one.dev) === one.dev).map((one) => dhcpClientView(one, now, stats)),
    ...servers.filter((one) => (dev ?? one.dev) === one.dev).map((one) => dhcpServerView(one, now, stats)),
  ];
}

function reservation(word: string): { mac: string; address: string } {
  const [mac = '', address = ''] = word.split('=');
  stationMac(mac, 'reserve');
  ipv4(address, 'reserve');
  return { mac, address };
}

function hexBytes(digits: string): Uint8Array {
  if (!/^([0-9a-f]{2})+$/i.test(digits)) throw badParam('clientId', `"${digits}" is not bytes in hex`);
  return Buffer.from(digits, 'hex');
}
