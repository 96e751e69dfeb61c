import { type ErrnoName, NetError } from '../../device/errno.ts';
import { ControlError, errnoText } from './protocol.ts';

/** The kernel's own words for errors of one operation, as netlink's extended acknowledgement carries them. */
export type Wording = Readonly<Partial<Record<ErrnoName, string>>>;

/** Runs `work` and turns a `NetError` into the refusal that iproute2 would print. */
export function answered<T>(work: () => T, wording: Wording = {}): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof NetError)) throw cause;
    const special = wording[cause.code as ErrnoName];
    throw new ControlError(cause.code, special ?? `RTNETLINK answers: ${errnoText(cause.code)}`);
  }
}

/** The same for what iproute2 has no words for, files of the host's included: the error's own, which name what is wrong. */
export function answeredInFull<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof Error) || cause instanceof ControlError || !('code' in cause)) throw cause;
    throw new ControlError(String(cause.code), cause.message);
  }
}
