/**
 * What tapir's own tests are made of, for tests of drivers and programs that use it.
 */

export {
  type ArpExpectation,
  arp,
  checkFrame,
  type EtherExpectation,
  ether,
  frameLength,
  type IcmpExpectation,
  type Ipv4Expectation,
  icmp,
  ipv4,
  payload,
  payloadLength,
  quotes,
  rarp,
  type VlanExpectation,
  vlan,
} from './checker.ts';
export { CompliancePort } from './compliance-port.ts';
export { type Check, Dissection, FrameError } from './dissection.ts';
export {
  type DriverComplianceOptions,
  type DriverFixture,
  driverCompliance,
  type TestRunner,
} from './driver-compliance.ts';
export { ETH_P_EXPERIMENT, etherFrame } from './frames.ts';
export { type DriverPeer, linkPeer } from './link-peer.ts';
export { EventLog, type TestMachine, type TestMachineOptions, testDevice, testMachine } from './machine.ts';
export { ArrivalLog, Station } from './station.ts';
export { TestLink, type TestLinkOptions } from './test-link.ts';
export { type TracedTest, traced } from './trace.ts';
