import { existsSync } from 'node:fs';
import t from 'tap';
import { chooseBackend } from '../../tools/packetdrill/backends/index.ts';
import { collect } from '../../tools/packetdrill/cli/collect.ts';
import { defaultDefinitions } from '../../tools/packetdrill/cli/definitions.ts';
import { formatText } from '../../tools/packetdrill/cli/report.ts';
import { runAll } from '../../tools/packetdrill/cli/run-all.ts';
import { requirements } from './support/requirements.ts';

const skip = existsSync('/proc/sys/net/ipv4') ? requirements('python3', 'tc') : 'needs Linux';

t.test('our packet scripts say what Linux does', { skip, timeout: 600_000 }, async (t) => {
  const items = collect(['test/packetdrill'], 'linux');
  t.ok(items.length >= 200, `${items.length} scripts`);
  const context = {
    backend: chooseBackend('linux'),
    definitions: defaultDefinitions(),
    pcap: undefined,
    slow: false,
  };
  await runAll(items, context, 4, (report) => {
    if (report.verdict === 'passed') t.pass(report.path);
    else t.fail(formatText(report));
  });
});
