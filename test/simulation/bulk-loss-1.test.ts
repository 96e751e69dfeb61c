import t from 'tap';
import { bulk } from './bulk.ts';

t.test('100 MB both ways at once while a hundredth is lost', (t) => bulk(t, { delay: 5, loss: 0.01 }));
