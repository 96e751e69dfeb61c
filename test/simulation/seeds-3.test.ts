import t from 'tap';
import { seeds } from './seeds.ts';

t.test('seeds 1001 to 1500', (t) => seeds(t, 1001, 500));
