import t from 'tap';
import { seeds } from './seeds.ts';

t.test('seeds 1501 to 2000', (t) => seeds(t, 1501, 500));
