import {
  ICMP_DEST_UNREACH,
  ICMP_FRAG_NEEDED,
  ICMP_PARAMETERPROB,
  ICMP_REDIRECT,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
} from '../../stack/wire/icmp.ts';

/** Bytes of IPv4 header and ICMP header in front of the data. */
const HEADERS = 28;

/** What became of one echo request. */
export type PingEvent =
  | {
      readonly kind: 'reply';
      readonly seq: number;
      readonly from: string;
      /** Bytes of the ICMP message. */
      readonly bytes: number;
      readonly ttl: number;
      /** Milliseconds. */
      readonly rtt: number;
      /** The answer to this request came before. */
      readonly duplicate: boolean;
      /** It brought back the data that was sent. */
      readonly intact: boolean;
    }
  | {
      /** Somebody reports an ICMP error. */
      readonly kind: 'error';
      readonly seq: number;
      readonly from: string;
      readonly type: number;
      readonly code: number;
      readonly info: number;
    }
  | {
      /** It could not be sent. */
      readonly kind: 'unsent';
      readonly seq: number;
      readonly error: string;
    };

/** `PING 192.0.2.1 (192.0.2.1) 56(84) bytes of data.` */
export function pingHeader(destination: string, size: number): string {
  return `PING ${destination} (${destination}) ${size}(${size + HEADERS}) bytes of data.`;
}

/** One line as iputils prints it. */
export function formatPing(event: PingEvent): string {
  if (event.kind === 'unsent') return `ping: sendmsg: ${event.error}`;
  if (event.kind === 'error') return `From ${event.from} icmp_seq=${event.seq} ${errorText(event)}`;
  const { bytes, from, seq, ttl, rtt, duplicate, intact } = event;
  const notes = `${duplicate ? ' (DUP!)' : ''}${intact ? '' : ' wrong data!'}`;
  return `${bytes} bytes from ${from}: icmp_seq=${seq} ttl=${ttl} time=${roundTrip(rtt)} ms${notes}`;
}

/** Three significant digits at least, as iputils chooses them. */
function roundTrip(ms: number): string {
  if (ms >= 100) return ms.toFixed(0);
  if (ms >= 10) return ms.toFixed(1);
  return ms >= 1 ? ms.toFixed(2) : ms.toFixed(3);
}

/** iputils' words; index: code. */
const UNREACHABLE = [
  'Destination Net Unreachable',
  'Destination Host Unreachable',
  'Destination Protocol Unreachable',
  'Destination Port Unreachable',
  'Frag needed and DF set',
  'Source Route Failed',
  'Destination Net Unknown',
  'Destination Host Unknown',
  'Source Host Isolated',
  'Destination Net Prohibited',
  'Destination Host Prohibited',
  'Destination Net Unreachable for Type of Service',
  'Destination Host Unreachable for Type of Service',
  'Packet filtered',
  'Precedence Violation',
  'Precedence Cutoff',
];

function errorText({ type, code, info }: PingEvent & { kind: 'error' }): string {
  switch (type) {
    case ICMP_DEST_UNREACH:
      if (code === ICMP_FRAG_NEEDED) return `${UNREACHABLE[code]} (mtu = ${info})`;
      return UNREACHABLE[code] ?? `Dest Unreachable, Bad Code: ${code}`;
    case ICMP_TIME_EXCEEDED:
      return code === 0 ? 'Time to live exceeded' : 'Frag reassembly time exceeded';
    case ICMP_SOURCE_QUENCH:
      return 'Source Quench';
    case ICMP_REDIRECT:
      return 'Redirect';
    case ICMP_PARAMETERPROB:
      return `Parameter problem: pointer = ${info}`;
    default:
      return `Bad ICMP type: ${type}`;
  }
}

/** Counts a run of pings, for the lines that iputils prints at its end. */
export class PingSummary {
  received = 0;
  duplicates = 0;
  errors = 0;
  #sum = 0;
  #squares = 0;
  #least = Number.POSITIVE_INFINITY;
  #most = 0;

  add(event: PingEvent): void {
    if (event.kind !== 'reply') {
      this.errors++;
      return;
    }
    if (event.duplicate) this.duplicates++;
    else this.received++;
    this.#sum += event.rtt;
    this.#squares += event.rtt * event.rtt;
    this.#least = Math.min(this.#least, event.rtt);
    this.#most = Math.max(this.#most, event.rtt);
  }

  /** Percent of `sent` requests that were not answered. */
  loss(sent: number): number {
    return sent === 0 ? 0 : ((sent - this.received) * 100) / sent;
  }

  /** Milliseconds; undefined without an answer. */
  get times(): { min: number; avg: number; max: number; mdev: number } | undefined {
    const count = this.received + this.duplicates;
    if (count === 0) return undefined;
    const avg = this.#sum / count;
    const mdev = Math.sqrt(Math.max(0, this.#squares / count - avg * avg));
    return { min: this.#least, avg, max: this.#most, mdev };
  }

  /** The closing lines; `elapsedMs` is the time from the first request to the end. */
  format(destination: string, sent: number, elapsedMs: number): string {
    const duplicates = this.duplicates > 0 ? `, +${this.duplicates} duplicates` : '';
    const errors = this.errors > 0 ? `, +${this.errors} errors` : '';
    const { times } = this;
    const rtt =
      times === undefined
        ? ''
        : `rtt min/avg/max/mdev = ${[times.min, times.avg, times.max, times.mdev].map((ms) => ms.toFixed(3)).join('/')} ms`;
    const loss = Number(this.loss(sent).toPrecision(6));
    return `
--- ${destination} ping statistics ---
${sent} packets transmitted, ${this.received} received${duplicates}${errors}, ${loss}% packet loss, time ${Math.round(elapsedMs)}ms
${rtt}`;
  }
}
