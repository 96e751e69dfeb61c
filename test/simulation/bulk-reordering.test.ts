import t from 'tap';
import { bulk } from './bulk.ts';

t.test('100 MB both ways at once while frames overtake each other', (t) =>
  bulk(t, { delay: 5, reorder: 0.05, jitter: 1, jitterReorders: true }),
);
