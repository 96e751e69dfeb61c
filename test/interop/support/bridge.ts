import type { Namespace } from './namespace.ts';

interface FdbEntry {
  readonly mac: string;
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly state?: string;
}

/** Makes a Linux bridge without spanning tree, so that its ports forward at once, and brings it up. */
export async function addBridge(ns: Namespace, name: string): Promise<void> {
  await ns.ip(`link add ${name} type bridge stp_state 0 forward_delay 0`);
  await ns.ip(`link set ${name} up`);
}

/** Makes a device a port of a bridge and brings it up. */
export async function addPort(ns: Namespace, bridge: string, device: string): Promise<void> {
  await ns.ip(`link set ${device} master ${bridge}`);
  await ns.ip(`link set ${device} up`);
}

/** The port behind which a bridge has learned an address; undefined when it has not. Own addresses of ports don't count. */
export async function fdbPort(ns: Namespace, bridge: string, mac: string): Promise<string | undefined> {
  const entries = JSON.parse(await ns.run('bridge', '-j', 'fdb', 'show', 'br', bridge)) as FdbEntry[];
  return entries.find((entry) => entry.mac === mac && entry.state !== 'permanent')?.ifname;
}
