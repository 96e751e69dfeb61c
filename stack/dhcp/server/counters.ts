/** Why a message that came was not answered. */
export const SERVER_DROPS = [
  // Too short, no cookie, options that do not end, no type.
  'malformed',
  // Not a request, or of a type that only servers send.
  'notRequest',
  // Neither Ethernet nor an identifier by which to know the client.
  'hardware',
  // No subnet of ours is at the relay, or on the device.
  'noSubnet',
  // Meant for another server, whose offer was chosen.
  'otherServer',
  // No address is free.
  'noAddress',
  // Too many addresses are being looked for.
  'busy',
  // Not authoritative, and nothing known of the client.
  'unknownClient',
  // Contradicts itself: both addresses or none.
  'inconsistent',
  // Gives back or declines what is not his.
  'notHis',
] as const;

export type ServerDrop = (typeof SERVER_DROPS)[number];

/** What a server has received, sent, and not answered, by reason. */
export class ServerCounters {
  discovers = 0;
  requests = 0;
  declines = 0;
  releases = 0;
  informs = 0;
  offers = 0;
  acks = 0;
  naks = 0;
  /** Addresses that somebody answered for before they were offered. */
  conflicts = 0;
  expired = 0;
  /** Replies that could not be sent, and options for which a reply had no room. */
  unsent = 0;
  optionsOmitted = 0;
  readonly dropped: Record<ServerDrop, number> = Object.fromEntries(
    SERVER_DROPS.map((reason) => [reason, 0]),
  ) as Record<ServerDrop, number>;
}
