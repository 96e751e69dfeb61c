import { EINVAL, EOPNOTSUPP } from '../../device/errno.ts';
import type { Connection } from './connection.ts';
import { TFO_CLIENT_ENABLE } from './fastopen.ts';
import { FastOpenKeys } from './fastopen-cookie.ts';
import { stateIn } from './states.ts';
import { TCP_CLOSE, TCP_LISTEN } from './tcb.ts';

const UNCONNECTED = (1 << TCP_CLOSE) | (1 << TCP_LISTEN);

/** `TCP_FASTOPEN`: how many handshakes data in a SYN may open (Linux: `fastopen_queue_tune`). */
export function setFastOpen(conn: Connection, value: number): number {
  if (value < 0 || !stateIn(conn.tcb.state, UNCONNECTED)) return -EINVAL;
  allowFastOpen(conn, value);
  return 0;
}

/** From now on data in SYNs may open `most` handshakes of a listener, for which there is a secret then. */
export function allowFastOpen(conn: Connection, most: number): void {
  const { tcb, tcp } = conn;
  tcp.fastOpen.needKeys();
  tcb.fastopenMax = Math.min(most, tcp.somaxconn.value);
}

/** `TCP_FASTOPEN_CONNECT`: a connect waits for the first data. */
export function setFastOpenConnect(conn: Connection, value: number): number {
  const { tcb, tcp } = conn;
  if (value < 0 || value > 1) return -EINVAL;
  if (!tcp.fastOpen.allows(TFO_CLIENT_ENABLE)) return -EOPNOTSUPP;
  if (tcb.state !== TCP_CLOSE) return -EINVAL;
  tcb.fastopenConnect = value;
  return 0;
}

/** `TCP_FASTOPEN_NO_COOKIE`: data in a SYN needs none. */
export function setFastOpenNoCookie(conn: Connection, value: number): number {
  const { tcb } = conn;
  if (value < 0 || value > 1 || !stateIn(tcb.state, UNCONNECTED)) return -EINVAL;
  tcb.fastopenNoCookie = value;
  return 0;
}

/** `TCP_FASTOPEN_KEY`: one key, or two of which the second is the one before. */
export function setFastOpenKey(conn: Connection, bytes: Uint8Array): number {
  const keys = FastOpenKeys.fromBytes(bytes);
  if (keys === null) return -EINVAL;
  conn.fastOpenKeys = keys;
  return 0;
}
