import { Counter, Gauge, type Registry } from 'prom-client';

/** A value with what tells it from others of its family. */
export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/** Samples of one name, made anew whenever somebody asks. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly labels?: readonly string[];
  samples(): Iterable<Sample>;
}

/** A family of one sample without labels. */
export function single(type: Family['type'], name: string, help: string, read: () => number): Family {
  return { type, name, help, samples: () => [[{}, read()]] };
}

/** Adds a family to `registry`, under the name `tapir_` and its own. */
export function addFamily(registry: Registry, family: Family): void {
  const common = {
    name: `tapir_${family.name}`,
    help: family.help,
    labelNames: family.labels ?? [],
    registers: [registry],
  };
  if (family.type === 'gauge') {
    const gauge: Gauge = new Gauge({
      ...common,
      collect: () => {
        gauge.reset();
        for (const [labels, value] of family.samples()) gauge.set(labels, value);
      },
    });
    return;
  }
  const counter: Counter = new Counter({
    ...common,
    collect: () => {
      counter.reset();
      for (const [labels, value] of family.samples()) counter.inc(labels, value);
    },
  });
}
