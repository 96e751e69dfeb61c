import t from 'tap';
import { seeds } from './seeds.ts';

t.test('seeds 501 to 1000', (t) => seeds(t, 501, 500));
