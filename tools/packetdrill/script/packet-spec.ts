/** A packet as a script describes it. Everything undefined was not written and is not checked. */
export type PacketSpec = TcpSpec | UdpSpec | IcmpSpec;

/** What a script says of the IP header. */
export interface IpSpec {
  /** `noecn` 0, `ect1` 1, `ect0` 2, `ce` 3; `ect01` is either ECT. */
  readonly ecn: number | 'ect01' | undefined;
  /** The whole byte. */
  readonly tos: number | undefined;
  readonly ttl: number | undefined;
}

/** `source > destination`. */
export interface Ports {
  readonly source: number;
  readonly destination: number;
}

export interface TcpSpec {
  readonly protocol: 'tcp';
  readonly ip: IpSpec;
  readonly ports: Ports | undefined;
  /** `FIN` to `AE` as bits 0 to 8 of the header's flags. */
  readonly flags: number;
  /** The three bits of AccECN's counter: they take the place of AE, CWR and ECE. */
  readonly ace: number | undefined;
  /** Sequence numbers on the script's scale. */
  readonly seq: number;
  readonly end: number;
  /** Bytes of payload. */
  readonly length: number;
  readonly ack: number | undefined;
  readonly window: number | undefined;
  readonly urgent: number | undefined;
  /** In order, padding included; undefined for `<...>`. */
  readonly options: readonly TcpOption[] | undefined;
}

export interface UdpSpec {
  readonly protocol: 'udp';
  readonly ip: IpSpec;
  readonly ports: Ports | undefined;
  /** Bytes of payload. */
  readonly length: number;
}

export interface IcmpSpec {
  readonly protocol: 'icmp';
  readonly ip: IpSpec;
  readonly type: number;
  readonly code: number;
  /** Next-hop MTU of "fragmentation needed". */
  readonly mtu: number | undefined;
  /** Identifier of an echo. */
  readonly id: number | undefined;
  /** What of the offending packet is quoted; undefined for echoes. */
  readonly quoted: QuotedSpec | undefined;
  /** Bytes behind an echo's header. */
  readonly length: number;
}

/** The packet that an ICMP error quotes. */
export interface QuotedSpec {
  readonly protocol: 'tcp' | 'udp' | 'raw';
  /** TCP's sequence number on the script's scale; undefined: what the stack sent last. */
  readonly seq: number | undefined;
  /** Bytes of payload that the quoted header promises. */
  readonly length: number;
}

export type TcpOption =
  | { readonly kind: 'eol' | 'nop' | 'sackOK' }
  | { readonly kind: 'mss' | 'wscale'; readonly value: number }
  | { readonly kind: 'TS'; readonly val: number; readonly ecr: number }
  | { readonly kind: 'sack'; readonly blocks: readonly SackBlock[] }
  /** TCP Fast Open; `experimental`: option 254 with the magic number 0xf989. */
  | { readonly kind: 'FO' | 'FOEXP'; readonly cookie: Uint8Array }
  | { readonly kind: 'md5'; readonly digest: Uint8Array }
  /** AccECN's byte counters, in the order in which they are written. */
  | { readonly kind: 'ECN'; readonly order: 0 | 1; readonly counters: readonly number[] }
  /** Anything else, found in a live packet only. */
  | { readonly kind: 'other'; readonly type: number; readonly data: Uint8Array };

export interface SackBlock {
  readonly from: number;
  readonly to: number;
}

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;
export const ECE = 0x40;
export const CWR = 0x80;
export const AE = 0x100;
/** The header bits that AccECN reads as one number, and where it begins. */
export const ACE_MASK = AE | CWR | ECE;
export const ACE_SHIFT = 6;
