import { holdDoubles } from '../memory/doubles.ts';

/** Interface counters (Linux: `struct rtnl_link_stats64`), safe integers. */
export class LinkStatistics {
  rxPackets = 0;
  txPackets = 0;
  rxBytes = 0;
  txBytes = 0;
  rxErrors = 0;
  txErrors = 0;
  rxDropped = 0;
  txDropped = 0;
  multicast = 0;
  collisions = 0;
  rxLengthErrors = 0;
  rxOverErrors = 0;
  rxCrcErrors = 0;
  rxFrameErrors = 0;
  rxFifoErrors = 0;
  rxMissedErrors = 0;
  txAbortedErrors = 0;
  txCarrierErrors = 0;
  txFifoErrors = 0;
  txHeartbeatErrors = 0;
  txWindowErrors = 0;
  rxCompressed = 0;
  txCompressed = 0;
  /** Frames that a bond's inactive port did not pass on; those of an unknown EtherType are in `rxDropped`. */
  rxNohandler = 0;
  rxOtherhostDropped = 0;
}

holdDoubles(() => new LinkStatistics(), ['rxBytes', 'txBytes']);
