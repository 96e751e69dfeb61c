import { MAC_BROADCAST } from '../../../device/frame/mac.ts';
import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import { INADDR_BROADCAST, type Ipv4 } from '../../wire/address.ts';
import {
  BOOTREPLY,
  DHCP_CLIENT_PORT,
  DHCP_MTU,
  DHCP_SERVER_PORT,
  DHCPNAK,
  type DhcpMessage,
  writeDhcp,
} from '../../wire/dhcp.ts';
import {
  OPT_CLIENT_ID,
  OPT_HOSTNAME,
  OPT_LEASE_TIME,
  OPT_MAX_MESSAGE_SIZE,
  OPT_MESSAGE,
  OPT_PARAMETER_LIST,
  OPT_REBINDING_TIME,
  OPT_RELAY_AGENT,
  OPT_RENEWAL_TIME,
  OPT_SERVER_ID,
  OPT_SUBNET_MASK,
} from '../../wire/dhcp-options.ts';
import { IP_HLEN, IPPROTO_UDP } from '../../wire/ipv4.ts';
import { UDP_HLEN } from '../../wire/udp.ts';
import { address, text, u16, u32 } from '../codecs.ts';
import { type Ends, transmitDatagram, udpDatagram } from '../frame.ts';
import type { DhcpHost } from '../host.ts';
import { INFINITE } from '../values.ts';
import type { ServerCounters } from './counters.ts';
import type { Subnet } from './options.ts';

/** What is granted with an address. */
export interface Grant {
  readonly address: Ipv4;
  /** Seconds; 0: no lease goes with it, as the answer to a DHCPINFORM. */
  readonly leaseTime: number;
  readonly hostname: string;
}

/** Headers in front of a message. */
const HEADERS = IP_HLEN + UDP_HLEN;

/** Writes a server's answers and sends each where its client hears it (RFC 2131, sections 4.1 and 4.3.1, table 3). */
export class ServerReplies {
  readonly #host: DhcpHost;
  readonly #dev: NetDevice;
  readonly #counters: ServerCounters;

  constructor(host: DhcpHost, dev: NetDevice, counters: ServerCounters) {
    this.#host = host;
    this.#dev = dev;
    this.#counters = counters;
  }

  /** Answers with a DHCPOFFER or a DHCPACK. */
  grant(type: number, asked: DhcpMessage, server: Ipv4, subnet: Subnet, granted: Grant): void {
    const options = this.#identity(asked, server);
    const { leaseTime, hostname } = granted;
    if (leaseTime > 0) {
      options.set(OPT_LEASE_TIME, u32.write(leaseTime));
      if (leaseTime !== INFINITE) {
        options.set(OPT_RENEWAL_TIME, u32.write(Math.floor(leaseTime / 2)));
        options.set(OPT_REBINDING_TIME, u32.write(Math.floor(leaseTime * 0.875)));
      }
    }
    const offered = new Map(subnet.options);
    if (hostname !== '') offered.set(OPT_HOSTNAME, text.write(hostname));
    const list = asked.options.get(OPT_PARAMETER_LIST) ?? offered.keys();
    for (const code of [OPT_SUBNET_MASK, ...list]) {
      const value = offered.get(code);
      if (value !== undefined) options.set(code, value);
    }
    this.#send(type, asked, server, leaseTime > 0 ? granted.address : 0, options);
  }

  /** Refuses with a DHCPNAK. */
  refuse(asked: DhcpMessage, server: Ipv4, why: string): void {
    this.#counters.naks++;
    const options = this.#identity(asked, server);
    options.set(OPT_MESSAGE, text.write(why));
    this.#send(DHCPNAK, asked, server, 0, options);
  }

  /** The server's identifier, and the client's own (RFC 6842). */
  #identity({ options }: DhcpMessage, server: Ipv4): Map<number, Uint8Array> {
    const identity = new Map([[OPT_SERVER_ID, address.write(server)]]);
    const id = options.get(OPT_CLIENT_ID);
    if (id !== undefined) identity.set(OPT_CLIENT_ID, id);
    return identity;
  }

  #send(
    type: number,
    asked: DhcpMessage,
    server: Ipv4,
    yiaddr: Ipv4,
    options: Map<number, Uint8Array>,
  ): void {
    // What a relay added goes back as it came, behind everything else (RFC 3046, section 2.2).
    const relayed = asked.options.get(OPT_RELAY_AGENT);
    if (relayed !== undefined && asked.giaddr !== 0) options.set(OPT_RELAY_AGENT, relayed);
    const refusal = type === DHCPNAK;
    const reply: DhcpMessage = {
      op: BOOTREPLY,
      type,
      htype: asked.htype,
      hops: 0,
      xid: asked.xid,
      secs: 0,
      broadcast: asked.broadcast || (refusal && asked.giaddr !== 0),
      ciaddr: refusal ? 0 : asked.ciaddr,
      yiaddr,
      siaddr: 0,
      giaddr: asked.giaddr,
      chaddr: asked.chaddr,
      options,
    };
    const { bytes, omitted } = writeDhcp(reply, this.#room(asked));
    this.#counters.optionsOmitted += omitted.length;
    if (!this.#deliver(reply, server, bytes)) this.#counters.unsent++;
  }

  /** Bytes that a client takes: what it says (option 57), as far as the device carries it. */
  #room({ options }: DhcpMessage): number {
    const said = u16.read(options.get(OPT_MAX_MESSAGE_SIZE) ?? new Uint8Array(0)) ?? 0;
    return Math.max(Math.min(said, this.#dev.mtu) - HEADERS, DHCP_MTU);
  }

  #deliver(reply: DhcpMessage, source: Ipv4, bytes: Uint8Array): boolean {
    const { ciaddr, yiaddr, giaddr, chaddr } = reply;
    const ends = (destination: Ipv4, destinationPort: number): Ends => ({
      source,
      sourcePort: DHCP_SERVER_PORT,
      destination,
      destinationPort,
    });
    if (giaddr !== 0) return this.#route(bytes, ends(giaddr, DHCP_SERVER_PORT));
    if (ciaddr !== 0) return this.#route(bytes, ends(ciaddr, DHCP_CLIENT_PORT));
    const toAll = reply.broadcast || yiaddr === 0;
    const mac = toAll ? MAC_BROADCAST : Buffer.from(chaddr).readUIntBE(0, 6);
    const destination = toAll ? INADDR_BROADCAST : yiaddr;
    return transmitDatagram(this.#dev, bytes, ends(destination, DHCP_CLIENT_PORT), mac) === 0;
  }

  /** As the routes say. */
  #route(bytes: Uint8Array, ends: Ends): boolean {
    const packet = udpDatagram(this.#host.machine.pool, bytes, ends);
    if (packet === null) return false;
    const { source, destination } = ends;
    return this.#host.ip.send(packet, { source, destination, protocol: IPPROTO_UDP }) >= 0;
  }
}
