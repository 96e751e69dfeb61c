/** Why a message that came was not taken. */
export const CLIENT_DROPS = [
  // Too short, no cookie, options that do not end, no type.
  'malformed',
  // A request, as clients send them.
  'notReply',
  'xid',
  'hardware',
  // Of a type that the state has no use for.
  'unexpected',
  'server',
  'address',
  // What it grants makes no sense.
  'lease',
  // Too many in one batch.
  'overrun',
] as const;

export type ClientDrop = (typeof CLIENT_DROPS)[number];

/** What a client has sent and received, messages that it did not take by reason. */
export class ClientCounters {
  discovers = 0;
  requests = 0;
  declines = 0;
  releases = 0;
  /** Messages that could not be sent: no memory, no route. */
  unsent = 0;
  offers = 0;
  acks = 0;
  naks = 0;
  readonly dropped: Record<ClientDrop, number> = Object.fromEntries(
    CLIENT_DROPS.map((reason) => [reason, 0]),
  ) as Record<ClientDrop, number>;
}
