import { ENOMSG } from '../../device/errno.ts';
import { POLLERR } from './abi.ts';
import { queuedError, SO_EE_ORIGIN_TIMESTAMPING } from './error-queue.ts';
import type { Socket } from './socket.ts';
import { SOF_TIMESTAMPING_OPT_ID, SOF_TIMESTAMPING_OPT_TSONLY } from './timestamping.ts';

/** What a stamp on the error queue is about: given to the driver, given to the queue, acknowledged. */
export const SCM_TSTAMP_SND = 0;
export const SCM_TSTAMP_SCHED = 1;
export const SCM_TSTAMP_ACK = 2;

/**
 * Tells a socket, on its error queue, of a moment of what it sent (Linux: `__skb_tstamp_tx`). `key`: the datagram's or the last
 * byte's number. What was sent comes back with it unless only the time is wanted.
 */
export function reportStamp(socket: Socket, kind: number, key: number, sent: () => Uint8Array): void {
  if (socket.closed) return;
  const { errors, timestamping } = socket;
  const only = (timestamping & SOF_TIMESTAMPING_OPT_TSONLY) !== 0;
  const entry = queuedError({
    errno: ENOMSG,
    origin: SO_EE_ORIGIN_TIMESTAMPING,
    info: kind,
    data: (timestamping & SOF_TIMESTAMPING_OPT_ID) !== 0 ? key : 0,
    timeMs: socket.layer.context.machine.clock.now(),
    ...(only ? {} : { payload: sent() }),
  });
  if (errors.push(entry, socket.rcvbuf)) socket.wait.wake(POLLERR);
}
