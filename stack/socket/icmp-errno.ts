import {
  ECONNREFUSED,
  EHOSTDOWN,
  EHOSTUNREACH,
  EMSGSIZE,
  ENETUNREACH,
  ENONET,
  ENOPROTOOPT,
  EOPNOTSUPP,
} from '../../device/errno.ts';

/** What an ICMP "destination unreachable" means to a socket. */
export interface IcmpErrno {
  /** Positive. */
  readonly errno: number;
  /** It will not get better: a connection ends by it. */
  readonly fatal: boolean;
}

const soft = (errno: number): IcmpErrno => ({ errno, fatal: false });
const hard = (errno: number): IcmpErrno => ({ errno, fatal: true });

/** By code (Linux: `icmp_err_convert`). */
export const ICMP_ERRNO: readonly IcmpErrno[] = [
  soft(ENETUNREACH),
  soft(EHOSTUNREACH),
  hard(ENOPROTOOPT),
  hard(ECONNREFUSED),
  soft(EMSGSIZE),
  soft(EOPNOTSUPP),
  hard(ENETUNREACH),
  hard(EHOSTDOWN),
  hard(ENONET),
  hard(ENETUNREACH),
  hard(EHOSTUNREACH),
  soft(ENETUNREACH),
  soft(EHOSTUNREACH),
  hard(EHOSTUNREACH),
  hard(EHOSTUNREACH),
  hard(EHOSTUNREACH),
];
