import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { NetError } from '../../device/errno.ts';
import { loadDriver, RING_FIRST, RX_WORDS, TX_WORDS } from '../../device/native.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const include = join(process.execPath, '..', '..', 'include', 'node');
const installer = join(root, 'device', 'install.mjs');

t.test('without the addon, asking for it says what is missing and what to do', (t) => {
  const empty = t.testdir({});
  const error = thrown(() => loadDriver(empty));
  t.equal(error.code, 'EOPNOTSUPP');
  t.equal(error.syscall, 'tap');
  t.match(error.message, /^tap EOPNOTSUPP: the native addon was not built \(.+\); run "node .+install\.mjs"/);
  t.match(thrown(() => loadDriver(empty, 'darwin')).message, /TUN\/TAP devices need Linux, this is darwin/);
  t.end();
});

t.test('the installer never fails, whatever is missing', (t) => {
  const directory = copyOfDevice(t.testdir({}));
  const bare = run(directory, { PATH: '/nowhere', CC: '/nowhere/cc' });
  t.equal(bare.status, 0);
  t.match(bare.stderr, /the native TAP addon was not built: no C compiler that works/);
  t.match(bare.stderr, /simulated links work without it/);
  t.notOk(existsSync(join(directory, 'build', 'Release', 'tapdev.node')));

  writeFileSync(join(directory, 'native', 'ring.c'), '#error broken');
  t.equal(run(directory, {}).status, 0, 'nor when the sources do not compile');
  t.notOk(existsSync(join(directory, 'build', 'Release', 'tapdev.node')));
  t.end();
});

t.test('the sources compile without a warning', { skip: noCompiler() }, (t) => {
  const directory = copyOfDevice(t.testdir({}));
  const built = run(directory, {});
  t.equal(built.status, 0);
  t.equal(built.stderr, '');
  t.ok(existsSync(join(directory, 'build', 'Release', 'tapdev.node')));
  const driver = loadDriver(directory);
  const memory = new Uint8Array(4096);
  const rx = new Uint32Array(RING_FIRST + RX_WORDS);
  const tx = new Uint32Array(RING_FIRST + TX_WORDS);
  const ready = (): void => {};
  t.equal(driver.open('sixteen-letters-', 0x1002, memory, rx, tx, ready), -22, 'a long name is not cut');
  t.equal(driver.adopt(1e6, memory, rx, tx, ready), -9, 'no descriptor');
  const file = spawnSync(process.execPath, ['-e', refusals(directory)], { encoding: 'utf8' });
  t.equal(file.stdout, 'ENOTTY\n');
  t.end();
});

t.test('an addon of another version is refused', { skip: noCompiler() }, (t) => {
  const directory = copyOfDevice(t.testdir({}));
  const header = join(directory, 'native', 'tapdev.h');
  writeFileSync(header, readFileSync(header, 'utf8').replace(/(#define TAPDEV_VERSION) \d+/, '$1 1000'));
  t.equal(run(directory, {}).status, 0);
  t.match(thrown(() => loadDriver(directory)).message, /the native addon is of another version; run "node /);
  t.end();
});

t.test('elsewhere than on Linux the stubs compile and refuse', { skip: noCompiler() }, (t) => {
  const out = join(t.testdir({}), 'stub.node');
  const source = join(root, 'device', 'native', 'unsupported.c');
  const flags = ['-std=c11', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC'];
  const defines = ['-DNAPI_VERSION=8', '-D_GNU_SOURCE'];
  t.equal(spawnSync('cc', [...flags, ...defines, `-I${include}`, source, '-o', out]).status, 0);
  const script = `try { require(${JSON.stringify(out)}).open() } catch (e) { console.log(e.code, e.message) }`;
  const ran = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  t.equal(ran.stdout, 'EOPNOTSUPP TUN/TAP devices need Linux\n');
  t.end();
});

/** Why the addon cannot be compiled here; false when it can. */
function noCompiler(): string | false {
  if (process.platform !== 'linux') return 'needs Linux';
  if (spawnSync('cc', ['--version']).status !== 0) return 'needs a C compiler (cc)';
  return existsSync(join(include, 'node_api.h')) ? false : "needs Node's headers";
}

function thrown(action: () => unknown): NetError {
  try {
    action();
  } catch (error) {
    if (error instanceof NetError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** A copy of what the package ships of `device/`, somewhere where no node_modules are. */
function copyOfDevice(parent: string): string {
  const directory = join(parent, 'device');
  mkdirSync(directory);
  cpSync(installer, join(directory, 'install.mjs'));
  for (const name of ['native', 'binding.gyp'])
    cpSync(join(root, 'device', name), join(directory, name), { recursive: true });
  return directory;
}

function run(directory: string, env: Record<string, string>) {
  return spawnSync(process.execPath, [join(directory, 'install.mjs')], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
}

/** A program that hands the addon a descriptor that is no TUN/TAP. */
function refusals(directory: string): string {
  return `
    const { errno } = require('node:os').constants;
    const driver = require(${JSON.stringify(join(directory, 'build', 'Release', 'tapdev.node'))});
    const fd = require('node:fs').openSync('/dev/null');
    const result = driver.adopt(fd, new Uint8Array(64), new Uint32Array(4), new Uint32Array(5), () => {});
    require('node:fs').closeSync(fd);
    console.log(Object.keys(errno).find((name) => errno[name] === -result));
  `;
}
