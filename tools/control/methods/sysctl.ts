import { EACCES, ENOENT } from '../../../device/errno.ts';
import type { Inet } from '../../../stack/inet.ts';
import { type MethodTable, method } from '../method.ts';
import { optional, text } from '../params.ts';
import { ControlError, errnoText, refusal } from '../protocol.ts';

const NAME = text(255);

export const SYSCTL_METHODS: MethodTable<Inet> = {
  'sysctl.get': method({ name: NAME }, ({ sysctl }: Inet, { name }) => {
    const key = dotted(name);
    const value = sysctl.get(key);
    if (value === undefined) throw unknownKey(key);
    return { name: key, value };
  }),
  'sysctl.list': method({ prefix: optional(NAME) }, ({ sysctl }: Inet, { prefix = '' }) =>
    sysctl.names(dotted(prefix)).map((name) => ({ name, value: sysctl.get(name) })),
  ),
  'sysctl.set': method({ name: NAME, value: text(4096) }, ({ sysctl }: Inet, { name, value }) => {
    const key = dotted(name);
    const result = sysctl.set(key, value);
    if (result === -ENOENT) throw unknownKey(key);
    if (result === -EACCES) throw new ControlError('EACCES', `sysctl: permission denied on key "${key}"`);
    if (result < 0) {
      const { code } = refusal(result);
      throw new ControlError(code, `sysctl: setting key "${key}": ${errnoText(code)}`);
    }
    return { name: key, value: sysctl.get(key) };
  }),
};

/** `net/ipv4/ip_forward` is `net.ipv4.ip_forward`, as for sysctl(8). */
function dotted(name: string): string {
  return name.includes('.') ? name : name.replaceAll('/', '.');
}

function unknownKey(key: string): ControlError {
  return new ControlError('ENOENT', `sysctl: "${key}" is an unknown key`);
}
