import type { Stack } from '../../../../stack/stack.ts';

/**
 * Settings of Linux that a stack may lack without behaving otherwise: what they are for is gone from Linux, or is not done
 * here in the first place.
 */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(['net.ipv4.tcp_fack', 'net.ipv4.tcp_ecn_option']);

/** Sets a sysctl or a module's parameter; false: the stack can't have it. */
export function setSetting(stack: Stack, name: string, value: string): boolean {
  if (stack.sysctl.has(name)) return stack.sysctl.set(name, decimal(value)) === 0;
  return WITHOUT_EFFECT.has(name);
}

/** The stack knows no hexadecimal. */
function decimal(value: string): string {
  return /^0x[0-9a-f]+$/i.test(value) ? String(Number(value)) : value;
}
