import type { Connection } from '../connection.ts';
import { inSlowStart, isCwndLimited } from '../cwnd.ts';
import type { Congestion } from './congestion.ts';
import { additiveIncrease, slowStart } from './growth.ts';

/** NewReno's window (RFC 5681; Linux: `tcp_reno`): half after a loss, one segment more a round trip. */
export class Reno implements Congestion {
  readonly name = 'reno';

  begin(_conn: Connection): void {}

  ssthresh({ tcb }: Connection): number {
    return Math.max(tcb.sndCwnd >> 1, 2);
  }

  grow({ tcb }: Connection, acked: number): void {
    if (!isCwndLimited(tcb)) return;
    const left = inSlowStart(tcb) ? slowStart(tcb, acked) : acked;
    if (left > 0) additiveIncrease(tcb, tcb.sndCwnd, left);
  }

  undoCwnd({ tcb }: Connection): number {
    return Math.max(tcb.sndCwnd, tcb.priorCwnd);
  }

  acked(_conn: Connection, _rttUs: number): void {}

  stateChanges(_conn: Connection, _state: number): void {}

  transmissionStarts(_conn: Connection): void {}

  save(): Record<string, number> {
    return {};
  }

  load(saved: Readonly<Record<string, unknown>>): void {
    const [name] = Object.keys(saved);
    if (name !== undefined) throw new TypeError(`reno has no field ${name}`);
  }
}
