// Gets the tests of Node itself: they are in Debian's source package `nodejs`, of which only the upstream archive is fetched, by apt, which
// checks it against Debian's signature. apt is given a list and folders of its own, so that the system's stay as they are.

import { execFile } from 'node:child_process';
import { constants, existsSync, readFileSync } from 'node:fs';
import { access, lstat, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** What of the archive is unpacked. */
const PARTS = [
  'test/common',
  'test/fixtures/empty.txt',
  'test/parallel/test-net-*',
  'test/parallel/test-dgram-*',
];

/** This user's folder under the system's temporary one. Throws when somebody else made it. */
async function cacheFolder() {
  const { uid } = userInfo();
  const folder = join(tmpdir(), `tapir-node-tests-${uid}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const status = await lstat(folder);
  if (!status.isDirectory() || (uid >= 0 && status.uid !== uid)) throw new Error(`${folder} is not ours`);
  return folder;
}

function codename() {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const name = /^VERSION_CODENAME=(\w+)$/m.exec(release)?.[1];
  if (name === undefined || !existsSync(KEYRING))
    throw new Error('the tests of Node come from Debian’s source package, through apt: this is no Debian');
  return name;
}

/** The list that makes a source repository of each repository that this system has packages of its release from. */
async function sourceList(suite) {
  const { stdout } = await run('apt-get', [
    'indextargets',
    '--format',
    '$(REPO_URI) $(RELEASE)',
    'Created-By: Packages',
  ]);
  const found = stdout.split('\n').filter((line) => line.endsWith(` ${suite}`));
  const repositories = [...new Set(found)].map((line) => line.slice(0, line.lastIndexOf(' ')));
  if (repositories.length === 0) throw new Error(`apt knows no repository of ${suite}`);
  return repositories.map((uri) => `deb-src [signed-by=${KEYRING}] ${uri} ${suite} main\n`).join('');
}

/** Downloads the upstream archive into `folder`; its path. */
async function download(folder) {
  const suite = codename();
  for (const part of ['lists/partial', 'archives/partial'])
    await mkdir(join(folder, part), { recursive: true });
  const list = join(folder, 'sources.list');
  await writeFile(list, await sourceList(suite));
  const options = [
    `Dir::Etc::sourcelist=${list}`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::lists=${join(folder, 'lists')}`,
    `Dir::Cache=${folder}`,
    `APT::Sandbox::User=${userInfo().username}`,
  ].flatMap((option) => ['-o', option]);
  await run('apt-get', [...options, '-q', 'update']);
  const source = ['-q', 'source', '--download-only', '--tar-only', `nodejs/${suite}`];
  await run('apt-get', [...options, ...source], { cwd: folder });
  const archive = (await readdir(folder)).find((name) => /^nodejs_.*\.orig\.tar\.\w+$/.test(name));
  if (archive === undefined) throw new Error('apt fetched no archive of nodejs');
  return join(folder, archive);
}

/**
 * The folder whose `test/parallel` holds the tests. They are downloaded once, and stay under the system's temporary folder. Throws
 * where there is no apt of a Debian, or nothing to unpack with.
 */
export async function nodeSources() {
  const cache = await cacheFolder();
  const ready = join(cache, 'node');
  try {
    await access(join(ready, 'test/parallel'), constants.R_OK);
    return ready;
  } catch {
    // not there yet
  }
  const folder = await mkdtemp(join(cache, 'download-'));
  try {
    const archive = await download(folder);
    const unpacked = join(folder, 'node');
    await mkdir(unpacked);
    const parts = PARTS.map((part) => `*/${part}`);
    await run('tar', ['-xf', archive, '-C', unpacked, '--strip-components=1', '--wildcards', ...parts]);
    await rm(ready, { recursive: true, force: true });
    await rename(unpacked, ready);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return ready;
}
