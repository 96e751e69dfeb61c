import type { Stack } from '../../../stack/stack.ts';
import { type MethodTable, method } from '../method.ts';
import { flag, optional } from '../params.ts';
import { socketViews } from '../view/socket.ts';

export const SOCKET_METHODS: MethodTable<Stack> = {
  'socket.show': method({ info: optional(flag) }, (stack: Stack, { info = false }) =>
    socketViews(stack, info),
  ),
};
