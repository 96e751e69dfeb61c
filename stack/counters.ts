/**
 * The SNMP counters of the stack (Linux: `/proc/net/snmp`, `/proc/net/netstat`), by the names that `nstat` prints.
 * Incrementing one is an addition to a `Float64Array` at a constant index.
 */
const NAMES = [
  'IpForwarding',
  'IpDefaultTTL',
  'IpInReceives',
  'IpInHdrErrors',
  'IpInAddrErrors',
  'IpForwDatagrams',
  'IpInUnknownProtos',
  'IpInDiscards',
  'IpInDelivers',
  'IpOutRequests',
  'IpOutDiscards',
  'IpOutNoRoutes',
  'IpOutTransmits',
  'IpReasmTimeout',
  'IpReasmReqds',
  'IpReasmOKs',
  'IpReasmFails',
  'IpFragOKs',
  'IpFragFails',
  'IpFragCreates',
  'IpExtInNoRoutes',
  'IpExtInTruncatedPkts',
  'IpExtInMcastPkts',
  'IpExtOutMcastPkts',
  'IpExtInBcastPkts',
  'IpExtOutBcastPkts',
  'IpExtInOctets',
  'IpExtOutOctets',
  'IpExtInMcastOctets',
  'IpExtOutMcastOctets',
  'IpExtInBcastOctets',
  'IpExtOutBcastOctets',
  'IpExtInCsumErrors',
  'IpExtReasmOverlaps',
  'IcmpInMsgs',
  'IcmpInErrors',
  'IcmpInCsumErrors',
  'IcmpInDestUnreachs',
  'IcmpInTimeExcds',
  'IcmpInParmProbs',
  'IcmpInSrcQuenchs',
  'IcmpInRedirects',
  'IcmpInEchos',
  'IcmpInEchoReps',
  'IcmpInTimestamps',
  'IcmpInTimestampReps',
  'IcmpInAddrMasks',
  'IcmpInAddrMaskReps',
  'IcmpOutMsgs',
  'IcmpOutErrors',
  'IcmpOutRateLimitGlobal',
  'IcmpOutRateLimitHost',
  'IcmpOutDestUnreachs',
  'IcmpOutTimeExcds',
  'IcmpOutParmProbs',
  'IcmpOutSrcQuenchs',
  'IcmpOutRedirects',
  'IcmpOutEchos',
  'IcmpOutEchoReps',
  'IcmpOutTimestamps',
  'IcmpOutTimestampReps',
  'IcmpOutAddrMasks',
  'IcmpOutAddrMaskReps',
  'UdpInDatagrams',
  'UdpNoPorts',
  'UdpInErrors',
  'UdpOutDatagrams',
  'UdpRcvbufErrors',
  'UdpSndbufErrors',
  'UdpInCsumErrors',
  'UdpIgnoredMulti',
  'UdpMemErrors',
  'TcpActiveOpens',
  'TcpPassiveOpens',
  'TcpAttemptFails',
  'TcpEstabResets',
  'TcpCurrEstab',
  'TcpInSegs',
  'TcpOutSegs',
  'TcpRetransSegs',
  'TcpInErrs',
  'TcpOutRsts',
  'TcpInCsumErrors',
  'TcpExtBeyondWindow',
  'TcpExtDelayedACKLost',
  'TcpExtDelayedACKs',
  'TcpExtEmbryonicRsts',
  'TcpExtListenDrops',
  'TcpExtListenOverflows',
  'TcpExtOfoPruned',
  'TcpExtOutOfWindowIcmps',
  'TcpExtPAWSActive',
  'TcpExtPAWSEstab',
  'TcpExtPAWSOldAck',
  'TcpExtPAWSTimewait',
  'TcpExtPruneCalled',
  'TcpExtRcvPruned',
  'TcpExtSyncookiesFailed',
  'TcpExtSyncookiesRecv',
  'TcpExtSyncookiesSent',
  'TcpExtTCPACKSkippedChallenge',
  'TcpExtTCPACKSkippedFinWait2',
  'TcpExtTCPACKSkippedPAWS',
  'TcpExtTCPACKSkippedSeq',
  'TcpExtTCPACKSkippedSynRecv',
  'TcpExtTCPACKSkippedTimeWait',
  'TcpExtTCPAbortFailed',
  'TcpExtTCPAbortOnClose',
  'TcpExtTCPAbortOnData',
  'TcpExtTCPAbortOnLinger',
  'TcpExtTCPAbortOnMemory',
  'TcpExtTCPAbortOnTimeout',
  'TcpExtTCPAckCompressed',
  'TcpExtTCPChallengeACK',
  'TcpExtTCPDSACKOfoSent',
  'TcpExtTCPDSACKOldSent',
  'TcpExtTCPDeferAcceptDrop',
  'TcpExtTCPFastRetrans',
  'TcpExtTCPFromZeroWindowAdv',
  'TcpExtTCPHPAcks',
  'TcpExtTCPHPHits',
  'TcpExtTCPKeepAlive',
  'TcpExtTCPMD5Unexpected',
  'TcpExtTCPMinTTLDrop',
  'TcpExtTCPOFODrop',
  'TcpExtTCPOFOMerge',
  'TcpExtTCPOFOQueue',
  'TcpExtTCPOrigDataSent',
  'TcpExtTCPPureAcks',
  'TcpExtTCPRcvQDrop',
  'TcpExtTCPRenoRecovery',
  'TcpExtTCPReqQFullDoCookies',
  'TcpExtTCPReqQFullDrop',
  'TcpExtTCPRetransFail',
  'TcpExtTCPSYNChallenge',
  'TcpExtTCPSlowStartRetrans',
  'TcpExtTCPSynRetrans',
  'TcpExtTCPTimeWaitOverflow',
  'TcpExtTCPTimeouts',
  'TcpExtTCPToZeroWindowAdv',
  'TcpExtTCPWantZeroWindowAdv',
  'TcpExtTCPWinProbe',
  'TcpExtTCPZeroWindowDrop',
  'TcpExtTW',
  'ArpInRequests',
  'ArpInReplies',
  'ArpOutRequests',
  'ArpOutReplies',
  'NeighAllocs',
  'NeighDestroys',
  'NeighHashGrows',
  'NeighResFailed',
  'NeighLookups',
  'NeighHits',
  'NeighUnresDiscards',
  'NeighTableFulls',
  'NeighForcedGcRuns',
  'NeighPeriodicGcRuns',
] as const;

export type CounterName = (typeof NAMES)[number];

/** Index of each counter: `mib.add(MIB.IpInReceives)`. */
export const MIB: Readonly<Record<CounterName, number>> = Object.fromEntries(
  NAMES.map((name, index) => [name, index]),
) as Record<CounterName, number>;

export class Mib {
  readonly values: Float64Array = new Float64Array(NAMES.length);

  add(counter: number, amount = 1): void {
    this.values[counter]! += amount;
  }

  get(name: CounterName): number {
    return this.values[MIB[name]]!;
  }

  /** All counters by name, zeros included. */
  toJSON(): Record<CounterName, number> {
    return Object.fromEntries(NAMES.map((name, index) => [name, this.values[index]!])) as Record<
      CounterName,
      number
    >;
  }

  /** Puts back what {@link toJSON} gave; unknown names are ignored. */
  load(counters: Readonly<Record<string, number>>): void {
    this.values.fill(0);
    for (const [name, value] of Object.entries(counters)) {
      const index = (NAMES as readonly string[]).indexOf(name);
      if (index >= 0) this.values[index] = value;
    }
  }
}
