import t from 'tap';
import { seeds } from './seeds.ts';

t.test('seeds 1 to 500', (t) => seeds(t, 1, 500));
