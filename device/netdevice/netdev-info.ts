import type { MacAddress } from '../frame/mac.ts';
import type { NetDevice } from './netdevice.ts';

/** What a netdev event carries (Linux: `netdev_notifier_info` and its kin). Fields are there for the events named. */
export interface NetdevInfo {
  readonly dev: NetDevice;
  /** CHANGE: flag bits that changed; 0 for a carrier or operstate change. */
  readonly flagsChanged?: number;
  /** PRECHANGEMTU: the MTU proposed; CHANGEMTU: the MTU before, or the one refused when a veto is undone. */
  readonly mtu?: number;
  /** PRE_CHANGEADDR: the address proposed. */
  readonly address?: MacAddress;
  /** PRECHANGEUPPER, CHANGEUPPER: the upper device. */
  readonly upper?: NetDevice;
  /** PRECHANGEUPPER, CHANGEUPPER: linking, or unlinking. */
  readonly linking?: boolean;
  /** PRECHANGEUPPER, CHANGEUPPER: the upper is a master. */
  readonly isMaster?: boolean;
}
