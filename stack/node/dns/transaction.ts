import { Timer } from '../../../device/clock/timer.ts';
import type { Entropy } from '../../../device/random.ts';
import type { SocketLayer } from '../../socket/layer.ts';
import type { Ipv4 } from '../../wire/address.ts';
import { SERVERS_FAULT } from './answer.ts';
import { BADRESP, CONNREFUSED, TIMEOUT } from './codes.ts';
import type { DnsCounters } from './counters.ts';
import type { Exchange, ExchangeUser } from './exchange.ts';
import { encodeQuestion, type Response, readResponse } from './message.ts';
import { type Question, randomCase } from './question.ts';
import type { ServerAddress } from './server-address.ts';
import { TcpExchange } from './tcp-exchange.ts';
import { UdpExchange } from './udp-exchange.ts';

/** Whom to ask, and how patiently. */
export interface AskingPlan {
  readonly servers: readonly ServerAddress[];
  /** The server that is asked first. */
  readonly first: number;
  /** Milliseconds for an answer in the first round; each round waits twice as long as the one before. */
  readonly timeoutMs: number;
  /** Rounds over the servers. */
  readonly tries: number;
  /** Address to ask from, 0: any. */
  readonly local: Ipv4;
}

/** What transactions stand on. */
export interface Asking {
  readonly sockets: SocketLayer;
  readonly entropy: Entropy;
  readonly counters: DnsCounters;
  /** Channels that have questions under way. */
  readonly active: Set<{ cancel(code: string): void }>;
}

/** Hears a server's answer, or the code of why none gave one. */
export type TransactionDone = (outcome: Response | string) => void;

/**
 * One question, asked of the servers in turn until one answers: over UDP first, over TCP what UDP cut short or answered in other letters,
 * and without EDNS a server that does not understand it. Each message has a number, letters and a port of its own (RFC 5452, section 4).
 */
export class Transaction implements ExchangeUser {
  readonly #asking: Asking;
  readonly #plan: AskingPlan;
  readonly #question: Question;
  readonly #done: TransactionDone;
  readonly #timer: Timer;
  #exchange: Exchange | null = null;
  /** Counts servers over all rounds. */
  #attempt = 0;
  #overTcp = false;
  #edns = true;
  #id = 0;
  /** The question as it was sent. */
  #sent: Question;
  /** What came was the server's, but no answer. */
  #garbled = false;

  constructor(asking: Asking, plan: AskingPlan, question: Question, done: TransactionDone) {
    this.#asking = asking;
    this.#plan = plan;
    this.#question = question;
    this.#sent = question;
    this.#done = done;
    this.#timer = new Timer(asking.sockets.context.machine.clock, () => this.#late());
    this.#ask();
  }

  /** Gives it up; nobody is told. */
  close(): void {
    this.#timer.stop();
    this.#exchange?.close();
    this.#exchange = null;
  }

  message(bytes: Uint8Array): void {
    const { counters } = this.#asking;
    const response = readResponse(bytes, this.#id, this.#sent);
    if (typeof response === 'string') {
      counters[`dropped${response}`]++;
      if (response === 'Malformed') this.#garbled = true;
      if (this.#overTcp) this.#next(BADRESP);
      else if (response === 'WrongCase') this.#askOverTcp();
      return;
    }
    if (response.truncated && !this.#overTcp) {
      counters.truncated++;
      this.#askOverTcp();
    } else if (response.rcode === 'FORMERR' && this.#edns) {
      this.#edns = false;
      this.#askAgain();
    } else {
      const fault = SERVERS_FAULT.get(response.rcode);
      if (fault !== undefined) this.#next(fault);
      else this.#finish(response);
    }
  }

  failed(_errno: number): void {
    this.#next(CONNREFUSED);
  }

  #late(): void {
    this.#asking.counters.timeouts++;
    this.#next(this.#garbled ? BADRESP : TIMEOUT);
  }

  #askOverTcp(): void {
    this.#overTcp = true;
    this.#askAgain();
  }

  /** The next server, if there is one left; else `code` is the end. */
  #next(code: string): void {
    const { servers, tries } = this.#plan;
    if (++this.#attempt >= servers.length * tries) {
      this.#finish(code);
      return;
    }
    this.#overTcp = false;
    this.#askAgain();
  }

  #askAgain(): void {
    this.#asking.counters.retries++;
    this.#exchange?.close();
    this.#ask();
  }

  #ask(): void {
    const { sockets, entropy, counters } = this.#asking;
    const { servers, first, timeoutMs, local } = this.#plan;
    const server = servers[(first + this.#attempt) % servers.length]!;
    const round = Math.floor(this.#attempt / servers.length);
    this.#garbled = false;
    this.#id = entropy.u32() >>> 16;
    this.#sent = { name: randomCase(this.#question.name, entropy), type: this.#question.type };
    const query = encodeQuestion(this.#sent, this.#id, this.#edns);
    counters.queries++;
    if (this.#overTcp) counters.tcpQueries++;
    const exchange = this.#overTcp ? new TcpExchange(sockets, this) : new UdpExchange(sockets, this);
    this.#exchange = exchange;
    this.#timer.start(timeoutMs * 2 ** round);
    if (exchange.send(query, server, local) < 0) this.failed(0);
  }

  #finish(outcome: Response | string): void {
    this.close();
    this.#done(outcome);
  }
}
