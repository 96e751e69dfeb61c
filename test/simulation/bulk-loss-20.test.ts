import t from 'tap';
import { bulk } from './bulk.ts';

t.test('100 MB both ways at once while a fifth is lost', (t) => bulk(t, { delay: 1, loss: 0.2 }));
