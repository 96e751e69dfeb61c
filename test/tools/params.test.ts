import t from 'tap';
import {
  deviceName,
  flag,
  integer,
  ipv4,
  listOf,
  mac,
  oneOf,
  optional,
  prefix,
  readParams,
  stationMac,
} from '../../tools/control/params.ts';

t.test('parameters are checked all before any is used, and errors name them', (t) => {
  const schema = {
    dev: deviceName,
    on: optional(flag),
    address: optional(ipv4),
    net: optional(prefix),
    lladdr: optional(mac),
    station: optional(stationMac),
    kind: optional(oneOf(['a', 'b'])),
    list: optional(listOf(integer(1, 3), 2)),
  };
  t.strictSame(
    readParams(schema, {
      dev: 'tap0',
      on: false,
      address: '192.0.2.1',
      net: '10.0.0.0/8',
      lladdr: '02:00:00:00:00:01',
      kind: 'b',
      list: [1, 3],
    }),
    {
      dev: 'tap0',
      on: false,
      address: 0xc0000201,
      net: { address: 0x0a000000, length: 8 },
      lladdr: 0x020000000001,
      station: undefined,
      kind: 'b',
      list: [1, 3],
    },
  );
  const wrong: [string, unknown][] = [
    ['dev', ''],
    ['dev', 'a b'],
    ['dev', 'x'.repeat(128)],
    ['dev', 7],
    ['on', 1],
    ['on', null],
    ['address', '1.2.3'],
    ['address', '1.2.3.256'],
    ['address', 1],
    ['net', '10.0.0.0/33'],
    ['net', '/8'],
    ['net', {}],
    ['lladdr', '02:00'],
    ['station', 'ff:ff:ff:ff:ff:ff'],
    ['station', '00:00:00:00:00:00'],
    ['kind', 'c'],
    ['kind', 'toString'],
    ['list', [1, 2, 3]],
    ['list', [4]],
    ['list', 'x'],
    ['list', { length: 1 }],
  ];
  for (const [name, value] of wrong) {
    t.throws(
      () => readParams(schema, { dev: 'tap0', [name]: value }),
      { code: 'EPARAM', param: name },
      `${name}: ${JSON.stringify(value)}`,
    );
  }
  const long = t.throws(() =>
    readParams(schema, { dev: 'tap0', kind: `\u001b[31m${'y'.repeat(500)}` }),
  ) as Error;
  t.ok(
    long.message.length < 120 && !long.message.includes('\u001b'),
    'long and hostile values are shown short and escaped',
  );
  t.end();
});
