import type { RouteView } from '../control/view/route.ts';

/** A route as `ip route show` prints it, a blank at the end included; the answer to `route get` has a second line. */
export function formatRoute(route: RouteView): string {
  const words: string[] = [];
  if (route.type !== undefined) words.push(route.type);
  words.push(route.dst);
  if (route.from !== undefined) words.push('from', route.from);
  if (route.gateway !== undefined) words.push('via', route.gateway);
  if (route.dev !== undefined) words.push('dev', route.dev);
  if (route.table !== undefined) words.push('table', route.table);
  if (route.protocol !== undefined) words.push('proto', route.protocol);
  if (route.scope !== undefined) words.push('scope', route.scope);
  if (route.prefsrc !== undefined) words.push('src', route.prefsrc);
  if (route.metric !== undefined) words.push('metric', String(route.metric));
  words.push(...route.flags);
  if (route.uid !== undefined) words.push('uid', String(route.uid));
  const metrics = (route.metrics ?? []).flatMap((metric) =>
    Object.entries(metric).flatMap(([name, value]) => [
      name,
      ...(route.locks?.includes(name) === true ? ['lock'] : []),
      String(value),
    ]),
  );
  if (route.cache === undefined) return `${[...words, ...metrics].join(' ')} `;
  const cache = route.cache.length > 0 ? [`<${route.cache.join(',')}>`] : [];
  return `${words.join(' ')} \n    ${['cache', ...cache, ...metrics].join(' ')} `;
}
