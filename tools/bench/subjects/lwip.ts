import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Program } from '../program.ts';
import { isInstalled, outsideWords, run } from '../sandbox.ts';
import { leaveOut, nextNetwork, type Placement, type Subject } from '../subject.ts';

/** The compiled files run from `dist/tools/bench/subjects/`. */
const PORT = fileURLToPath(new URL('../../../../tools/bench/peer/lwip/', import.meta.url));
const SOURCE_LISTS = '/etc/apt/sources.list.d';

let taps = 0;
let built: string | undefined;

/** lwIP of Debian's source, built with this benchmark's port: raw API, frames of 1514 bytes, checksums in software. */
export async function startLwip({ subjectCpu }: Placement): Promise<Subject | undefined> {
  try {
    built ??= build();
  } catch (error) {
    return leaveOut('lwIP', (error as Error).message);
  }
  const { peer, subject, prefix } = nextNetwork();
  const tap = `lwip${taps++}`;
  const server = new Program(built, [`${subjectCpu}`, tap, subject]);
  await server.says(/^ready$/m);
  run('ip', 'address', 'add', `${peer}/${prefix}`, 'dev', tap);
  return { name: 'lwIP', address: subject, enter: [], stop: () => server.stop() };
}

/** Fetches and compiles; the program's path. Throws when something is missing. The folder goes with this process. */
function build(): string {
  if (!isInstalled('apt-get') || !isInstalled('dpkg-source'))
    throw new Error('its source comes with apt-get (Debian: dpkg-dev)');
  const folder = mkdtempSync(join(tmpdir(), 'tapir-bench-lwip-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const source = join(fetchSource(folder), 'src');
  const files = ['core', 'core/ipv4'].flatMap((part) =>
    readdirSync(join(source, part))
      .filter((name) => name.endsWith('.c'))
      .map((name) => join(source, part, name)),
  );
  const program = join(folder, 'lwip-server');
  const include = ['-I', PORT, '-I', join(source, 'include')];
  run(
    'cc',
    '-O2',
    '-w',
    ...include,
    '-o',
    program,
    join(PORT, 'server.c'),
    ...files,
    `${source}/netif/ethernet.c`,
  );
  return program;
}

/** Debian's source of lwIP, unpacked below `folder`, with lists of apt's own kept there too: the system's stay as they are. */
function fetchSource(folder: string): string {
  const lists = join(folder, 'sources.list.d');
  for (const name of [lists, join(folder, 'lists/partial'), join(folder, 'cache/archives/partial')])
    mkdirSync(name, { recursive: true });
  for (const name of existsSync(SOURCE_LISTS) ? readdirSync(SOURCE_LISTS) : []) {
    const text = readFileSync(join(SOURCE_LISTS, name), 'utf8');
    if (name.startsWith('debian') && name.endsWith('.sources'))
      writeFileSync(join(lists, name), text.replaceAll(/^Types: deb$/gm, 'Types: deb-src'));
  }
  if (readdirSync(lists).length === 0) throw new Error(`no Debian sources in ${SOURCE_LISTS}`);
  const options = [
    'Dir::Etc::sourcelist=/dev/null',
    `Dir::Etc::sourceparts=${lists}`,
    `Dir::State::Lists=${join(folder, 'lists')}`,
    `Dir::Cache=${join(folder, 'cache')}`,
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option]);
  for (const command of [['update'], ['source', '-q', 'lwip']]) {
    const [program = '', ...words] = [...outsideWords(), 'apt-get', ...options, ...command];
    const { status, stderr } = spawnSync(program, words, { cwd: folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(`apt-get ${command.join(' ')}: ${stderr}`);
  }
  const unpacked = readdirSync(folder).find((name) => name.startsWith('lwip-'));
  if (unpacked === undefined) throw new Error('apt-get source lwip left no folder');
  return join(folder, unpacked);
}
