import type { World } from '../run/world.ts';
import type { SyscallRequest, SyscallResult } from '../syscall.ts';

/** A system call that is ready to be made. */
export interface Prepared {
  readonly request: SyscallRequest;
  /** Whether a result that is no error is a file descriptor, which the script numbers as it likes. */
  readonly makesFd?: boolean;
  /** The file descriptors that it filled in: the script's numbers of them. */
  readonly fds?: readonly [number, number];
  /** What the script's sockets learn before the call. */
  readonly before?: (world: World) => void;
  /** What they learn from a call that succeeded; `fd` is the script's number of the new file descriptor. */
  readonly after?: (world: World, result: SyscallResult, fd: number) => void;
  /** What a call that succeeded filled in and should not have; undefined when all is as the script says. */
  readonly verify?: (result: SyscallResult) => string | undefined;
}
