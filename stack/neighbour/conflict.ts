import { Timer } from '../../device/clock/timer.ts';
import type { MacAddress } from '../../device/frame/mac.ts';
import { NETDEV_CHANGE, NETDEV_DOWN, NETDEV_UNREGISTER, NETDEV_UP } from '../../device/netdevice/events.ts';
import { IFF_LOOPBACK, IFF_NOARP } from '../../device/netdevice/flags.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Entropy } from '../../device/random.ts';
import type { Inet } from '../inet.ts';
import { IFA_F_NODAD, IFA_F_TENTATIVE, type InetAddress } from '../ip/inet-device.ts';
import { type Ipv4, isLoopback, SCOPE_HOST } from '../wire/address.ts';
import { ARPOP_REQUEST } from '../wire/arp.ts';
import {
  ACD_TABLE,
  type AcdCondition,
  type AcdEvent,
  type AcdState,
  type AcdTimer,
  type AcdTransition,
  ANNOUNCE_INTERVAL,
  ANNOUNCE_NUM,
  ANNOUNCE_WAIT,
  DEFEND_INTERVAL,
  MAX_CONFLICTS,
  PROBE_MAX,
  PROBE_MIN,
  PROBE_NUM,
  PROBE_WAIT,
  RATE_LIMIT_INTERVAL,
} from './acd.ts';
import type { ArpOutput } from './arp-output.ts';
import { canSend } from './link-state.ts';
import { NO_ADDRESS } from './neighbour.ts';
import { isWithin } from './timing.ts';

/** Another host has the address (Linux: `IFA_F_DADFAILED`). */
export const IFA_F_DADFAILED = 0x08;

/** `off`: nothing, as Linux. `probe`: addresses are probed before use. `defend`: and defended while in use. */
export type ConflictMode = 'off' | 'probe' | 'defend';

/** What an address in use does about a conflict: the choices (a), (b) and (c) of RFC 5227, section 2.4. */
export type DefencePolicy = 'give-up' | 'defend-once' | 'defend-always';

export interface ConflictEvent {
  /** `claimed`: free, and ours now. `conflict`: noted, and nothing done. `defended`: answered with an announcement. */
  readonly type: 'probing' | 'claimed' | 'conflict' | 'defended' | 'abandoned';
  readonly dev: NetDevice;
  readonly address: Ipv4;
  /** Who else has it, `NO_ADDRESS` where nobody does. */
  readonly mac: MacAddress;
}

export type ConflictListener = (event: ConflictEvent) => void;

/** One address under watch. */
interface Watch {
  readonly dev: NetDevice;
  readonly address: Ipv4;
  /** Null: it is probed before it is anybody's, as a DHCP client does. */
  ifa: InetAddress | null;
  state: AcdState;
  probes: number;
  announcements: number;
  /** Milliseconds of the clock at the last defence. */
  defendedAt: number;
  readonly timer: Timer;
}

/**
 * Looks whether somebody else has our addresses (RFC 5227). Off unless {@link mode} is set, as the Linux kernel does none of
 * this for IPv4. While an address is probed it has `IFA_F_TENTATIVE` and is not answered for; one that is another's keeps
 * the flag, with `IFA_F_DADFAILED`, until its owner removes it.
 */
export class ConflictDetector {
  policy: DefencePolicy = 'defend-once';
  /** Whether any address is under watch: what the input asks for each frame. */
  watching = false;
  readonly #inet: Inet;
  readonly #output: ArpOutput;
  readonly #entropy: Entropy;
  readonly #watches = new Map<NetDevice, Map<Ipv4, Watch>>();
  /** Conflicts of a device since it last claimed an address. */
  readonly #conflicts = new Map<NetDevice, number>();
  #mode: ConflictMode = 'off';
  #listeners: readonly ConflictListener[] = [];

  constructor(inet: Inet, output: ArpOutput, entropy: Entropy) {
    this.#inet = inet;
    this.#output = output;
    this.#entropy = entropy;
  }

  get mode(): ConflictMode {
    return this.#mode;
  }

  /** Addresses that are there when detection is turned on are in use, and are not probed any more. */
  set mode(mode: ConflictMode) {
    const before = this.#mode;
    this.#mode = mode;
    if (mode === 'off') this.#stopAll();
    if (before !== 'off' || mode === 'off') return;
    for (const dev of this.#inet.ns.devices) {
      for (const ifa of this.#inet.addresses.inetDevice(dev)?.addresses ?? []) {
        if (isSubject(ifa)) this.#watch(dev, ifa.local, ifa, 'bound');
      }
    }
  }

  /** Adds a listener; returns the function that removes it. */
  subscribe(listener: ConflictListener): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  /** Where an address stands; undefined when it is not under watch. */
  stateOf(dev: NetDevice, address: Ipv4): AcdState | undefined {
    return this.#watches.get(dev)?.get(address)?.state;
  }

  /** Probes an address, whatever the mode: `claimed` or `abandoned` follows. One that was abandoned is tried again. */
  start(dev: NetDevice, address: Ipv4): void {
    const watch = this.#watches.get(dev)?.get(address) ?? this.#watch(dev, address, null, 'offline');
    if (canSend(dev)) this.#happen(watch, 'start', NO_ADDRESS);
  }

  /** Ends the watch of an address. */
  stop(dev: NetDevice, address: Ipv4): void {
    const watches = this.#watches.get(dev);
    const watch = watches?.get(address);
    if (watches === undefined || watch === undefined) return;
    watch.timer.stop();
    if (watch.state !== 'abandoned') this.#flag(watch, 0);
    watches.delete(address);
    if (watches.size === 0) this.#watches.delete(dev);
    this.watching = this.#watches.size > 0;
  }

  /** An ARP message was received; one that is at odds with an address under watch is a conflict. */
  hear(dev: NetDevice, op: number, sha: MacAddress, sip: Ipv4, tip: Ipv4): void {
    const watches = this.#watches.get(dev);
    if (watches === undefined) return;
    const claimed = sip === 0 ? undefined : watches.get(sip);
    if (claimed !== undefined) {
      if (!this.#isOurs(sha)) this.#happen(claimed, 'conflict', sha);
      return;
    }
    if (sip !== 0 || op !== ARPOP_REQUEST) return;
    const probed = watches.get(tip);
    if (probed === undefined || isInUse(probed.state) || this.#isOurs(sha)) return;
    this.#happen(probed, 'conflict', sha);
  }

  /** Whether requests for an address may be answered: not while it is being probed, or another's. */
  mayAnswer(dev: NetDevice, address: Ipv4): boolean {
    const watch = this.#watches.get(dev)?.get(address);
    return watch === undefined || isInUse(watch.state);
  }

  /** An address came or went (Linux: `inetaddr_chain`). */
  onAddress(event: number, ifa: InetAddress): void {
    const { dev, local } = ifa;
    if (event === NETDEV_DOWN) {
      this.stop(dev, local);
      return;
    }
    if (event !== NETDEV_UP || !isSubject(ifa)) return;
    const known = this.#watches.get(dev)?.get(local);
    if (known !== undefined) {
      known.ifa = ifa;
      if (!isInUse(known.state)) this.#flag(known, IFA_F_TENTATIVE);
      return;
    }
    if (this.#mode === 'off') return;
    this.#watch(dev, local, ifa, 'offline');
    this.start(dev, local);
  }

  /** A device's event, from the netdev chain. The link going is what makes an address unsure. */
  onEvent(event: number, dev: NetDevice): void {
    const watches = this.#watches.get(dev);
    if (watches === undefined) return;
    if (event === NETDEV_UNREGISTER) {
      for (const address of watches.keys()) this.stop(dev, address);
      this.#conflicts.delete(dev);
    } else if (event === NETDEV_UP || event === NETDEV_DOWN || event === NETDEV_CHANGE) {
      const link = canSend(dev) ? 'linkUp' : 'linkDown';
      for (const watch of watches.values()) this.#happen(watch, link, NO_ADDRESS);
    }
  }

  close(): void {
    this.#stopAll();
    this.#listeners = [];
  }

  #watch(dev: NetDevice, address: Ipv4, ifa: InetAddress | null, state: AcdState): Watch {
    const { clock } = this.#inet.machine;
    const watch: Watch = {
      dev,
      address,
      ifa,
      state,
      probes: 0,
      announcements: 0,
      defendedAt: Number.NEGATIVE_INFINITY,
      timer: new Timer(clock, () => this.#happen(watch, 'timer', NO_ADDRESS)),
    };
    let watches = this.#watches.get(dev);
    if (watches === undefined) {
      watches = new Map();
      this.#watches.set(dev, watches);
    }
    watches.set(address, watch);
    this.watching = true;
    if (!isInUse(state)) this.#flag(watch, IFA_F_TENTATIVE);
    return watch;
  }

  #stopAll(): void {
    for (const [dev, watches] of this.#watches) {
      for (const address of watches.keys()) this.stop(dev, address);
    }
    this.#conflicts.clear();
  }

  #happen(watch: Watch, event: AcdEvent, mac: MacAddress): void {
    const row = ACD_TABLE.find(
      (one) => one.on === event && one.from.includes(watch.state) && this.#holds(watch, one.when),
    );
    if (row === undefined) return;
    if (row.to !== null) watch.state = row.to;
    this.#act(watch, row, mac);
  }

  #holds(watch: Watch, condition: AcdCondition): boolean {
    const isDue = !isWithin(this.#inet.machine.clock.now(), watch.defendedAt, DEFEND_INTERVAL);
    switch (condition) {
      case 'always':
        return true;
      case 'lastProbe':
        return watch.probes + 1 >= PROBE_NUM;
      case 'lastAnnouncement':
        return watch.announcements + 1 >= ANNOUNCE_NUM;
      case 'onlyWatches':
        return this.#mode !== 'defend';
      case 'mayDefend':
        return this.policy !== 'give-up' && isDue;
      case 'persists':
        return this.policy === 'defend-always';
    }
  }

  #act(watch: Watch, { act, timer }: AcdTransition, mac: MacAddress): void {
    const { dev, address } = watch;
    this.#arm(watch, timer);
    switch (act) {
      case 'none':
        break;
      case 'begin':
        watch.probes = 0;
        watch.announcements = 0;
        this.#flag(watch, IFA_F_TENTATIVE);
        this.#tell('probing', watch, NO_ADDRESS);
        break;
      case 'probe':
        watch.probes++;
        this.#output.request(dev, this.#output.template(dev, 0), address);
        break;
      case 'claim':
        this.#conflicts.delete(dev);
        this.#flag(watch, 0);
        this.#announce(watch);
        this.#tell('claimed', watch, NO_ADDRESS);
        break;
      case 'announce':
        this.#announce(watch);
        break;
      case 'report':
        this.#tell('conflict', watch, mac);
        break;
      case 'defend':
        watch.defendedAt = this.#inet.machine.clock.now();
        this.#output.announce(dev, this.#output.template(dev, address));
        this.#tell('defended', watch, mac);
        break;
      case 'abandon':
        this.#conflicts.set(dev, (this.#conflicts.get(dev) ?? 0) + 1);
        this.#flag(watch, IFA_F_TENTATIVE | IFA_F_DADFAILED);
        this.#tell('abandoned', watch, mac);
        break;
    }
  }

  #arm(watch: Watch, when: AcdTimer): void {
    if (when === 'keep') return;
    if (when === 'stop') watch.timer.stop();
    else watch.timer.start(this.#delay(watch, when));
  }

  #delay(watch: Watch, when: Exclude<AcdTimer, 'keep' | 'stop'>): number {
    switch (when) {
      case 'probeWait': {
        const limited = (this.#conflicts.get(watch.dev) ?? 0) >= MAX_CONFLICTS;
        return (limited ? RATE_LIMIT_INTERVAL : 0) + this.#entropy.below(PROBE_WAIT + 1);
      }
      case 'probeInterval':
        return PROBE_MIN + this.#entropy.below(PROBE_MAX - PROBE_MIN + 1);
      case 'announceWait':
        return ANNOUNCE_WAIT;
      case 'announceInterval':
        return ANNOUNCE_INTERVAL;
    }
  }

  #announce(watch: Watch): void {
    watch.announcements++;
    this.#output.announce(watch.dev, this.#output.template(watch.dev, watch.address));
  }

  #flag({ dev, ifa }: Watch, flags: number): void {
    if (ifa === null) return;
    const changed = (ifa.flags & ~(IFA_F_TENTATIVE | IFA_F_DADFAILED)) | flags;
    if (changed === ifa.flags) return;
    ifa.flags = changed;
    this.#inet.ns.messages.send('RTM_NEWADDR', dev, ifa);
  }

  #tell(type: ConflictEvent['type'], { dev, address }: Watch, mac: MacAddress): void {
    const event: ConflictEvent = { type, dev, address, mac };
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (cause) {
        this.#inet.machine.fault('a listener to address conflicts threw', cause);
      }
    }
  }

  #isOurs(mac: MacAddress): boolean {
    return this.#inet.ns.devices.some((dev) => dev.address === mac);
  }
}

function isInUse(state: AcdState): boolean {
  return state === 'announcing' || state === 'bound';
}

/** Addresses that others could have too. */
function isSubject(ifa: InetAddress): boolean {
  if ((ifa.dev.flags & (IFF_NOARP | IFF_LOOPBACK)) !== 0 || ifa.dev.hardHeaderLength === 0) return false;
  return (ifa.flags & IFA_F_NODAD) === 0 && !isLoopback(ifa.local) && ifa.scope < SCOPE_HOST;
}
