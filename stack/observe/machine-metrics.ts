import type { Machine } from '../../device/machine.ts';
import { type Family, single } from './family.ts';

/** The memory and the clock, which stacks of one machine share. */
export function machineFamilies({ pool, clock }: Machine): Family[] {
  const { pages } = pool;
  return [
    {
      type: 'gauge',
      name: 'pool_slots',
      help: 'Packet slots by size and use.',
      labels: ['size', 'state'],
      samples: () => [
        [{ size: 'small', state: 'free' }, pool.smallFree],
        [{ size: 'small', state: 'used' }, pool.smallSlots - pool.smallFree],
        [{ size: 'large', state: 'free' }, pool.largeFree],
        [{ size: 'large', state: 'used' }, pool.largeSlots - pool.largeFree],
      ],
    },
    {
      type: 'gauge',
      name: 'pool_pages',
      help: 'Send pages by use.',
      labels: ['state'],
      samples: () => [
        [{ state: 'free' }, pages.free],
        [{ state: 'used' }, pages.count - pages.free],
      ],
    },
    {
      type: 'counter',
      name: 'pool_exhausted_total',
      help: 'Requests that found nothing free.',
      labels: ['kind'],
      samples: () => [
        [{ kind: 'small' }, pool.smallExhausted],
        [{ kind: 'large' }, pool.largeExhausted],
        [{ kind: 'page' }, pages.exhausted],
      ],
    },
    single('counter', 'pool_allocated_total', 'Packets handed out.', () => pool.allocated),
    single('gauge', 'pool_high_water_packets', 'The most packets that were ever out.', () => pool.highWater),
    single('gauge', 'timers_pending', 'Armed timers.', () => clock.pendingTimers()),
    single('counter', 'deferred_runs_total', 'Runs of deferred work.', () => clock.deferredRuns()),
  ];
}
