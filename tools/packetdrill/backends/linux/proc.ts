/** Reads /proc/net/snmp and /proc/net/netstat: a line of names, then one of values. Names are as `nstat` has them. */
export function parseCounters(text: string): Map<string, number> {
  const counters = new Map<string, number>();
  const lines = text.split('\n').filter((line) => line !== '');
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const [group, ...names] = lines[at]!.split(/\s+/);
    const [, ...values] = lines[at + 1]!.split(/\s+/);
    for (const [index, name] of names.entries())
      counters.set(`${group!.replace(':', '')}${name}`, Number(values[index]));
  }
  return counters;
}
