import { EADDRNOTAVAIL, EBUSY, EINVAL, ENETDOWN, EOPNOTSUPP, EPERM } from '../../device/errno.ts';
import { MAC_BROADCAST } from '../../device/frame/mac.ts';
import {
  NETDEV_CHANGE,
  NETDEV_CHANGEADDR,
  NETDEV_DOWN,
  NETDEV_NOTIFY_PEERS,
  NETDEV_UNREGISTER,
  NETDEV_UP,
} from '../../device/netdevice/events.ts';
import { IFF_NOARP } from '../../device/netdevice/flags.ts';
import type { NetDevice } from '../../device/netdevice/netdevice.ts';
import type { Entropy } from '../../device/random.ts';
import type { Inet } from '../inet.ts';
import { IFA_F_TENTATIVE, type InetAddress } from '../ip/inet-device.ts';
import { isLoopback, SCOPE_HOST } from '../wire/address.ts';
import { ARPOP_REQUEST } from '../wire/arp.ts';
import { Announcement, type SavedAnnouncement } from './announcement.ts';
import type { ArpOutput } from './arp-output.ts';
import { canSend } from './link-state.ts';
import {
  type AnnounceFrames,
  type AnnouncePreset,
  PRESETS,
  type PresetName,
  pauseAfter,
  presetByName,
} from './presets.ts';

/** Why an announcement, or the rest of one, was not sent, and what the request for it answers. */
const SUPPRESSED = {
  /** The device does without ARP. */
  noarp: -EOPNOTSUPP,
  /** The preset asks `arp_notify` first, which is off. */
  gated: -EPERM,
  /** More requests than the token bucket gives. */
  rate_limited: -EBUSY,
  /** The device is not up. */
  down: -ENETDOWN,
  /** There is no address to announce. */
  no_address: -EADDRNOTAVAIL,
  /** A later request took its place. */
  coalesced: 0,
  /** Carrier did not return in time. */
  hold_expired: 0,
  cancelled: 0,
} as const;

export type Suppression = keyof typeof SUPPRESSED;

export interface AnnounceOptions {
  /** Instead of the device's. */
  readonly preset?: PresetName | AnnouncePreset;
  /** Instead of the preset's. */
  readonly frames?: AnnounceFrames;
}

export interface AnnouncerCounters {
  /** Announcements asked for. */
  requested: number;
  /** Frames given to a device. */
  sent: number;
  /** Announcements that waited for a carrier. */
  held: number;
  suppressed: Record<Suppression, number>;
}

/** Announcements that a device may have at once, and milliseconds for one more: a source of requests that runs wild is tamed. */
const BURST = 10;
const REFILL_MS = 1000;

/**
 * Announces devices' addresses, so that switches and neighbours learn where they are now (Linux: the gratuitous ARP of
 * `inetdev_event`). It acts on NETDEV_NOTIFY_PEERS always, on NETDEV_UP and NETDEV_CHANGEADDR with `arp_notify`, and never
 * on a carrier that came back, unless {@link carrierHoldDownMs} says so: links flap.
 *
 * A device has one announcement at a time; a new request starts it anew.
 */
export class Announcer {
  /** What is used for devices without a preset of their own. */
  preset: AnnouncePreset = PRESETS.linux;
  /** Announce when a carrier was back for this many milliseconds; null, as in Linux: never. */
  carrierHoldDownMs: number | null = null;
  readonly counters: AnnouncerCounters = {
    requested: 0,
    sent: 0,
    held: 0,
    suppressed: Object.fromEntries(Object.keys(SUPPRESSED).map((name) => [name, 0])) as Record<
      Suppression,
      number
    >,
  };

  readonly #inet: Inet;
  readonly #output: ArpOutput;
  readonly #entropy: Entropy;
  readonly #devices = new Map<NetDevice, Announcement>();

  constructor(inet: Inet, output: ArpOutput, entropy: Entropy) {
    this.#inet = inet;
    this.#output = output;
    this.#entropy = entropy;
  }

  /** Gives a device a preset of its own; null takes it back. `-EINVAL` for an unknown name. */
  setPreset(dev: NetDevice, preset: PresetName | AnnouncePreset | null): number {
    const resolved = typeof preset === 'string' ? presetByName(preset) : preset;
    if (resolved === undefined) return -EINVAL;
    this.#of(dev).own = resolved;
    return 0;
  }

  /** The preset in force for a device. */
  presetOf(dev: NetDevice): AnnouncePreset {
    return this.#devices.get(dev)?.own ?? this.preset;
  }

  /**
   * Announces a device's addresses from now on, in place of an announcement that is under way. 0, also when it has to wait
   * for a carrier; `-EINVAL` for an unknown preset; otherwise what {@link Suppression} it met.
   */
  announce(dev: NetDevice, options: AnnounceOptions = {}): number {
    const wanted = options.preset ?? this.presetOf(dev);
    const preset = typeof wanted === 'string' ? presetByName(wanted) : wanted;
    if (preset === undefined) return -EINVAL;
    this.counters.requested++;
    const frames = options.frames ?? preset.frames;
    const refused = this.#refusal(dev, preset, frames);
    if (refused !== null) return this.#suppress(refused);
    const announcement = this.#of(dev);
    if (preset.holdMs > 0 && !announcement.takeToken(this.#inet.machine.clock.now(), BURST, REFILL_MS))
      return this.#suppress('rate_limited');
    if (announcement.active) this.#suppress('coalesced');
    announcement.begin(preset, frames);
    this.#run(announcement);
    return 0;
  }

  /** Ends an announcement that is under way; whether there was one. */
  cancel(dev: NetDevice): boolean {
    return this.#end(dev, 'cancelled');
  }

  /** Whether an announcement is under way, or waits for a carrier. */
  isActive(dev: NetDevice): boolean {
    return this.#devices.get(dev)?.active ?? false;
  }

  /** A device's event, from the netdev chain. */
  onEvent(event: number, dev: NetDevice): void {
    switch (event) {
      case NETDEV_NOTIFY_PEERS:
        this.announce(dev);
        break;
      case NETDEV_UP:
      case NETDEV_CHANGEADDR:
        if (this.#notifies(dev)) this.announce(dev);
        break;
      case NETDEV_CHANGE:
        this.#onChange(dev);
        break;
      case NETDEV_DOWN:
        this.#end(dev, 'down');
        this.#devices.get(dev)?.stopHoldDown();
        break;
      case NETDEV_UNREGISTER:
        this.#end(dev, 'down');
        this.#devices.get(dev)?.close();
        this.#devices.delete(dev);
        break;
    }
  }

  /** Announcements under way, as plain objects. */
  save(): SavedAnnouncement[] {
    return [...this.#devices.values()].flatMap((announcement) =>
      announcement.active ? [announcement.save()] : [],
    );
  }

  /** Goes on with announcements that {@link save} gave; those of devices that are not there are left out. */
  load(saved: readonly SavedAnnouncement[]): void {
    for (const one of saved) {
      const dev = this.#inet.ns.deviceByName(one.dev);
      if (dev !== undefined) this.#of(dev).load(one);
    }
  }

  close(): void {
    for (const announcement of this.#devices.values()) announcement.close();
    this.#devices.clear();
  }

  #of(dev: NetDevice): Announcement {
    let announcement = this.#devices.get(dev);
    if (announcement === undefined) {
      announcement = new Announcement(this.#inet.machine.clock, dev, BURST, {
        due: (one) => this.#onTimer(one),
        carrierStayed: (one) => {
          if (canSend(one.dev)) this.announce(one.dev);
        },
      });
      this.#devices.set(dev, announcement);
    }
    return announcement;
  }

  #refusal(dev: NetDevice, preset: AnnouncePreset, frames: AnnounceFrames): Suppression | null {
    if ((dev.flags & IFF_NOARP) !== 0 || dev.hardHeaderLength === 0) return 'noarp';
    if (preset.gated && !this.#notifies(dev)) return 'gated';
    if (preset.holdMs > 0 && !dev.running) return 'down';
    if (frames === 'arp' && this.#count(dev, preset) === 0) return 'no_address';
    return null;
  }

  #suppress(reason: Suppression): number {
    this.counters.suppressed[reason]++;
    return SUPPRESSED[reason];
  }

  #end(dev: NetDevice, reason: Suppression): boolean {
    const announcement = this.#devices.get(dev);
    if (announcement === undefined || !announcement.active) return false;
    announcement.end();
    this.#suppress(reason);
    return true;
  }

  #onTimer(announcement: Announcement): void {
    if (announcement.held) this.#end(announcement.dev, 'hold_expired');
    else this.#run(announcement);
  }

  /** Carrier came or went, and the queue with it. */
  #onChange(dev: NetDevice): void {
    const announcement = this.#devices.get(dev);
    if (announcement?.held && canSend(dev)) {
      announcement.release();
      this.#run(announcement);
    }
    this.#noteCarrier(dev);
  }

  /** Where carrier is a trigger: starts the hold-down when it is back, stops it when it is gone. */
  #noteCarrier(dev: NetDevice): void {
    const holdDown = this.carrierHoldDownMs;
    if (holdDown === null && !this.#devices.has(dev)) return;
    this.#of(dev).noteCarrier(canSend(dev), holdDown);
  }

  /** Sends what is due, and arms the timer for what is left. */
  #run(announcement: Announcement): void {
    const { dev, preset } = announcement;
    if (preset.holdMs > 0 && !canSend(dev)) {
      this.counters.held++;
      announcement.hold(preset.holdMs);
      return;
    }
    const total = this.#framesOfRound(announcement);
    while (announcement.frame < total) {
      this.#sendFrame(announcement, announcement.frame++);
      if (preset.spacingMs > 0 && announcement.frame < total) {
        announcement.wait(preset.spacingMs);
        return;
      }
    }
    announcement.frame = 0;
    if (announcement.round + 1 >= preset.rounds) {
      announcement.end();
      return;
    }
    const jitter = preset.jitterMs > 0 ? this.#entropy.uniform(0, preset.jitterMs) : 0;
    announcement.wait(pauseAfter(preset, announcement.round++) + jitter);
  }

  #framesOfRound({ dev, preset, frames }: Announcement): number {
    const addresses = frames === 'rarp' ? 0 : this.#count(dev, preset) * preset.repeat;
    return addresses + (frames === 'arp' ? 0 : 1);
  }

  /** Frame `index` of a round: the reverse ARP first, where there is one, then the addresses. */
  #sendFrame({ dev, preset, frames }: Announcement, index: number): void {
    this.counters.sent++;
    if (frames !== 'arp') {
      if (index === 0) {
        this.#output.announceRarp(dev);
        return;
      }
      index--;
    }
    const ifa = this.#nth(dev, preset, Math.floor(index / preset.repeat));
    if (ifa === undefined) return;
    const address = preset.addresses === 'first' ? ifa.address : ifa.local;
    if (preset.targetOnes) this.#output.send(dev, ARPOP_REQUEST, address, address, MAC_BROADCAST);
    else this.#output.announce(dev, this.#output.template(dev, address));
  }

  /** Addresses that a preset announces. */
  #count(dev: NetDevice, preset: AnnouncePreset): number {
    const addresses = this.#inet.addresses.inetDevice(dev)?.addresses ?? [];
    if (preset.addresses === 'first') return Math.min(addresses.length, 1);
    if (preset.addresses === 'all') return addresses.length;
    return addresses.filter(isUsable).length;
  }

  /** The address at `index` among those that a preset announces. */
  #nth(dev: NetDevice, preset: AnnouncePreset, index: number): InetAddress | undefined {
    const addresses = this.#inet.addresses.inetDevice(dev)?.addresses ?? [];
    if (preset.addresses !== 'usable') return addresses[index];
    let left = index;
    return addresses.find((ifa) => isUsable(ifa) && left-- === 0);
  }

  #notifies(dev: NetDevice): boolean {
    return (this.#inet.addresses.inetDevice(dev)?.conf.values.arp_notify ?? 0) !== 0;
  }
}

function isUsable(ifa: InetAddress): boolean {
  return (ifa.flags & IFA_F_TENTATIVE) === 0 && !isLoopback(ifa.local) && ifa.scope < SCOPE_HOST;
}
