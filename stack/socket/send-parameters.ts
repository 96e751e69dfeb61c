import { EINVAL } from '../../device/errno.ts';
import { SOL_IP, SOL_SOCKET } from './abi.ts';
import { IP_PKTINFO, IP_TOS, IP_TTL } from './inet-options.ts';
import type { InetSocket } from './inet-socket.ts';
import { type ControlMessage, readInt, readNetwork32 } from './message.ts';
import { SO_MARK } from './socket-options.ts';

/** What one datagram is sent with: the socket's options, changed by control messages (Linux: `struct ipcm_cookie`). */
export class SendParameters {
  source = 0;
  oif = 0;
  /** -1: the default. */
  ttl = -1;
  tos = 0;
  mark = 0;
  priority = 0;
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
      if (type !== SO_MARK || data.length !== 4) return -EINVAL;
      this.mark = readInt(data);
      return 0;
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
