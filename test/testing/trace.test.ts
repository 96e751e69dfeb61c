import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';

/** A test with a trace, which fails or not, in a process of its own. */
function program(assertion: string): string {
  const here = resolve('dist/test/testing');
  return `
import t from '${resolve('node_modules/tap/dist/esm/index.js')}';
import { openDevice } from '${resolve('dist/device/netdevice/admin.js')}';
import { testDevice, testMachine } from '${here}/machine.js';
import { traced } from '${here}/trace.js';
t.test('a frame', (t) => {
  const { pool, ns } = testMachine();
  const { dev, link } = testDevice(ns, { name: 'tap0' });
  traced(t, ns, process.argv[2]);
  openDevice(dev);
  const frame = Buffer.alloc(42, 7);
  link.port.receive(pool.from(frame));
  ${assertion}
  t.end();
});
`;
}

t.test('a failed test leaves its frames, a passed one nothing', (t) => {
  const folder = t.testdir({});
  const leave = (assertion: string) => {
    const script = join(folder, 'traced.mjs');
    writeFileSync(script, program(assertion));
    const { TAP: _, ...env } = process.env;
    return spawnSync(process.execPath, [script, join(folder, 'out')], { encoding: 'utf8', env });
  };
  t.equal(leave('t.pass();').status, 0);
  t.notOk(existsSync(join(folder, 'out')));
  const failed = leave('t.fail();');
  t.equal(failed.status, 1);
  const [, path] = /^ *# frames: (.*\.pcapng)$/m.exec(failed.stdout) ?? [];
  const trace = readFileSync(path ?? 'no trace was named');
  t.equal(trace.readUInt32LE(0), 0x0a0d0d0a, 'pcapng');
  t.ok(trace.includes(Buffer.alloc(42, 7)), 'with the frame');
  t.ok(trace.includes('tap0'), "and the interface's name");
  t.end();
});
