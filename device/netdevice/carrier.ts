import type { NetDevice } from './netdevice.ts';
import {
  LINK_STATE_DORMANT,
  LINK_STATE_NOCARRIER,
  LINK_STATE_TESTING,
  NETREG_UNINITIALIZED,
} from './state-bits.ts';

/**
 * The carrier and its two neighbours, dormant and testing. Each call acts on a real change only: it changes the bit (and
 * for carrier the counter) at once, and leaves operstate, queues and the CHANGE event to linkwatch.
 */

/** The link is there (Linux: `netif_carrier_on`). */
export function carrierOn(dev: NetDevice): void {
  if (dev.carrier) return;
  dev.state &= ~LINK_STATE_NOCARRIER;
  if (dev.registration === NETREG_UNINITIALIZED) return;
  dev.carrierUpCount++;
  dev.ns.machine.linkwatch.fire(dev);
}

/** The link is gone (Linux: `netif_carrier_off`). */
export function carrierOff(dev: NetDevice): void {
  if (!dev.carrier) return;
  dev.state |= LINK_STATE_NOCARRIER;
  if (dev.registration === NETREG_UNINITIALIZED) return;
  dev.carrierDownCount++;
  dev.ns.machine.linkwatch.fire(dev);
}

/** The link went and came back unseen: both counters grow, the state stays (Linux: `netif_carrier_event`). */
export function carrierEvent(dev: NetDevice): void {
  if (dev.registration === NETREG_UNINITIALIZED) return;
  dev.carrierUpCount++;
  dev.carrierDownCount++;
  dev.ns.machine.linkwatch.fire(dev);
}

/** The link is there but not ready for traffic, as before authentication (Linux: `netif_dormant_on`). */
export function dormantOn(dev: NetDevice): void {
  setBit(dev, LINK_STATE_DORMANT);
}

/** Linux: `netif_dormant_off`. */
export function dormantOff(dev: NetDevice): void {
  clearBit(dev, LINK_STATE_DORMANT);
}

/** The link is under test (Linux: `netif_testing_on`). */
export function testingOn(dev: NetDevice): void {
  setBit(dev, LINK_STATE_TESTING);
}

/** Linux: `netif_testing_off`. */
export function testingOff(dev: NetDevice): void {
  clearBit(dev, LINK_STATE_TESTING);
}

function setBit(dev: NetDevice, bit: number): void {
  if ((dev.state & bit) !== 0) return;
  dev.state |= bit;
  if (dev.registration !== NETREG_UNINITIALIZED) dev.ns.machine.linkwatch.fire(dev);
}

function clearBit(dev: NetDevice, bit: number): void {
  if ((dev.state & bit) === 0) return;
  dev.state &= ~bit;
  if (dev.registration !== NETREG_UNINITIALIZED) dev.ns.machine.linkwatch.fire(dev);
}
