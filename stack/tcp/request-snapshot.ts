import type { Connection } from './connection.ts';
import { Request } from './request.ts';

/** Fields of a request that are kept. */
const FIELDS = [
  'local',
  'localPort',
  'remote',
  'remotePort',
  'boundIfindex',
  'irs',
  'rcvNxt',
  'iss',
  'mss',
  'sndWscale',
  'wscaleOk',
  'tstampOk',
  'sackOk',
  'ecnOk',
  'tsRecent',
  'rcvWnd',
  'rcvWscale',
  'windowClamp',
  'advmss',
  'timeouts',
  'retransmits',
  'sentUs',
  'lastOowAckMs',
  'tos',
  'ttl',
  'dontFragment',
] as const satisfies readonly (keyof Request)[];

/** What must be known to answer a SYN again: the request of a connection that data in a SYN has opened. */
export type SavedRequest = Record<(typeof FIELDS)[number], number>;

/** Saves the request that a connection still is; null: it is none. */
export function saveRequest({ request }: Connection): SavedRequest | null {
  if (request === null) return null;
  const saved = {} as SavedRequest;
  for (const name of FIELDS) saved[name] = request[name];
  return saved;
}

/** Puts back what {@link saveRequest} gave, into a connection whose control block is loaded, `shiftMs` of the clock later. */
export function loadRequest(conn: Connection, saved: Readonly<SavedRequest>, shiftMs: number): void {
  const request = new Request(conn.tcp, conn.network, null);
  for (const name of FIELDS) request[name] = saved[name];
  request.sentUs += Math.round(shiftMs * 1000);
  if (request.lastOowAckMs !== 0) request.lastOowAckMs += shiftMs;
  request.tsOffset = conn.tcb.tsOffset;
  conn.request = request;
  conn.synAckSentUs = request.retransmits === 0 ? request.sentUs : 0;
}
