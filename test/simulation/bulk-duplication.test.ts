import t from 'tap';
import { bulk } from './bulk.ts';

t.test('100 MB both ways at once while a tenth comes twice', (t) => bulk(t, { delay: 5, duplicate: 0.1 }));
