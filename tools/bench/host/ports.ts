/** The peer program's services (tools/bench/peer/peer.h), and HTTP. */
export const DISCARD = 5001;
export const CHARGEN = 5002;
export const ECHO = 5003;
export const COUNT = 5004;
export const FLOOD = 5005;
export const HTTP = 8080;
