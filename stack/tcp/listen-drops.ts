import { dropReason } from '../../device/drop.ts';

/** The accept queue is full. */
export const DROP_TCP_LISTEN_OVERFLOW: number = dropReason('tcp_listen_overflow');
/** Too many handshakes are under way, and cookies are off. */
export const DROP_TCP_SYN_QUEUE: number = dropReason('tcp_syn_queue');
/** The path back to the sender of a SYN is not known, or no packet was free. */
export const DROP_TCP_NO_PATH: number = dropReason('tcp_no_path');
/** A segment that a listener has no use for: a reset, a FIN, a SYN answered already. */
export const DROP_TCP_LISTEN: number = dropReason('tcp_listen');
