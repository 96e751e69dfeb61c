import type { Stack } from '../../../stack/stack.ts';
import { type MethodTable, method } from '../method.ts';

export const METRICS_METHODS: MethodTable<Stack> = {
  'metrics.show': method({}, (stack: Stack) => stack.metrics()),
};
