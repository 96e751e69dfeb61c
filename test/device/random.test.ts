import t from 'tap';
import { RealEntropy, SeededEntropy } from '../../device/random.ts';

t.test('a seed gives its own sequence, always the same', (t) => {
  const draw = (seed: number) => {
    const entropy = new SeededEntropy(seed);
    return [entropy.u32(), entropy.u32(), entropy.below(10), entropy.uniform(1, 2), entropy.fork().u32()];
  };
  t.strictSame(draw(7), draw(7));
  t.notSame(draw(7), draw(8));
  const saved = new SeededEntropy(3);
  saved.u32();
  const restored = new SeededEntropy(0);
  restored.state.set(saved.state);
  t.equal(restored.u32(), saved.u32(), 'the four words are the whole state');
  t.end();
});

for (const [name, entropy] of [
  ['seeded', new SeededEntropy(1)],
  ['real', new RealEntropy()],
] as const) {
  t.test(`${name}: uniform over its range`, (t) => {
    const buckets = new Float64Array(16);
    for (let i = 0; i < 160_000; i++) buckets[entropy.below(16)]!++;
    t.ok(buckets.every((count) => count > 9_400 && count < 10_600));
    for (let i = 0; i < 1000; i++) {
      const x = entropy.uniform(5, 6);
      if (!(x >= 5 && x < 6)) t.fail(`uniform gave ${x}`);
    }
    t.notOk(entropy.chance(0));
    t.ok(entropy.chance(1));
    const bytes = new Uint8Array(64);
    entropy.fill(bytes);
    t.ok(new Set(bytes).size > 32);
    t.end();
  });
}
