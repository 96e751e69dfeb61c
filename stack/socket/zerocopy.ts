import { POLLERR } from './abi.ts';
import { queuedError, SO_EE_ORIGIN_ZEROCOPY } from './error-queue.ts';
import type { Socket } from './socket.ts';

/** The bytes were copied (Linux: `SO_EE_CODE_ZEROCOPY_COPIED`). */
const COPIED = 1;
/** Bytes of memory for control that Linux takes for a range of calls, and those that must be free for another. */
const CHARGE = 832;
const LEAST = 576;

/** Whether another range of lent buffers may wait to be told of, behind `waiting` that are not ended (Linux: `sock_omalloc`). */
export function mayLend(socket: Socket, waiting: number): boolean {
  const held = (waiting + socket.errors.count(SO_EE_ORIGIN_ZEROCOPY)) * CHARGE;
  return held + LEAST <= socket.layer.core.optionMax.value;
}

/**
 * Tells a socket's user on the error queue that `count` calls with MSG_ZEROCOPY, from number `first` on, have their buffers back; what
 * follows on the newest ones told of is told with them (Linux: `__msg_zerocopy_callback`).
 */
export function reportLent(socket: Socket, first: number, count: number): void {
  if (socket.closed) return;
  const { errors } = socket;
  const last = (first + count - 1) >>> 0;
  const newest = errors.last();
  const follows =
    newest?.origin === SO_EE_ORIGIN_ZEROCOPY &&
    (newest.data + 1) >>> 0 === first &&
    ((newest.data - newest.info) >>> 0) + 1 + count < 2 ** 32;
  if (follows) errors.replaceLast({ ...newest, data: last });
  else errors.push(queuedError({ origin: SO_EE_ORIGIN_ZEROCOPY, code: COPIED, info: first, data: last }));
  socket.wait.wake(POLLERR);
}
