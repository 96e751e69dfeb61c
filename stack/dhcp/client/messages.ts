import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import type { Ipv4 } from '../../wire/address.ts';
import {
  BOOTREQUEST,
  DHCPDECLINE,
  DHCPDISCOVER,
  DHCPRELEASE,
  DHCPREQUEST,
  HTYPE_ETHERNET,
  writeDhcp,
} from '../../wire/dhcp.ts';
import {
  OPT_BROADCAST,
  OPT_CLASSLESS_ROUTE,
  OPT_CLIENT_ID,
  OPT_DNS_SERVER,
  OPT_DOMAIN_NAME,
  OPT_DOMAIN_SEARCH,
  OPT_HOSTNAME,
  OPT_MAX_MESSAGE_SIZE,
  OPT_MTU,
  OPT_NTP_SERVER,
  OPT_PARAMETER_LIST,
  OPT_REBINDING_TIME,
  OPT_RENEWAL_TIME,
  OPT_REQUESTED_ADDRESS,
  OPT_ROUTER,
  OPT_SERVER_ID,
  OPT_STATIC_ROUTE,
  OPT_SUBNET_MASK,
  OPT_VENDOR_CLASS,
} from '../../wire/dhcp-options.ts';
import { address, text, u16 } from '../codecs.ts';
import type { ClientSettings } from './options.ts';

/** What is asked for; classless routes stand in front of routers (RFC 3442). */
const WANTED: Uint8Array = Uint8Array.of(
  OPT_SUBNET_MASK,
  OPT_CLASSLESS_ROUTE,
  OPT_ROUTER,
  OPT_STATIC_ROUTE,
  OPT_DNS_SERVER,
  OPT_DOMAIN_NAME,
  OPT_DOMAIN_SEARCH,
  OPT_HOSTNAME,
  OPT_MTU,
  OPT_BROADCAST,
  OPT_NTP_SERVER,
  OPT_RENEWAL_TIME,
  OPT_REBINDING_TIME,
);

/** The least that option 57 may say (RFC 2132, section 9.10), in bytes with the IP header. */
const LEAST_MESSAGE_SIZE = 576;

/** What differs from message to message. */
export interface Asking {
  readonly xid: number;
  /** Seconds since the exchange began. */
  readonly secs: number;
  /** The client's address while it is bound, else 0. */
  readonly ciaddr?: Ipv4;
  /** Option 50. */
  readonly requested?: Ipv4;
  /** Option 54. */
  readonly server?: Ipv4;
}

/** Writes a message of a client (RFC 2131, section 4.4.1, table 5). */
export function clientMessage(
  type: number,
  dev: NetDevice,
  settings: ClientSettings,
  asking: Asking,
): Uint8Array {
  const { ciaddr = 0, requested = 0, server = 0 } = asking;
  const asks = type === DHCPDISCOVER || type === DHCPREQUEST;
  const chaddr = Buffer.alloc(6);
  chaddr.writeUIntBE(dev.address, 0, 6);
  const options = new Map<number, Uint8Array>();
  if (settings.clientId !== null) options.set(OPT_CLIENT_ID, settings.clientId);
  if (requested !== 0) options.set(OPT_REQUESTED_ADDRESS, address.write(requested));
  if (server !== 0) options.set(OPT_SERVER_ID, address.write(server));
  if (asks) {
    if (settings.hostname !== '') options.set(OPT_HOSTNAME, text.write(settings.hostname));
    if (settings.vendorClass !== '') options.set(OPT_VENDOR_CLASS, text.write(settings.vendorClass));
    options.set(OPT_MAX_MESSAGE_SIZE, u16.write(Math.max(Math.min(dev.mtu, 0xffff), LEAST_MESSAGE_SIZE)));
    options.set(OPT_PARAMETER_LIST, WANTED);
  }
  const told = type === DHCPDECLINE || type === DHCPRELEASE;
  return writeDhcp({
    op: BOOTREQUEST,
    type,
    htype: HTYPE_ETHERNET,
    hops: 0,
    xid: asking.xid,
    secs: told ? 0 : Math.min(asking.secs, 0xffff),
    broadcast: asks && ciaddr === 0 && settings.broadcast,
    ciaddr,
    yiaddr: 0,
    siaddr: 0,
    giaddr: 0,
    chaddr,
    options,
  }).bytes;
}
