/** Numbers of the two capture formats: classic pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng). */

/** First word of a classic file with microseconds. */
export const PCAP_MAGIC_MICROSECONDS = 0xa1b2c3d4;
/** First word of a classic file with nanoseconds. */
export const PCAP_MAGIC_NANOSECONDS = 0xa1b23c4d;
export const PCAP_VERSION_MAJOR = 2;
export const PCAP_VERSION_MINOR = 4;
/** Bytes of a classic file's header, and of a record's. */
export const PCAP_HEADER = 24;
export const PCAP_RECORD = 16;

/** Block types of pcapng; the section header's reads the same in both byte orders. */
export const BLOCK_SECTION = 0x0a0d0d0a;
export const BLOCK_INTERFACE = 1;
export const BLOCK_SIMPLE_PACKET = 3;
export const BLOCK_ENHANCED_PACKET = 6;
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
export const PCAPNG_VERSION_MAJOR = 1;

/** Options: those of every block, of interfaces, of enhanced packets. */
export const OPT_END = 0;
export const OPT_COMMENT = 1;
export const IF_NAME = 2;
export const IF_TSRESOL = 9;
export const IF_TSOFFSET = 14;
export const EPB_FLAGS = 2;
/** The two lowest bits of `EPB_FLAGS`. */
export const EPB_INBOUND = 1;
export const EPB_OUTBOUND = 2;
export const EPB_DIRECTION_MASK = 3;

/** Link types (tcpdump.org/linktypes.html). */
export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_RAW = 101;

/** Bytes kept of a frame unless told otherwise: what tcpdump keeps, longer than any frame. */
export const DEFAULT_SNAP_LENGTH = 262_144;
