import type { Ipv4Conf } from './ipv4-conf.ts';
import type { Ipv4Settings } from './ipv4-settings.ts';

/**
 * Ties `net.ipv4.ip_forward` and the `forwarding` settings together (Linux: `inet_forward_change`): `ip_forward` and
 * `conf.all.forwarding` are one switch, which also sets `default` and every interface, and turns `accept_redirects` the
 * other way. A change of another setting in `all` reaches all interfaces.
 */
export function linkForwarding(
  settings: Ipv4Settings,
  all: Ipv4Conf,
  template: Ipv4Conf,
  interfaces: () => Iterable<Ipv4Conf>,
): void {
  function change(on: number): void {
    settings.ipForward.value = on;
    all.knobs.forwarding.value = on;
    all.knobs.accept_redirects.value = on === 1 ? 0 : 1;
    all.refresh();
    template.set('forwarding', on);
    for (const conf of interfaces()) conf.set('forwarding', on);
  }
  settings.ipForward.onChange = () => {
    if (settings.ipForward.value !== all.knobs.forwarding.value) change(settings.ipForward.value);
  };
  all.onChange = (name, value) => {
    if (name === 'forwarding') {
      if (value !== settings.ipForward.value) change(value);
      return;
    }
    all.refresh();
    for (const conf of interfaces()) conf.refresh();
  };
}
