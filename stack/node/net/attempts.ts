import { Timer } from '../../../device/clock/timer.ts';
import { ECANCELED, ETIMEDOUT } from '../../../device/errno.ts';
import { connectionTimeout } from '../errors.ts';
import type { Connecting } from './connecting.ts';
import { TcpHandle } from './tcp-handle.ts';

/** An address that a name has. */
export interface Candidate {
  readonly address: string;
  readonly family: number;
}

/** Tries the addresses of a name one after the other, families in turn, each for a limited time (RFC 8305, without races). */
export class AddressAttempts {
  readonly #connecting: Connecting;
  readonly #candidates: readonly Candidate[];
  readonly #errors: Error[] = [];
  readonly #timer: Timer;
  #tried = 0;
  #running: Candidate | null = null;

  constructor(connecting: Connecting, candidates: readonly Candidate[]) {
    this.#connecting = connecting;
    this.#candidates = inTurn(candidates);
    this.#timer = new Timer(connecting.net.sockets.context.machine.clock, () => this.#timedOut());
    connecting.socket.autoSelectFamilyAttemptedAddresses = [];
  }

  /** Tries the next address; when there is none, the socket fails with all that went wrong. */
  next(): void {
    const { socket, target, net } = this.#connecting;
    this.#timer.stop();
    if (!socket.connecting) return;
    const candidate = this.#candidates[this.#tried];
    if (candidate === undefined) {
      this.#fail();
      return;
    }
    if (this.#tried++ > 0) socket._adopt(new TcpHandle(net.sockets));
    this.#running = candidate;
    const { address, family } = candidate;
    const handle = socket._handle!;
    socket.autoSelectFamilyAttemptedAddresses!.push(`${address}:${target.port}`);
    const error = this.#connecting.open(handle, address, family, (status) => {
      if (this.#running === candidate) this.#ended(candidate, status);
    });
    if (error !== null) {
      this.#failed(candidate, error);
      this.next();
      return;
    }
    if (this.#tried < this.#candidates.length) this.#timer.start(target.attemptTimeoutMs);
  }

  #ended(candidate: Candidate, status: number): void {
    const { socket } = this.#connecting;
    this.#timer.stop();
    if (socket.destroyed) return;
    if (status === 0) {
      socket._connected();
      return;
    }
    this.#failed(candidate, this.#connecting.failure(status, candidate.address));
    if (status === -ECANCELED) this.#fail();
    else this.next();
  }

  #failed(candidate: Candidate, error: Error): void {
    const { socket, target } = this.#connecting;
    this.#errors.push(error);
    socket.emit('connectionAttemptFailed', candidate.address, target.port, candidate.family, error);
  }

  #timedOut(): void {
    const { socket, target } = this.#connecting;
    const candidate = this.#running;
    if (candidate === null || !socket.connecting) return;
    this.#running = null;
    socket.emit('connectionAttemptTimeout', candidate.address, target.port, candidate.family);
    this.#errors.push(this.#connecting.failure(-ETIMEDOUT, candidate.address));
    this.next();
  }

  #fail(): void {
    const errors = this.#errors;
    const { socket } = this.#connecting;
    if (errors.length === 0) {
      socket.destroy(connectionTimeout());
      return;
    }
    const error = Object.assign(new AggregateError(errors), { code: (errors[0] as { code?: string }).code });
    socket.destroy(error);
  }
}

/** One of the first's family, one of the other, and so on. */
function inTurn(candidates: readonly Candidate[]): Candidate[] {
  const first = candidates[0]!.family;
  const same = candidates.filter(({ family }) => family === first);
  const other = candidates.filter(({ family }) => family !== first);
  const order: Candidate[] = [];
  for (let i = 0; i < Math.max(same.length, other.length); i++) {
    for (const queue of [same, other]) if (queue[i] !== undefined) order.push(queue[i]!);
  }
  return order;
}
