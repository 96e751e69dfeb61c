import type { Machine } from '../../device/machine.ts';

/** Calls a user's store, whose failure to write must not end what is under way: the machine hears of it. */
export function guarded(machine: Machine, call: () => void): void {
  try {
    call();
  } catch (cause) {
    machine.fault('a lease store threw', cause);
  }
}
