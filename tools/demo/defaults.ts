/** What both kinds of demo have in common, times in milliseconds. */
export const DEMO = {
  seed: 1,
  /** Between two echo requests of the peer. */
  intervalMs: 20,
  /** For which the peer pings before the machine moves. */
  warmUpMs: 2000,
  /** Between leaving one host and going on at the other. */
  downtimeMs: 50,
  /** After which a run without an answer ends. */
  capMs: 30_000,
  /** For which a run goes on after the first answer. */
  afterMs: 1000,
  /** After which the switch forgets an address: Linux's default. */
  ageingMs: 300_000,
  /** From one end of a cable to the other. */
  cableMs: 0.1,
} as const;
