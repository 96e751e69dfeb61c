import { ETH_P_ARP } from '../../device/frame/ethernet.ts';
import { formatMac } from '../../device/frame/mac.ts';
import type { FdbEvent } from '../../device/link/switch/fdb.ts';
import type { Switch } from '../../device/link/switch/switch.ts';
import { netdevEventName } from '../../device/netdevice/events.ts';
import { operstateName } from '../../device/netdevice/operstate.ts';
import { Neighbour } from '../../stack/neighbour/neighbour.ts';
import { nudName } from '../../stack/neighbour/nud.ts';
import type { Stack } from '../../stack/stack.ts';
import { describeFrame } from '../../stack/wire/describe.ts';
import { VM_MAC } from './addresses.ts';
import type { Timeline } from './timeline.ts';

/** Above every block that acts on events, so that what they do comes behind the event. */
const FIRST = 0x7fffffff;

/** Writes a machine's notifier events, with carrier and operstate, into the timeline. */
export function observeDevices(stack: Stack, who: string, timeline: Timeline): void {
  stack.ns.chain.register({
    priority: FIRST,
    notify: (event, { dev }) => {
      const carrier = dev.carrier ? 'on' : 'off';
      const state = `carrier ${carrier}, operstate ${operstateName(dev.operstate)}`;
      timeline.add(who, `${dev.name}: ${netdevEventName(event)} (${state})`);
    },
  });
}

/** The ARP frames that a stack sends; those it receives are somebody else's. */
export function observeArp(stack: Stack, who: string, timeline: Timeline): void {
  stack.ns.addTap((packet, dev, outgoing) => {
    if (!outgoing || dev === stack.loopback || packet.protocol !== ETH_P_ARP) return;
    timeline.add(who, `sends ${arpLine(packet.bytes())}`);
  });
}

/** `ARP to ff:ff:ff:ff:ff:ff: Request who-has ...`: what the describer says without source and lengths. */
function arpLine(frame: Uint8Array): string {
  const [stations = '', ...text] = describeFrame(frame).split(': ');
  const to = /> ([^,]+),/.exec(stations)?.[1];
  return `ARP to ${to === 'ff:ff:ff:ff:ff:ff' ? 'all' : to}: ${text.join(': ').replace(/, length \d+$/, '')}`;
}

/** What a stack thinks of its neighbours. */
export function observeNeighbours(stack: Stack, who: string, timeline: Timeline): void {
  stack.ns.messages.subscribe(({ type, subject }) => {
    if (!(subject instanceof Neighbour)) return;
    const address = subject.table.ops.formatKey(subject.key);
    const what = type === 'RTM_DELNEIGH' ? 'forgotten' : nudName(subject.state);
    timeline.add(who, `neighbour ${address}: ${what}`);
  });
}

/** What the switch learns. */
export function observeSwitch({ fdb, name }: Switch, timeline: Timeline): void {
  fdb.subscribe((event) => timeline.add(name, fdbLine(event)));
}

function fdbLine(event: FdbEvent): string {
  const who = event.mac === VM_MAC ? 'vm' : formatMac(event.mac);
  if (event.event === 'moved') return `FDB: ${who} moved from ${event.from.name} to ${event.to.name}`;
  return `FDB: ${who} ${event.event} on ${event.port.name}`;
}
