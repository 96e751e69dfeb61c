/** Device state bits (Linux: `__LINK_STATE_*`). */
export const LINK_STATE_START: number = 1 << 0;
export const LINK_STATE_PRESENT: number = 1 << 1;
export const LINK_STATE_NOCARRIER: number = 1 << 2;
export const LINK_STATE_LINKWATCH_PENDING: number = 1 << 3;
export const LINK_STATE_DORMANT: number = 1 << 4;
export const LINK_STATE_TESTING: number = 1 << 5;

/** Registration states (Linux: `NETREG_*`). */
export const NETREG_UNINITIALIZED = 0;
export const NETREG_REGISTERED = 1;
export const NETREG_UNREGISTERING = 2;
export const NETREG_UNREGISTERED = 3;
export const NETREG_RELEASED = 4;

/** Where a name came from (Linux: `NET_NAME_*`). */
export const NET_NAME_ENUM = 1;
export const NET_NAME_USER = 3;
export const NET_NAME_RENAMED = 4;

/** Where an address came from (Linux: `NET_ADDR_*`). */
export const NET_ADDR_PERM = 0;
export const NET_ADDR_RANDOM = 1;
export const NET_ADDR_SET = 3;
