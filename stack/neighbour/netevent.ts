/** Events of `Inet.neteventChain`, with Linux's numbers (`net/netevent.h`). What each carries stands behind it. */

/** The entry: a `Neighbour`. */
export const NETEVENT_NEIGH_UPDATE = 1;
/** A redirect was accepted. */
export const NETEVENT_REDIRECT = 2;
/** `delay_first_probe_time` changed: the `NeighParms`. */
export const NETEVENT_DELAY_PROBE_TIME_UPDATE = 3;
export const NETEVENT_IPV4_MPATH_HASH_UPDATE = 4;
export const NETEVENT_IPV6_MPATH_HASH_UPDATE = 5;
export const NETEVENT_IPV4_FWD_UPDATE_PRIORITY_UPDATE = 6;
