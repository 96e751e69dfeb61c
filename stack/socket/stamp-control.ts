import { SOL_SOCKET } from './abi.ts';
import { type Message, putControl } from './message.ts';
import type { Socket } from './socket.ts';
import { SO_TIMESTAMP, SO_TIMESTAMPING, SO_TIMESTAMPNS } from './socket-options.ts';
import {
  SOF_TIMESTAMPING_OPT_RX_FILTER,
  SOF_TIMESTAMPING_RX_SOFTWARE,
  SOF_TIMESTAMPING_SOFTWARE,
} from './timestamping.ts';

/**
 * Adds the control messages about a packet's time that were asked for (Linux: `__sock_recv_timestamp`). `ms`: of the clock, 0: not
 * known; `isError`: what is received is of the error queue.
 */
export function putTimestamps(socket: Socket, message: Message, ms: number, isError: boolean): void {
  const { timestamp, timestamping } = socket;
  if (timestamp === 0 && timestamping === 0) return;
  const { clock } = socket.layer.context.machine;
  if (timestamp !== 0) {
    const at = ms !== 0 ? ms : clock.now();
    const type = timestamp === 1 ? SO_TIMESTAMP : SO_TIMESTAMPNS;
    putControl(message, SOL_SOCKET, type, timeBytes(clock.epoch, at, timestamp === 1 ? 1 : 1000, 1));
  }
  if ((timestamping & SOF_TIMESTAMPING_SOFTWARE) === 0) return;
  const filtered = (timestamping & SOF_TIMESTAMPING_OPT_RX_FILTER) !== 0;
  const wanted = isError || !filtered || (timestamping & SOF_TIMESTAMPING_RX_SOFTWARE) !== 0;
  const at = timestamp !== 0 && ms === 0 ? clock.now() : ms;
  if (wanted && at !== 0)
    putControl(message, SOL_SOCKET, SO_TIMESTAMPING, timeBytes(clock.epoch, at, 1000, 3));
}

/** `struct timeval` or, with 1000 parts to the microsecond, `struct timespec`, in the first of `places`; the others are zero. */
function timeBytes(epoch: number, ms: number, parts: number, places: number): Uint8Array {
  const bytes = new Uint8Array(16 * places);
  const view = new DataView(bytes.buffer);
  const microseconds = BigInt(Math.floor(epoch)) * 1000n + BigInt(Math.round(((epoch % 1) + ms) * 1000));
  view.setBigInt64(0, microseconds / 1_000_000n, true);
  view.setBigInt64(8, (microseconds % 1_000_000n) * BigInt(parts), true);
  return bytes;
}
