import { Work } from '../../../device/clock/deferred.ts';
import type { Ipv4 } from '../../wire/address.ts';
import { ALIASES_MOST, type Answer, failure, readAnswer } from './answer.ts';
import type { AnswerCache } from './cache.ts';
import { BADNAME, BADRESP, CANCELLED, NOMEM } from './codes.ts';
import { keyOf, type Question, wireName } from './question.ts';
import type { ServerAddress } from './server-address.ts';
import { type Asking, type AskingPlan, Transaction } from './transaction.ts';

/** Questions that may be under way at a time. */
const UNDER_WAY_MOST = 1024;
/** Whom to ask when nobody is named (resolv.conf(5)). */
const HERE: ServerAddress = { address: '127.0.0.1', family: 4, port: 53 };

export type AnswerDone = (answer: Answer) => void;

/** How a channel asks, but for its servers. */
export interface ChannelOptions {
  readonly servers: readonly ServerAddress[];
  readonly timeoutMs: number;
  readonly tries: number;
  readonly rotate: boolean;
}

/** A question that is under way, along all the aliases that it leads to, with those who wait for the answer. */
interface UnderWay {
  readonly question: Question;
  readonly waiting: AnswerDone[];
  transaction: Transaction | null;
  /** The name that is asked for now, how many aliases led to it, and the least lifetime of those. */
  name: string;
  aliases: number;
  ttl: number;
}

/** What one resolver asks with: its servers, and its questions that are under way (c-ares: `ares_channel`). */
export class Channel {
  readonly #asking: Asking;
  readonly #cache: AnswerCache;
  readonly #options: ChannelOptions;
  readonly #underWay = new Map<string, UnderWay>();
  readonly #deliver = new Work(() => this.#deliverAll());
  #ready: (() => void)[] = [];
  #servers: readonly ServerAddress[];
  #local: Ipv4 = 0;
  #turn = 0;
  #holds = false;

  constructor(asking: Asking, cache: AnswerCache, options: ChannelOptions) {
    this.#asking = asking;
    this.#cache = cache;
    this.#options = options;
    this.#servers = options.servers.length > 0 ? options.servers : [HERE];
  }

  get servers(): readonly ServerAddress[] {
    return this.#servers;
  }

  /** Asks these from now on; what others said is forgotten. */
  setServers(servers: readonly ServerAddress[]): void {
    this.#servers = servers.length > 0 ? servers : [HERE];
    this.#cache.clear();
  }

  /** Asks from `address` from now on, 0: from any. */
  setLocalAddress(address: Ipv4): void {
    this.#local = address;
  }

  /** Finds what is known of a question; `done` is called later, once. */
  query(question: Question, done: AnswerDone): void {
    const { counters } = this.#asking;
    const name = wireName(question.name);
    const key = keyOf(question);
    const known = name === undefined ? failure(BADNAME) : this.#cache.get(key);
    if (known !== undefined || name === undefined) {
      this.later(() => done(known ?? failure(BADNAME)));
      return;
    }
    const same = this.#underWay.get(key);
    if (same !== undefined) {
      counters.joined++;
      same.waiting.push(done);
      return;
    }
    if (this.#underWay.size >= UNDER_WAY_MOST) {
      counters.refused++;
      this.later(() => done(failure(NOMEM)));
      return;
    }
    const entry: UnderWay = {
      question: { ...question, name },
      waiting: [done],
      transaction: null,
      name,
      aliases: 0,
      ttl: Number.POSITIVE_INFINITY,
    };
    this.#underWay.set(key, entry);
    this.#holdsChanged();
    if (this.#options.rotate) this.#turn = (this.#turn + 1) % this.#servers.length;
    this.#ask(key, entry);
  }

  /** Ends all questions that are under way, later, with `code`. */
  cancel(code: string = CANCELLED): void {
    const entries = [...this.#underWay.entries()];
    for (const [key, entry] of entries) {
      entry.transaction?.close();
      this.#underWay.delete(key);
      for (const done of entry.waiting) this.later(() => done(failure(code)));
    }
    this.#holdsChanged();
  }

  #ask(key: string, entry: UnderWay): void {
    const { timeoutMs, tries } = this.#options;
    const plan: AskingPlan = {
      servers: this.#servers,
      first: this.#turn,
      timeoutMs,
      tries,
      local: this.#local,
    };
    const question = { name: entry.name, type: entry.question.type };
    // It may be over before it is known here.
    let over = false;
    const transaction = new Transaction(this.#asking, plan, question, (outcome) => {
      over = true;
      if (typeof outcome === 'string') this.#end(key, entry, failure(outcome));
      else this.#read(key, entry, readAnswer(outcome, entry.name, question.type));
    });
    if (!over) entry.transaction = transaction;
  }

  #read(key: string, entry: UnderWay, reading: ReturnType<typeof readAnswer>): void {
    if (!('goesOnWith' in reading)) {
      const { ttl: most } = entry;
      const records = reading.records.map((record) => ({ ...record, ttl: Math.min(record.ttl, most) }));
      this.#end(key, entry, { ...reading, records, ttl: Math.min(reading.ttl, most) });
    } else if (++entry.aliases > ALIASES_MOST) {
      this.#end(key, entry, failure(BADRESP));
    } else {
      entry.name = reading.goesOnWith;
      entry.ttl = Math.min(entry.ttl, reading.ttl);
      this.#ask(key, entry);
    }
  }

  #end(key: string, entry: UnderWay, answer: Answer): void {
    if (this.#underWay.get(key) !== entry) return;
    this.#underWay.delete(key);
    this.#cache.put(key, answer);
    for (const done of entry.waiting) this.later(() => done(answer));
    this.#holdsChanged();
  }

  /** Does something behind the call that is under way. */
  later(task: () => void): void {
    this.#ready.push(task);
    this.#asking.sockets.context.machine.clock.defer(this.#deliver);
  }

  #deliverAll(): void {
    const tasks = this.#ready;
    this.#ready = [];
    let done = 0;
    try {
      while (done < tasks.length) tasks[done++]!();
    } finally {
      // A callback that throws does not take the others with it.
      for (const task of tasks.slice(done)) this.later(task);
    }
  }

  #holdsChanged(): void {
    const { clock } = this.#asking.sockets.context.machine;
    const holds = this.#underWay.size > 0;
    if (holds === this.#holds) return;
    this.#holds = holds;
    if (holds) {
      this.#asking.active.add(this);
      clock.hold();
    } else {
      this.#asking.active.delete(this);
      clock.letGo();
    }
  }
}
