import type { StartSubject } from './subject.ts';
import { startLwip } from './subjects/lwip.ts';
import { startPasta } from './subjects/pasta.ts';
import { startSlirp4netns } from './subjects/slirp4netns.ts';
import { startVeth } from './subjects/veth.ts';

const startVethPlain: StartSubject = (placement) => startVeth(placement, false);

/** For what is sent with all that helps: the kernel first. */
export const REFERENCES: readonly StartSubject[] = [
  startVeth,
  startVethPlain,
  startPasta,
  startSlirp4netns,
  startLwip,
];

/** Those whose sources are fetched. */
export const FETCHED: ReadonlySet<StartSubject> = new Set([startLwip]);

/** For frames of 1514 bytes: lwIP first, which knows no others; the kernel without offloads where lwIP can't be had. */
export const PLAIN_REFERENCES: readonly StartSubject[] = [startLwip, startVethPlain];
