/** A packet that travelled while a script ran. */
export interface TracedPacket {
  /** Microseconds since the script began. */
  readonly time: number;
  readonly direction: 'in' | 'out';
  readonly bytes: Uint8Array;
}

/** One thing that happened. */
export interface TraceEntry {
  /** Microseconds since the script began. */
  readonly time: number;
  /** Line in the script that it belongs to; 0: none. */
  readonly line: number;
  readonly text: string;
}

/** What happened while a script ran, in order. */
export class Trace {
  readonly entries: TraceEntry[] = [];
  readonly packets: TracedPacket[] = [];
  /** The backend's time when the script began. */
  start = 0;

  packet(direction: 'in' | 'out', time: number, bytes: Uint8Array): void {
    this.packets.push({ direction, time: time - this.start, bytes });
  }

  /** Adds what happened at `time` of the backend, because of the script's line. */
  add(time: number, line: number, text: string): void {
    this.entries.push({ time: time - this.start, line, text });
  }

  /** A time of the backend as seconds since the script began. */
  seconds(time: number): string {
    return seconds(time - this.start);
  }

  /** The last `count` entries, one a line. */
  last(count: number): string[] {
    return this.entries
      .slice(-count)
      .map(
        ({ time, line, text }) =>
          `${seconds(time).padStart(11)} ${(line === 0 ? '' : `${line}:`).padStart(5)} ${text}`,
      );
  }
}

function seconds(microseconds: number): string {
  return (microseconds / 1e6).toFixed(6);
}
