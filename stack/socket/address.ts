/**
 * A socket address, as calls take and fill it. What its numbers mean depends on the family: for `AF_INET` the address and the
 * port; for `AF_PACKET` the hardware address (48 bits), the EtherType in `port`, and the rest (Linux: `sockaddr_ll`).
 */
export class SocketAddress {
  /** `AF_*`; 0 (`AF_UNSPEC`) where there is none. */
  family: number;
  address: number;
  /** Host order. */
  port: number;
  /** Interface index: `sll_ifindex`, `sin6_scope_id`. */
  ifindex = 0;
  /** `sll_hatype`. */
  hardwareType = 0;
  /** `sll_pkttype`. */
  packetType = 0;

  constructor(family = 0, address = 0, port = 0, ifindex = 0) {
    this.family = family;
    this.address = address;
    this.port = port;
    this.ifindex = ifindex;
  }

  /** Makes it an address of `family`, and returns it. */
  set(family: number, address: number, port: number): this {
    this.family = family;
    this.address = address;
    this.port = port;
    this.ifindex = 0;
    this.hardwareType = 0;
    this.packetType = 0;
    return this;
  }
}
