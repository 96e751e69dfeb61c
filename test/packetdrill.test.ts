import t from 'tap';
import { chooseBackend } from '../tools/packetdrill/backends/index.ts';
import { collect } from '../tools/packetdrill/cli/collect.ts';
import { defaultDefinitions } from '../tools/packetdrill/cli/definitions.ts';
import { formatText } from '../tools/packetdrill/cli/report.ts';
import { runAll } from '../tools/packetdrill/cli/run-all.ts';

t.test('this stack does what our packet scripts say', { timeout: 120_000 }, async (t) => {
  const items = collect(['test/packetdrill'], 'tapir');
  t.ok(items.length >= 227, `${items.length} scripts`);
  const context = {
    backend: chooseBackend('tapir'),
    definitions: defaultDefinitions(),
    pcap: undefined,
    slow: false,
  };
  const reports = await runAll(items, context, 1, (report) => {
    if (report.verdict === 'failed') t.fail(formatText(report));
    else t.pass(report.path);
  });
  const unlisted = reports.filter(({ verdict }) => verdict === 'unsupported').map(({ path }) => path);
  t.strictSame(unlisted, [], 'nothing in them is unsupported');
});
