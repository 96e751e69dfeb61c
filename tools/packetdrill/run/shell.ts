import type { Backend } from '../backend.ts';
import { type Command, Unsupported } from '../script/script.ts';
import { ScriptFailure } from './failure.ts';
import { parseRoute } from './shell-route.ts';

/** What the usual `defaults.sh` of public scripts sets, with names of the running kernel. */
const DEFAULTS: readonly (readonly [name: string, value: string])[] = [
  ['net.ipv4.tcp_rmem', '4096 540000 15728640'],
  ['net.ipv4.tcp_wmem', '4096 262144 4194304'],
  ['net.ipv4.tcp_timestamps', '1'],
  ['net.ipv4.tcp_syn_retries', '5'],
  ['net.ipv4.tcp_synack_retries', '5'],
  ['net.ipv4.tcp_frto', '2'],
  ['net.ipv4.tcp_sack', '1'],
  ['net.ipv4.tcp_dsack', '1'],
  ['net.ipv4.tcp_fack', '0'],
  ['net.ipv4.tcp_reordering', '3'],
  ['net.ipv4.tcp_congestion_control', 'cubic'],
  ['net.ipv4.tcp_slow_start_after_idle', '0'],
  ['net.ipv4.tcp_early_retrans', '4'],
  ['net.ipv4.tcp_recovery', '1'],
  ['net.ipv4.tcp_tso_win_divisor', '3'],
  ['net.ipv4.tcp_ecn', '0'],
  ['net.ipv4.tcp_ecn_option', '2'],
  ['net.ipv4.tcp_pacing_ss_ratio', '200'],
  ['net.ipv4.tcp_pacing_ca_ratio', '120'],
  ['net.ipv4.tcp_notsent_lowat', '4294967295'],
  ['net.ipv4.tcp_fastopen', '0x70403'],
  ['net.ipv4.tcp_fastopen_key', 'a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4'],
  ['net.ipv4.tcp_syncookies', '1'],
];
/** Newer ones of them: a stack that lacks them is as old as some kernels. */
const OPTIONAL = new Set(['net.ipv4.tcp_ecn_option', 'net.ipv4.tcp_fack', 'net.ipv4.tcp_notsent_lowat']);

/** How one form of shell line is done. `match` is of the line's pattern. */
type Action = (shell: Shell, match: RegExpExecArray, line: number) => Promise<void>;

/** The shell lines of public scripts. There is no shell: other lines are unsupported. */
const LINES: readonly (readonly [pattern: RegExp, action: Action])[] = [
  [/^(?:source |\. )?(?:\S*\/)?defaults\.sh$/, (shell) => shell.defaults()],
  [/^(?:\S*\/)?set_sysctls\.py\s+(.+)$/, (shell, match, line) => shell.sysctls(match[1]!, line)],
  [/^(?:\S*\/)?sysctl_restore_\$\{?PPID\}?\.sh$/, async () => {}],
  [
    /^sysctl\s+((?:-\w+\s+)*)(.+)$/,
    (shell, match, line) => shell.sysctls(match[2]!, line, match[1]!.includes('e')),
  ],
  [
    /^echo\s+("[^"]*"|\S+)\s*>\s*\/(proc\/sys|sys\/module)\/(\S+)$/,
    (shell, match, line) => shell.echo(match, line),
  ],
  [/^ip\s+(?:-\d\s+)?tcp_metrics\s+flush(?:\s+all)?$/, async (shell) => shell.backend.flushMetrics()],
  [
    /^ip\s+(?:-\d\s+)?route\s+(?:change|replace|add)\s+(.+)$/,
    async (shell, match) => shell.backend.route(parseRoute(match[1]!)),
  ],
  [
    /^tc\s+qdisc\s+(?:replace|add|change)\s+dev\s+tun0\s+root\s+(?:handle\s+\S+\s+)?(\w+)(?:\s+limit\s+(\d+))?$/,
    async (shell, match) =>
      shell.backend.qdisc(match[1]!, match[2] === undefined ? undefined : Number(match[2])),
  ],
  [
    /^tc\s+qdisc\s+del(?:ete)?\s+dev\s+tun0\s+root$/,
    async (shell) => shell.backend.qdisc('pfifo', undefined),
  ],
  [/^ethtool\s+-K\s+tun0((?:\s+[\w-]+\s+(?:on|off))+)$/, (shell, match) => shell.offloads(match[1]!)],
  [/^nstat(?:\s+-n)?$/, (shell) => shell.forgetCounters()],
  [
    /^nstat(?:\s+-\w+)*(?:\s+\w+)?\s*\|\s*grep\s+(?:-q\s+)?"?(\w+)"?$/,
    (shell, match, line) => shell.counted(match[1]!, line),
  ],
  [
    /^nstat((?:\s+-\w+)*)\s*\|\s*grep\s+"?(\w+)"?\s*\|\s*grep\s+-q\s+"\s*(\d+)\s*"$/,
    (shell, match, line) => shell.countedTimes(match[2]!, Number(match[3]), match[1]!.includes('s'), line),
  ],
  [
    /^grep\s+" 0A "\s+\/proc\/net\/tcp6?(?:\s+\/proc\/net\/tcp6?)?\s*\|\s*grep\s+(?:-q\s+)?":([0-9A-Fa-f]{4})"$/,
    (shell, match, line) => shell.listens(Number.parseInt(match[1]!, 16), line),
  ],
  [
    /^sleep\s+(\d*\.?\d+)$/,
    async (shell, match) => shell.backend.advanceTo(shell.backend.now() + Number(match[1]) * 1e6),
  ],
  [/^true$/, async () => {}],
  [/^(?:\/bin\/)?rm\s+-f\s+(\/tmp\/[\w.-]+)$/, async (shell, match) => shell.backend.removeFile(match[1]!)],
  [/^(?:\/bin\/)?dd\s+((?:\s*\w+=\S+)+)$/, (shell, match, line) => shell.makeFile(match[1]!, line)],
];

/** Does what the shell lines of a script ask for, on the stack under test. */
export class Shell {
  readonly backend: Backend;
  /** `dd`, as far as it makes a file of zeros. */
  async makeFile(text: string, line: number): Promise<void> {
    const words = new Map(text.split(/\s+/).map((word) => word.split('=') as [string, string]));
    const [from, to] = [words.get('if'), words.get('of')];
    if (from !== '/dev/zero' || to === undefined || !/^\/tmp\/[\w.-]+$/.test(to))
      throw new Unsupported(line, `dd ${text}`);
    await this.backend.makeFile(to, Number(words.get('bs') ?? 512) * Number(words.get('count')));
  }

  /** Counters when `nstat` was last asked. */
  #counters: ReadonlyMap<string, number> = new Map();

  constructor(backend: Backend) {
    this.backend = backend;
  }

  /** Sets what scripts without a line of shell find. */
  async defaults(): Promise<void> {
    for (const [name, value] of DEFAULTS) {
      const known = await this.backend.sysctl(name, value);
      if (!known && !OPTIONAL.has(name)) throw new Unsupported(0, `sysctl ${name}=${value}`);
    }
    await this.backend.flushMetrics();
    await this.backend.qdisc('pfifo', undefined);
  }

  async run(command: Command): Promise<void> {
    for (const text of linesOf(command.text)) await this.#either(text.split(/\s*\|\|\s*/), command.line);
  }

  /** Does the first of the commands that can be done (`a || b`). */
  async #either(texts: readonly string[], line: number): Promise<void> {
    const [first, ...others] = texts;
    try {
      await this.#one(first ?? '', line);
    } catch (error) {
      const failed = error instanceof Unsupported || error instanceof ScriptFailure;
      if (others.length === 0 || !failed) throw error;
      await this.#either(others, line);
    }
  }

  async #one(text: string, line: number): Promise<void> {
    const found = LINES.map(([pattern, action]) => [pattern.exec(text), action] as const).find(
      ([match]) => match !== null,
    );
    if (found === undefined) throw new Unsupported(line, `shell command "${text}"`);
    const [match, action] = found;
    await placed(line, action(this, match!, line));
  }

  /** `name=value name=value`; names with dots or slashes, or files below /proc/sys. */
  async sysctls(assignments: string, line: number, mayLack = false): Promise<void> {
    for (const assignment of assignments.matchAll(/([\w./-]+)\s*=\s*("[^"]*"|'[^']*'|\S+)/g)) {
      const name = assignment[1]!.replace(/^\/proc\/sys\//, '').replaceAll('/', '.');
      await this.#set(name, assignment[2]!, line, mayLack);
    }
  }

  async echo(match: RegExpExecArray, line: number): Promise<void> {
    const path = match[3]!.replace('/parameters/', '/').replaceAll('/', '.');
    await this.#set(match[2] === 'sys/module' ? `module.${path}` : path, match[1]!, line, false);
  }

  async #set(name: string, text: string, line: number, mayLack: boolean): Promise<void> {
    const value = arithmetic(text.replaceAll(/["']/g, ''));
    const known = await this.backend.sysctl(name, value);
    if (!known && !mayLack) throw new Unsupported(line, `sysctl ${name}=${value}`);
  }

  async offloads(words: string): Promise<void> {
    for (const [, feature, state] of words.matchAll(/([\w-]+)\s+(on|off)/g))
      await this.backend.offload(feature!, state === 'on');
  }

  async forgetCounters(): Promise<void> {
    this.#counters = await this.backend.counters();
  }

  /** `nstat | grep NAME`: fails when no counter of such a name moved since `nstat` was last asked. */
  async counted(name: string, line: number): Promise<void> {
    const before = this.#counters;
    const now = await this.backend.counters();
    this.#counters = now;
    const moved = [...now].some(([key, value]) => key.includes(name) && value !== (before.get(key) ?? 0));
    if (!moved) throw new ScriptFailure(line, `no counter ${name} moved`);
  }

  /** `nstat | grep NAME | grep -q " N "`: fails unless the counter moved by `times`; `keep`: since an earlier time (`-s`). */
  async countedTimes(name: string, times: number, keep: boolean, line: number): Promise<void> {
    const now = await this.backend.counters();
    const moved = (now.get(name) ?? 0) - (this.#counters.get(name) ?? 0);
    if (!keep) this.#counters = now;
    if (moved !== times) throw new ScriptFailure(line, `counter ${name}: expected ${times}, actual ${moved}`);
  }

  async listens(port: number, line: number): Promise<void> {
    if (!(await this.backend.listening(port)))
      throw new ScriptFailure(line, `nobody listens on port ${port}`);
  }
}

/** The simple commands of shell text; where their output goes does not matter. */
function linesOf(text: string): string[] {
  return text
    .replaceAll(/\\\n/g, ' ')
    .split(/\n|;|&&/)
    .map((line) =>
      line
        .replaceAll(/\s*[2&]?>+\s*(?:\/dev\/null|&1)/g, '')
        .replace(/(?:^|\s)#.*$/, '')
        .trim(),
    )
    .filter((line) => line !== '');
}

/** The shell's `$((...))` with whole numbers, `+`, `-` and `*`. */
function arithmetic(text: string): string {
  return text.replaceAll(/\$\(\(([\d+\-*\s]+)\)\)/g, (_whole, sum: string) =>
    String(
      sum
        .replaceAll(/\s/g, '')
        .split(/(?=[+-])/)
        .map((term) =>
          term
            .split('*')
            .map(Number)
            .reduce((product, factor) => product * factor, 1),
        )
        .reduce((total, term) => total + term, 0),
    ),
  );
}

/** Puts a line to what the backend can't do. */
async function placed(line: number, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Unsupported && error.line === 0) throw new Unsupported(line, error.message);
    throw error;
  }
}
