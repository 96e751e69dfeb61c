import { release, type } from 'node:os';
import type { BackendFactory } from '../backend.ts';
import { LinuxBackend } from './linux/backend.ts';
import { SimBackend } from './sim/backend.ts';

/** A kind of stack under test. */
export interface BackendChoice {
  readonly create: BackendFactory;
  /** Whether a second of a script takes a second. */
  readonly realTime: boolean;
  /** Microseconds by which events may be early or late in scripts that don't say. */
  readonly tolerance: number;
  /** How many scripts run at once when nobody says. */
  readonly jobs: number;
  /** What the stack calls itself. */
  readonly version: string;
}

/** A backend that can't be had here; the message says why. */
export class NoBackend extends Error {}

/**
 * The backend of a name. Throws `NoBackend` when it is unknown or can't run. In real time the tolerance is that of a kernel
 * whose timers tick every 4 ms (`CONFIG_HZ=250`), on a host that does other things too.
 */
export function chooseBackend(name: string): BackendChoice {
  switch (name) {
    case 'linux':
      if (process.platform !== 'linux' || process.getuid?.() !== 0)
        throw new NoBackend('--backend linux needs root on Linux');
      return {
        create: (config) => LinuxBackend.create(config),
        realTime: true,
        tolerance: 10_000,
        jobs: 4,
        version: `${type()} ${release()}`,
      };
    case 'tapir':
      return {
        create: (config) => new SimBackend(config),
        realTime: false,
        tolerance: 4000,
        jobs: 1,
        version: 'tapir',
      };
    default:
      throw new NoBackend(`--backend ${name}: tapir or linux is expected`);
  }
}
