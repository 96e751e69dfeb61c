import { Timer } from '../../device/clock/timer.ts';
import { ENTRY_REQUEST, TcpEntry } from './entry.ts';
import type { Listener } from './listener.ts';
import type { TcpNetwork } from './network.ts';
import { TCP_SYN_RECV } from './tcb.ts';
import type { Tcp } from './tcp.ts';

/** A SYN that was answered, until the handshake ends (Linux: `struct tcp_request_sock`). */
export class Request extends TcpEntry {
  readonly kind: number = ENTRY_REQUEST;
  readonly state: number = TCP_SYN_RECV;
  readonly tcp: Tcp;
  readonly network: TcpNetwork;
  /** Null: the connection that it became goes on elsewhere. */
  readonly listener: Listener | null;
  readonly timer: Timer;
  irs = 0;
  /** What the SYN-ACK acknowledges (Linux: `rcv_nxt`). */
  rcvNxt = 0;
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
  ttl = 0;
  dontFragment = 0;

  constructor(tcp: Tcp, network: TcpNetwork, listener: Listener | null) {
    super();
    this.tcp = tcp;
    this.network = network;
    this.listener = listener;
    this.timer = new Timer(tcp.clock, () => listener?.requestTimedOut(this));
  }
}
