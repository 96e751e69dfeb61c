import { errnoName } from '../../../device/errno.ts';
import type { Ping, PingReply } from '../../../stack/ip/ping.ts';
import type { Stack } from '../../../stack/stack.ts';
import type { PingEvent } from '../../format/ping.ts';
import { type Call, type MethodTable, method } from '../method.ts';
import { integer, ipv4, optional, real } from '../params.ts';
import { ControlError, errnoText } from '../protocol.ts';
import { answered } from '../wording.ts';

/** What `ping.run` answers at the end. */
export interface PingResult {
  readonly transmitted: number;
}

const PING = {
  address: ipv4,
  count: optional(integer(1, 0xffffffff)),
  /** Milliseconds. */
  interval: optional(real(1, 86_400_000)),
  size: optional(integer(0, 65507)),
  ttl: optional(integer(1, 255)),
  /** Milliseconds that each answer may take. */
  timeout: optional(real(1, 86_400_000)),
};

export const PING_METHODS: MethodTable<Stack> = {
  'ping.run': method(
    PING,
    (stack: Stack, { address, count, interval: intervalMs, timeout: timeoutMs, size, ttl }, call) => {
      const path = stack.routes.output(address, 0, 0, 0);
      if (typeof path === 'number') {
        const code = errnoName(path);
        throw new ControlError(code, `ping: connect: ${errnoText(code)}`);
      }
      const ping = answered(() =>
        stack.ping(address, {
          count: count ?? Number.POSITIVE_INFINITY,
          ...(intervalMs !== undefined && { intervalMs }),
          ...(timeoutMs !== undefined && { timeoutMs }),
          ...(size !== undefined && { size }),
          ...(ttl !== undefined && { ttl }),
        }),
      );
      return follow(ping, call);
    },
  ),
};

/** Sends what becomes of each request; ends when all were answered or given up, or when the call is cancelled. */
function follow(ping: Ping, call: Call): Promise<PingResult> {
  ping.onReply((reply) => {
    const event = eventOf(reply);
    if (event !== null) call.emit(event);
  });
  return new Promise((resolve) => {
    ping.onEnd(() => resolve({ transmitted: ping.transmitted }));
    call.signal.addEventListener('abort', () => ping.stop());
  });
}

/** Nothing for a request that was not answered: ping(8) says nothing of it either. */
function eventOf(reply: PingReply): PingEvent | null {
  const {
    kind,
    sequence: seq,
    from,
    rttMs: rtt,
    ttl,
    bytes,
    duplicate,
    intact,
    type,
    code,
    info,
    reason,
  } = reply;
  switch (kind) {
    case 'reply':
      return { kind, seq, from: from ?? '', bytes, ttl, rtt, duplicate, intact };
    case 'error':
      return { kind, seq, from: from ?? '', type, code, info };
    case 'unsent':
      return { kind, seq, error: errnoText(reason) };
    case 'timeout':
      return null;
  }
}
