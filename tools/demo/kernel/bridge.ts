import { PEER_ADDRESS, PREFIX_LENGTH } from '../addresses.ts';
import { ip, run } from './programs.ts';

export const BRIDGE = 'br0';
/** Ports of the two hosts. */
export const TAPS = ['tapA', 'tapB'] as const;
export const PEER_DEVICE = 'eth0';

/** Makes the bridge and the peer, which is a kernel in a namespace of its own. `ageingMs`: of the forwarding database. */
export async function buildBridge(peer: string, ageingMs: number): Promise<void> {
  await silenceIpv6();
  await run('ip', 'netns', 'exec', peer, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1');
  await ip(
    `link add ${BRIDGE} type bridge stp_state 0 forward_delay 0 ageing_time ${Math.round(ageingMs / 10)}`,
  );
  await ip(`link set ${BRIDGE} up`);
  await ip(`link add peer0 type veth peer name ${PEER_DEVICE} netns ${peer}`);
  await ip(`link set peer0 master ${BRIDGE} up`);
  await ip(`-n ${peer} address add ${PEER_ADDRESS}/${PREFIX_LENGTH} dev ${PEER_DEVICE}`);
  await ip(`-n ${peer} link set ${PEER_DEVICE} up`);
}

/** Makes a TAP, which our process has open, a port of the bridge. */
export async function addPort(tap: string): Promise<void> {
  await ip(`link set ${tap} master ${BRIDGE} up`);
}

/** The port on which the bridge knows a MAC address; `unknown` when it does not. */
export async function fdbPort(mac: string): Promise<string> {
  const entries = JSON.parse(await run('bridge', '-j', 'fdb', 'show', 'br', BRIDGE)) as {
    mac: string;
    ifname: string;
    state?: string;
  }[];
  const entry = entries.find((candidate) => candidate.mac === mac && candidate.state !== 'permanent');
  return entry?.ifname ?? 'unknown';
}

/** The peer forgets what it has learned, so that both runs begin alike. */
export async function forgetNeighbours(peer: string): Promise<void> {
  await ip(`-n ${peer} neigh flush all`);
}

/** The peer's neighbour settings, as the kernel shows them. */
export async function neighbourSetting(peer: string, name: string): Promise<string> {
  const key = `net.ipv4.neigh.${PEER_DEVICE}.${name}`;
  return (await run('ip', 'netns', 'exec', peer, 'sysctl', '-n', key)).trim();
}

/** The kernel's own interfaces would chatter otherwise. */
async function silenceIpv6(): Promise<void> {
  for (const which of ['all', 'default']) await run('sysctl', '-qw', `net.ipv6.conf.${which}.disable_ipv6=1`);
}
