import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { tapDriver } from '../../../device/native.ts';

/** Whether a program is on the PATH. */
function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * What keeps an interop test from running here, as tap's `skip` wants it: the reason, or false when nothing is missing. Every
 * such test needs Linux, root, `/dev/net/tun`, the native addon, and the programs `ip`, `ethtool` and `sysctl`.
 */
export function requirements(...programs: string[]): string | false {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync('/dev/net/tun')) return 'needs /dev/net/tun';
  const missing = ['ip', 'ethtool', 'sysctl', ...programs].filter((program) => !isInstalled(program));
  if (missing.length > 0) return `needs ${missing.join(', ')}`;
  try {
    tapDriver();
    return false;
  } catch (error) {
    return `needs the native addon: ${error instanceof Error ? error.message : String(error)}`;
  }
}
