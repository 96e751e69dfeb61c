import { EINVAL } from '../../device/errno.ts';
import { SOL_IP, SOL_SOCKET } from './abi.ts';
import { IP_PKTINFO, IP_TOS, IP_TTL } from './inet-options.ts';
import type { InetSocket } from './inet-socket.ts';
import { type ControlMessage, type Message, readInt, readNetwork32 } from './message.ts';
import type { Socket } from './socket.ts';
import { SO_MARK, SO_PRIORITY, SO_TIMESTAMPING } from './socket-options.ts';
import { stampsOf, TX_RECORD } from './timestamping.ts';

/** What one datagram is sent with: the socket's options, changed by control messages (Linux: `struct ipcm_cookie`). */
export class SendParameters {
  source = 0;
  oif = 0;
  /** -1: the default. */
  ttl = -1;
  tos = 0;
  mark = 0;
  priority = 0;
  /** `SOF_TIMESTAMPING_TX_*` bits. */
  stamps = 0;
  /** Bytes of each datagram that is to be made of what is sent, 0: one. */
  segment = 0;
  /** The control messages gave a TTL, which then holds for multicasts too. */
  ttlGiven = false;

  /** Begins with what the socket says. */
  begin(socket: InetSocket): void {
    this.source = socket.source;
    this.oif = socket.boundIfindex;
    this.ttl = socket.ttl;
    this.tos = socket.tos;
    this.mark = socket.mark;
    this.priority = socket.priority;
    this.stamps = socket.timestamping & TX_RECORD;
    this.segment = 0;
    this.ttlGiven = false;
  }

  copy(): SendParameters {
    return Object.assign(new SendParameters(), this);
  }

  /** Takes one control message of the levels that all protocols know; `-EINVAL` (Linux: `ip_cmsg_send`). */
  control(message: ControlMessage): number {
    const { level, type, data } = message;
    if (level === SOL_SOCKET) {
      if (data.length !== 4) return -EINVAL;
      if (type === SO_MARK) this.mark = readInt(data);
      else if (type === SO_PRIORITY) this.priority = readInt(data);
      else if (type === SO_TIMESTAMPING) this.stamps = stampsOf(readInt(data));
      else return -EINVAL;
      return Math.min(this.stamps, 0);
    }
    if (level !== SOL_IP) return 0;
    const value = data.length >= 4 ? readInt(data) : (data[0] ?? 0);
    switch (type) {
      case IP_PKTINFO:
        if (data.length < 12) return -EINVAL;
        if (readInt(data) !== 0) this.oif = readInt(data);
        this.source = readNetwork32(data, 4);
        return 0;
      case IP_TTL:
        if (data.length !== 4 || value < 1 || value > 255) return -EINVAL;
        this.ttl = value;
        this.ttlGiven = true;
        return 0;
      case IP_TOS:
        if ((data.length !== 4 && data.length !== 1) || value < 0 || value > 255) return -EINVAL;
        this.tos = value;
        return 0;
      default:
        return -EINVAL;
    }
  }
}

/**
 * `SOF_TIMESTAMPING_TX_*` bits of what a stream sends: the socket's, or those of a control message; `-EINVAL` for one that a stream
 * does not take (Linux: `sock_cmsg_send`).
 */
export function stampsFor(socket: Socket, message: Message): number {
  let stamps = socket.timestamping & TX_RECORD;
  for (let i = 0; i < message.control.length; i++) {
    const { level, type, data } = message.control[i]!;
    if (level !== SOL_SOCKET) continue;
    if (data.length !== 4) return -EINVAL;
    if (type === SO_TIMESTAMPING) stamps = stampsOf(readInt(data));
    else if (type !== SO_MARK && type !== SO_PRIORITY) return -EINVAL;
    if (stamps < 0) return stamps;
  }
  return stamps;
}
