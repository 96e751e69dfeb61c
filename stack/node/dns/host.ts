import type { Clock } from '../../../device/clock/clock.ts';
import type { SocketLayer } from '../../socket/layer.ts';
import { AnswerCache } from './cache.ts';
import { Channel, type ChannelOptions } from './channel.ts';
import { DESTRUCTION } from './codes.ts';
import { DnsCounters } from './counters.ts';
import { HostsTable } from './hosts.ts';
import { type DnsOptions, type DnsSettings, dnsSettings } from './settings.ts';
import type { Asking } from './transaction.ts';

/** What the parts of a stack's `dns` stand on: its settings, its hosts file, and all its channels. */
export class DnsHost {
  readonly settings: DnsSettings;
  readonly counters: DnsCounters = new DnsCounters();
  readonly hosts: HostsTable;
  readonly clock: Clock;
  /** What the functions of the module ask with. */
  readonly channel: Channel;
  readonly #asking: Asking;

  constructor(sockets: SocketLayer, options: DnsOptions = {}) {
    const { machine, ns } = sockets.context;
    this.settings = dnsSettings(options);
    this.hosts = new HostsTable(this.settings.hosts);
    this.clock = machine.clock;
    this.#asking = { sockets, entropy: ns.entropy.fork(), counters: this.counters, active: new Set() };
    const { servers, timeoutMs, attempts, rotate } = this.settings;
    this.channel = this.newChannel({ servers, timeoutMs, tries: attempts, rotate });
  }

  newChannel(options: ChannelOptions): Channel {
    const cache = new AnswerCache(this.clock, this.counters, this.settings.cacheSize);
    return new Channel(this.#asking, cache, options);
  }

  /** The names of an address, `name` being where its PTR records are: those of the hosts file, else what `channel` finds. */
  namesOf(
    channel: Channel,
    address: string,
    name: string,
    done: (code: string | undefined, names: readonly string[]) => void,
  ): void {
    const known = this.hosts.names(address);
    if (known.length > 0) channel.later(() => done(undefined, known));
    else
      channel.query({ name, type: 'PTR' }, ({ code, records }) =>
        done(
          code,
          records.map((record) => record.data as string),
        ),
      );
  }

  /** The stack ends: all that is under way does too. */
  close(): void {
    for (const channel of this.#asking.active) channel.cancel(DESTRUCTION);
  }
}
