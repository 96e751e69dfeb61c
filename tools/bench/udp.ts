import { hold } from './contest.ts';
import { measureWithPeer, type PeerMode } from './peer.ts';
import type { Bench } from './result.ts';
import { startPasta } from './subjects/pasta.ts';
import { startSlirp4netns } from './subjects/slirp4netns.ts';
import { startVeth } from './subjects/veth.ts';

const BYTES = 64;

function datagrams(name: string, mode: PeerMode): (bench: Bench) => Promise<void> {
  return (bench) =>
    hold(bench, {
      name,
      unit: 'datagrams/s',
      references: [startVeth, startPasta, startSlirp4netns],
      async measure(subject, placement, { seconds }) {
        const measured = await measureWithPeer(subject, mode, seconds, placement, BYTES);
        return measured['datagrams']! / measured['seconds']!;
      },
    });
}

/** Datagrams of 64 bytes that arrive, of as many as the other side can send. */
export const UDP: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  'udp-receive': datagrams('udp-receive', 'udp-send'),
  'udp-send': datagrams('udp-send', 'udp-recv'),
};
