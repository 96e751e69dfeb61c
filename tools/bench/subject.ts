/** What is measured: something that serves the peer program's ports at an address. */
export interface Subject {
  /** `tapir`, `veth`, `pasta` ... */
  readonly name: string;
  /** Where the peer connects to. */
  readonly address: string;
  /** Words in front of the peer's command, such that it runs where the address is reached from. */
  readonly enter: readonly string[];
  /** Ends it and takes away what belongs to it. */
  stop(): Promise<void>;
}

/** CPUs: the peer has one, the subject the other. */
export interface Placement {
  readonly peerCpu: number;
  readonly subjectCpu: number;
}

/** How a reference is started; undefined with a printed note where it is not installed. */
export type StartSubject = (placement: Placement) => Promise<Subject | undefined>;

let networks = 0;

/** A network of two hosts out of 198.18.0.0/15 (RFC 2544, for benchmarks), another one each time. */
export function nextNetwork(): { peer: string; subject: string; prefix: number } {
  const base = networks++ * 4;
  const at = (host: number): string => `198.18.${(base + host) >> 8}.${(base + host) & 255}`;
  return { peer: at(1), subject: at(2), prefix: 30 };
}

/** Tells why a reference is left out. */
export function leaveOut(name: string, why: string): undefined {
  process.stderr.write(`without ${name}: ${why}\n`);
  return undefined;
}
