import { Timer } from '../../../device/clock/timer.ts';
import {
  NETDEV_CHANGE,
  NETDEV_DOWN,
  NETDEV_UNREGISTER,
  NETDEV_UP,
} from '../../../device/netdevice/events.ts';
import type { NetdevInfo } from '../../../device/netdevice/netdev-info.ts';
import type { NetDevice } from '../../../device/netdevice/netdevice.ts';
import { type NotifierBlock, NotifierChain } from '../../../device/netdevice/notifier.ts';
import type { Entropy } from '../../../device/random.ts';
import { canSend } from '../../neighbour/link-state.ts';
import type { Ipv4 } from '../../wire/address.ts';
import { guarded } from '../guarded.ts';
import { type DhcpHost, wallClock } from '../host.ts';
import { INFINITE } from '../values.ts';
import { ClientCounters } from './counters.ts';
import {
  DHCP_BOUND,
  DHCP_DECLINED,
  DHCP_LOST,
  DHCP_NAKED,
  DHCP_RENEWED,
  type DhcpEventName,
  type DhcpNews,
  dhcpEventName,
} from './events.ts';
import { Exchange } from './exchange.ts';
import { GatewayProbe } from './gateway.ts';
import { LeaseInstaller } from './installer.ts';
import { type DhcpLease, msUntil } from './lease.ts';
import { type ClientSettings, clientSettings, type DhcpClientOptions } from './options.ts';
import { ClientPort, hearingIn } from './port.ts';
import { judgeReply } from './replies.ts';
import { type SavedDhcpClient, storedLease, turned } from './snapshot.ts';
import {
  backoff,
  CONFIRMATIONS,
  DECLINE_DELAY,
  DELAY_FUZZ,
  DHCP_TABLE,
  type DhcpAction,
  type DhcpCondition,
  type DhcpEvent,
  type DhcpState,
  type DhcpWait,
  LEAST_RENEWAL_DELAY,
  nakDelay,
  nextTime,
  REQUESTS,
} from './table.ts';

/** The part of T1, and of the time from T1 to T2, by which they come earlier at random, so that hosts do not renew together. */
const RENEWAL_FUZZ = 0.05;

/**
 * Gets a device its address and what goes with it (RFC 2131), and keeps it for as long as the server lets it. What happens is told
 * on {@link chain}.
 */
export class DhcpClient implements NotifierBlock<NetdevInfo> {
  readonly dev: NetDevice;
  readonly chain: NotifierChain<DhcpNews>;
  readonly counters: ClientCounters = new ClientCounters();
  readonly #host: DhcpHost;
  readonly #settings: ClientSettings;
  readonly #entropy: Entropy;
  readonly #port: ClientPort;
  readonly #exchange: Exchange;
  readonly #installer: LeaseInstaller;
  readonly #gateway: GatewayProbe;
  /** Fires `timer`, and what the lease's times bring. */
  readonly #timer: Timer;
  readonly #phase: Timer;
  #state: DhcpState = 'STOPPED';
  #lease: DhcpLease | null = null;
  #offer: DhcpLease | null = null;
  #naks = 0;
  #wish: Ipv4;
  #link = false;
  #endConflicts: (() => void) | null = null;

  /** Throws a `NetError` that names the option when one is wrong. It does nothing before {@link start}. */
  constructor(host: DhcpHost, dev: NetDevice, options: DhcpClientOptions = {}) {
    const { clock, fault } = host.machine;
    this.#host = host;
    this.dev = dev;
    this.#settings = clientSettings(dev, options);
    this.#wish = this.#settings.requestedAddress;
    this.chain = new NotifierChain(fault);
    this.#entropy = host.ns.entropy.fork();
    this.#port = new ClientPort(host, dev, (message) => this.#receive(message), this.counters);
    this.#exchange = new Exchange(host, dev, this.#settings, this.#entropy, this.#port, this.counters);
    this.#installer = new LeaseInstaller(host, dev, this.#settings);
    this.#gateway = new GatewayProbe(host, dev, () => this.#happen('reached'));
    this.#timer = new Timer(clock, () => this.#happen('timer'));
    this.#phase = new Timer(clock, () => this.#phaseOver());
  }

  get state(): DhcpState {
    return this.#state;
  }

  /** The lease that is held; whether it is in use is told by {@link state}. */
  get lease(): DhcpLease | null {
    return this.#lease;
  }

  /** Begins, with the lease of the store when there is one. Nothing when it runs. */
  start(): void {
    if (this.#state !== 'STOPPED') return;
    const stored = storedLease(this.#settings.store?.load() ?? null);
    if (stored !== null && stored.obtainedAt <= wallClock(this.#host)) this.#lease = stored;
    this.#attach();
    this.#happen('start');
    if (this.state === 'INIT') this.#lease = null;
    this.#noteLink();
  }

  /** Gives the address back and stops: the server is told, and all that the lease brought is taken away. */
  release(): void {
    this.#happen('release');
    this.#detach();
  }

  /** Stops. What is on the device stays there until its lifetime is over, and the lease in the store. */
  close(): void {
    this.#happen('stop');
    this.#detach();
  }

  /** Calls `listener` with each event's name and what it is about; returns the function that ends that. */
  subscribe(listener: (name: DhcpEventName, news: DhcpNews) => void): () => void {
    const block: NotifierBlock<DhcpNews> = {
      notify: (event, news) => listener(dhcpEventName(event) as DhcpEventName, news),
    };
    this.chain.register(block);
    return () => {
      this.chain.unregister(block);
    };
  }

  /** Everything, as a plain object. */
  save(): SavedDhcpClient {
    const now = wallClock(this.#host);
    return {
      dev: this.dev.name,
      state: this.#state,
      xid: this.#exchange.xid,
      sent: this.#exchange.sent,
      naks: this.#naks,
      begun: now - this.#exchange.begunAt,
      asked: now - this.#exchange.askedAt,
      remaining: this.#timer.remaining,
      lease: turned(this.#lease, now),
      offer: turned(this.#offer, now),
      wish: this.#wish,
      gatewayMac: this.#gateway.mac,
      installed: structuredClone(this.#installer.installed),
    };
  }

  /** Goes on where {@link save} was, instead of {@link start}: what was in use is, and timers fire when they would have. */
  load(saved: SavedDhcpClient): void {
    const now = wallClock(this.#host);
    this.#state = saved.state;
    this.#exchange.xid = saved.xid;
    this.#exchange.sent = saved.sent;
    this.#naks = saved.naks;
    this.#exchange.begunAt = now - saved.begun;
    this.#exchange.askedAt = now - saved.asked;
    this.#lease = turned(saved.lease, now);
    this.#offer = turned(saved.offer, now);
    this.#wish = saved.wish;
    this.#link = canSend(this.dev);
    if (saved.state === 'STOPPED') return;
    this.#attach();
    this.#installer.installed = structuredClone(saved.installed);
    if (this.#lease !== null && saved.installed !== null) this.#installer.install(this.#lease);
    if (saved.remaining >= 0) this.#timer.start(saved.remaining);
    this.#settle();
    this.#gateway.mac = saved.gatewayMac;
    if (saved.state === 'CHECKING') this.#host.arp.conflicts.start(this.dev, this.#lease?.address ?? 0);
  }

  /** A device's event. */
  notify(event: number, { dev }: NetdevInfo): void {
    if (dev !== this.dev) return;
    if (event === NETDEV_UNREGISTER) this.close();
    else if (event === NETDEV_UP || event === NETDEV_DOWN || event === NETDEV_CHANGE) this.#noteLink();
  }

  #attach(): void {
    this.#host.ns.chain.register(this);
    this.#endConflicts ??= this.#host.arp.conflicts.subscribe(({ type, dev, address }) => {
      if (dev !== this.dev || address !== this.#lease?.address) return;
      if (type === 'claimed') this.#happen('claimed');
      else if (type === 'abandoned') this.#happen('conflict');
    });
  }

  #detach(): void {
    this.#host.ns.chain.unregister(this);
    this.#endConflicts?.();
    this.#endConflicts = null;
    this.#link = false;
  }

  #noteLink(): void {
    const link = canSend(this.dev);
    if (link === this.#link) return;
    this.#link = link;
    this.#happen(link ? 'linkUp' : 'linkDown');
  }

  #receive(bytes: Uint8Array): void {
    const reply = judgeReply(bytes, {
      state: this.#state,
      xid: this.#exchange.xid,
      mac: this.dev.address,
      clientId: this.#settings.clientId,
      offer: this.#offer,
      lease: this.#lease,
      askedAt: this.#exchange.askedAt,
    });
    if (typeof reply === 'string') {
      this.counters.dropped[reply]++;
      return;
    }
    this.counters[`${reply.event}s`]++;
    if (reply.lease !== null) this.#offer = reply.lease;
    this.#happen(reply.event);
  }

  #happen(event: DhcpEvent): void {
    const row = DHCP_TABLE.find(
      (one) => one.on === event && one.from.includes(this.#state) && this.#holds(one.when),
    );
    if (row === undefined) return;
    if (row.to !== this.#state) this.#exchange.sent = 0;
    this.#state = row.to;
    let failed = false;
    for (const action of row.act) failed = this.#act(action) || failed;
    // A listener to what was told may have released the lease.
    if (this.#state !== row.to) return;
    this.#wait(row.wait);
    this.#settle();
    if (failed) this.#happen('conflict');
  }

  #holds(condition: DhcpCondition): boolean {
    switch (condition) {
      case 'always':
        return true;
      case 'hasLease':
        return this.#lease !== null && msUntil(this.#lease, this.#lease.leaseTime, wallClock(this.#host)) > 0;
      case 'spent':
        return this.#exchange.sent >= (this.#state === 'REQUESTING' ? REQUESTS : CONFIRMATIONS);
      case 'unchecked':
        return this.#settings.checkAddress && this.#offer !== null && !this.#installer.holds(this.#offer);
    }
  }

  /** Returns whether it failed. */
  #act(action: DhcpAction): boolean {
    const { conflicts } = this.#host.arp;
    const exchange = this.#exchange;
    const lease = this.#lease;
    switch (action) {
      case 'begin':
        exchange.begin();
        break;
      case 'discover':
        exchange.discover(this.#wish);
        break;
      case 'request':
        exchange.request({ requested: this.#offer?.address ?? 0, server: this.#offer?.server ?? 0 });
        break;
      case 'confirm':
        exchange.request({ requested: lease?.address ?? 0 });
        break;
      case 'renew':
        exchange.request({ ciaddr: lease?.address ?? 0 }, lease?.server ?? 0);
        break;
      case 'rebind':
        exchange.request({ ciaddr: lease?.address ?? 0 });
        break;
      case 'decline':
        this.#wish = 0;
        if (lease !== null) exchange.decline(lease);
        this.#tell(DHCP_DECLINED, lease);
        break;
      case 'release':
        if (lease !== null) exchange.release(lease);
        break;
      case 'askGateway':
        if (this.#installer.installed !== null) this.#gateway.ask();
        break;
      case 'take':
        this.#take();
        break;
      case 'check':
        conflicts.start(this.dev, lease?.address ?? 0);
        break;
      case 'endCheck':
        // Where the stack itself looks for conflicts, the watch is its own.
        if (lease !== null && conflicts.mode === 'off') conflicts.stop(this.dev, lease.address);
        break;
      case 'install':
        return this.#install();
      case 'lose':
        this.#lose();
        break;
      case 'refused':
        this.#naks++;
        this.#wish = 0;
        this.#exchange.end();
        this.#tell(DHCP_NAKED, lease);
        break;
    }
    return false;
  }

  /** The DHCPACK's lease is ours. */
  #take(): void {
    const granted = this.#offer!;
    const { renewalTime, rebindingTime } = granted;
    const fuzz = this.#entropy.uniform(0, RENEWAL_FUZZ);
    this.#lease = {
      ...granted,
      renewalTime: renewalTime * (1 - fuzz),
      rebindingTime: rebindingTime - (rebindingTime - renewalTime) * fuzz,
    };
    this.#offer = null;
    this.#exchange.end();
    this.#naks = 0;
    this.#wish = granted.address;
    this.#keep();
  }

  /** The store holds what is held, or nothing. */
  #keep(): void {
    guarded(this.#host.machine, () => this.#settings.store?.save(this.#lease));
  }

  #install(): boolean {
    const lease = this.#lease!;
    const event = this.#installer.holds(lease) ? DHCP_RENEWED : DHCP_BOUND;
    if (this.#installer.install(lease) < 0) return true;
    this.#tell(event, lease);
    return false;
  }

  #lose(): void {
    const lease = this.#lease;
    const used = this.#installer.installed !== null;
    this.#lease = null;
    this.#offer = null;
    this.#exchange.end();
    this.#installer.remove();
    this.#keep();
    if (used) this.#tell(DHCP_LOST, lease);
  }

  #tell(event: number, lease: DhcpLease | null): void {
    this.chain.call(event, { dev: this.dev, lease });
  }

  #wait(wait: DhcpWait): void {
    if (wait === 'keep') return;
    if (wait === 'stop') this.#timer.stop();
    else this.#timer.start(this.#delay(wait));
  }

  #delay(wait: Exclude<DhcpWait, 'keep' | 'stop'>): number {
    switch (wait) {
      case 'soon':
        return this.#entropy.uniform(0, this.#settings.startDelayMs);
      case 'backoff':
        return backoff(this.#exchange.sent) + this.#entropy.uniform(-DELAY_FUZZ, DELAY_FUZZ);
      case 'half': {
        const lease = this.#lease!;
        const end = this.#state === 'RENEWING' ? lease.rebindingTime : lease.leaseTime;
        return Math.max(msUntil(lease, end, wallClock(this.#host)) / 2, LEAST_RENEWAL_DELAY);
      }
      case 'afterNak':
        return nakDelay(this.#naks);
      case 'afterDecline':
        return DECLINE_DELAY;
    }
  }

  /** What follows from the state alone: how it hears, which of the lease's times is next, whose gateway is of interest. */
  #settle(): void {
    const lease = this.#lease;
    this.#port.hear(hearingIn(this.#state, this.#installer.installed !== null));
    const gateway = this.#state === 'STOPPED' ? 0 : (lease?.routers[0] ?? 0);
    this.#gateway.watch(this.#installer.installed === null ? 0 : gateway);
    if (this.#state !== 'REBOOTING') this.#gateway.endAsking();
    if (lease === null || this.#state === 'STOPPED' || lease.leaseTime === INFINITE) this.#phase.stop();
    else this.#phase.start(Math.max(0, msUntil(lease, nextTime(lease, this.#state), wallClock(this.#host))));
  }

  #phaseOver(): void {
    if (this.#state === 'BOUND') this.#happen('t1');
    else this.#happen(this.#state === 'RENEWING' ? 't2' : 'expiry');
  }
}
