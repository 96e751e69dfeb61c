import { Timer } from '../../device/clock/timer.ts';
import { ENTRY_REQUEST, TcpEntry } from './entry.ts';
import type { Listener } from './listener.ts';

/** A SYN that was answered, until the handshake ends (Linux: `struct tcp_request_sock`). */
export class Request extends TcpEntry {
  readonly kind: number = ENTRY_REQUEST;
  readonly listener: Listener;
  readonly timer: Timer;
  irs = 0;
  iss = 0;
  /** The peer's segment size. */
  mss = 0;
  sndWscale = 0;
  wscaleOk = 0;
  tstampOk = 0;
  sackOk = 0;
  ecnOk = 0;
  tsRecent = 0;
  tsOffset = 0;
  rcvWnd = 0;
  rcvWscale = 0;
  windowClamp = 0;
  /** Segment size that the SYN-ACK announces. */
  advmss = 0;
  /** SYN-ACKs that were sent again because time ran out. */
  timeouts = 0;
  retransmits = 0;
  /** The peer has acknowledged, and data is waited for (`TCP_DEFER_ACCEPT`). */
  acked = false;
  sentUs = 0;
  lastOowAckMs = 0;
  tos = 0;

  constructor(listener: Listener) {
    super();
    this.listener = listener;
    this.timer = new Timer(listener.tcp.clock, () => listener.requestTimedOut(this));
  }
}
