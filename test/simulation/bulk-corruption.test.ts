import t from 'tap';
import { bulk } from './bulk.ts';

t.test('100 MB both ways at once while a fiftieth is damaged', (t) => bulk(t, { delay: 5, corrupt: 0.02 }));
