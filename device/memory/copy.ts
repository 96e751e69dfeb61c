import { type CopyKernel, nativeCopy } from '../native.ts';

/** Below this length a loop beats a call of the addon. */
const LOOP_BELOW = 160;

let kernel: CopyKernel | undefined;

/** Copies long runs between different arrays with `copy` from now on, undefined: with what the machine has. Returns what did so before. */
export function copyWith(copy: CopyKernel | undefined): CopyKernel {
  const before = kernel ?? nativeCopy() ?? copyByView;
  kernel = copy;
  return before;
}

/**
 * Copies `length` bytes between regions; they may not overlap unless the regions are the same array. Where the addon is there, packets
 * are copied without an allocation; elsewhere each needs a view.
 */
export function copyBytes(
  from: Uint8Array,
  fromAt: number,
  to: Uint8Array,
  toAt: number,
  length: number,
): void {
  if (from === to) {
    to.copyWithin(toAt, fromAt, fromAt + length);
  } else if (length < LOOP_BELOW) {
    for (let i = 0; i < length; i++) to[toAt + i] = from[fromAt + i]!;
  } else {
    kernel ??= nativeCopy() ?? copyByView;
    kernel(from, fromAt, to, toAt, length);
  }
}

function copyByView(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number, length: number): void {
  to.set(from.subarray(fromAt, fromAt + length), toAt);
}
