import type { Stack } from '../../../stack/stack.ts';
import { type MethodTable, method } from '../method.ts';
import { statsView } from '../view/stats.ts';

export const STATS_METHODS: MethodTable<Stack> = {
  'stats.show': method({}, (stack: Stack) => statsView(stack, { ...stack.arp.announcer.counters })),
};
