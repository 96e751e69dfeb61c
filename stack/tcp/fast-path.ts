import type { Connection } from './connection.ts';

/** Whether the next segment may take the fast path, by the state of the queues (Linux: `tcp_fast_path_check`). */
export function checkFastPath(conn: Connection): void {
  const { tcb } = conn;
  if (conn.outOfOrder.empty && tcb.rcvWnd > 0 && conn.receiveMemory < tcb.rcvbuf && tcb.urgData === 0)
    conn.predicted = true;
}
