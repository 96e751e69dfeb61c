import type { LookupFunction } from 'node:net';
import type { SocketLayer } from '../../socket/layer.ts';
import type { AutoSelectDefaults } from './auto-select.ts';

/** What sockets and servers need of their stack. */
export interface NetSeam {
  readonly sockets: SocketLayer;
  /** Finds the addresses of a name. */
  readonly lookup: LookupFunction;
  readonly autoSelect: AutoSelectDefaults;
}
