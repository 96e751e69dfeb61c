import t from 'tap';
import { bulk } from './bulk.ts';

t.test('100 MB both ways at once while a twentieth is lost', (t) => bulk(t, { delay: 2, loss: 0.05 }));
