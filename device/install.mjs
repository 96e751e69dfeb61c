// Gets the TUN/TAP addon ready: a prebuilt one, else a plain C compile against this Node's own headers, else node-gyp.
// Never fails the install: without the addon everything works but TUN/TAP devices, and opening one says what is missing.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const release = join(here, 'build', 'Release');
const sources = ['tapdev.c', 'ring.c', 'control.c', 'copy.c'].map((name) => join(here, 'native', name));

/** Loads a built addon in a process of its own, so that a broken one can't take this one along. */
function loads(file) {
  const script = `process.exit(require(${JSON.stringify(file)}).version > 0 ? 0 : 1)`;
  return spawnSync(process.execPath, ['-e', script], { stdio: 'ignore' }).status === 0;
}

function prebuilt() {
  if (!existsSync(join(here, 'prebuilds'))) return false;
  try {
    return loads(createRequire(import.meta.url)('node-gyp-build').path(here));
  } catch {
    return false;
  }
}

function headers() {
  const { npm_config_nodedir: nodedir } = process.env;
  const roots = [join(dirname(process.execPath), '..'), ...(nodedir ? [nodedir] : []), '/usr'];
  return roots
    .map((root) => join(root, 'include', 'node'))
    .find((path) => existsSync(join(path, 'node_api.h')));
}

function compiled() {
  const include = headers();
  if (include === undefined) return false;
  mkdirSync(release, { recursive: true });
  // Built aside and moved: a process that has the old one mapped goes on with it.
  const made = join(release, `tapdev.${process.pid}.node`);
  const flags = ['-std=c11', '-O2', '-Wall', '-Wextra', '-shared', '-fPIC', '-fvisibility=hidden'];
  const defines = ['-DNAPI_VERSION=8', '-D_GNU_SOURCE'];
  const compiler = process.env.CC ?? 'cc';
  const result = spawnSync(compiler, [...flags, ...defines, `-I${include}`, ...sources, '-o', made], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const good = result.status === 0 && loads(made);
  if (good) renameSync(made, join(release, 'tapdev.node'));
  else rmSync(made, { force: true });
  return good;
}

function gyp() {
  const result = spawnSync('node-gyp', ['rebuild', `--directory=${here}`], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return result.status === 0 && loads(join(release, 'tapdev.node'));
}

/** Why there is no addon; undefined when there is one. */
function missing() {
  if (process.platform !== 'linux') return `TUN/TAP devices need Linux, this is ${process.platform}`;
  try {
    if (prebuilt() || compiled() || gyp()) return undefined;
    return 'no C compiler that works, or no Node headers';
  } catch (error) {
    return error.message;
  }
}

const reason = missing();
if (reason !== undefined) {
  console.warn(`tapir: the native TAP addon was not built: ${reason}`);
  console.warn('tapir: TUN/TAP devices are unavailable; simulated links work without it');
}
