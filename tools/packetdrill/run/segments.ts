import { CWR, FIN, type PacketSpec, PSH, type TcpOption, type TcpSpec } from '../script/packet-spec.ts';
import { formatOptions } from '../wire/format.ts';

/** Flags that may differ among the segments which together are one packet of a script. */
const FREE = PSH | FIN | CWR;

/** Whether a segment is but the beginning of what the script expects. */
export function isPart(expected: PacketSpec, actual: PacketSpec | undefined): actual is TcpSpec {
  return (
    expected.protocol === 'tcp' &&
    actual?.protocol === 'tcp' &&
    actual.length > 0 &&
    actual.length < expected.length &&
    actual.seq === expected.seq
  );
}

/**
 * One segment made of two that follow each other, as a receiver that offloads would see them: the flags are those of the
 * last. Undefined when they don't belong together.
 */
export function join(first: TcpSpec, next: PacketSpec | undefined): TcpSpec | undefined {
  if (next?.protocol !== 'tcp' || next.seq !== first.end || next.length === 0) return undefined;
  const agree =
    (first.flags & ~FREE) === (next.flags & ~FREE) &&
    first.ack === next.ack &&
    first.window === next.window &&
    first.urgent === next.urgent &&
    shape(first.options) === shape(next.options);
  if (!agree) return undefined;
  return { ...next, seq: first.seq, length: first.length + next.length, options: first.options };
}

/** Options without the time, which may have gone on between two segments. */
function shape(options: readonly TcpOption[] | undefined): string {
  return formatOptions(options?.map((option) => (option.kind === 'TS' ? { ...option, val: 0 } : option)));
}
