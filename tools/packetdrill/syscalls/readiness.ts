import { type Expression, member } from '../script/expression.ts';
import type { EpollEvent, SyscallResult } from '../syscall.ts';
import type { Arguments } from './arguments.ts';
import type { Prepared } from './prepared.ts';

/** Names under which `epoll_data` is written; whichever, it is the same 64 bits. */
const DATA_FIELDS = ['fd', 'ptr', 'u32', 'u64'];

/** `poll([{fd=, events=, revents=}], count, timeout)`. */
export function preparePoll(args: Arguments): Prepared {
  args.count(3);
  const entries = itemsOf(args.at(0));
  return {
    request: {
      name: 'poll',
      entries: entries.map((entry) => ({
        fd: args.liveFd(args.fieldOr(entry, 'fd', -1)),
        events: args.fieldOr(entry, 'events', 0),
      })),
      timeout: args.number(2),
    },
    verify: (result) => {
      for (const [index, entry] of entries.entries()) {
        const actual = result.revents?.[index] ?? 0;
        const expected = args.fieldOr(entry, 'revents', actual);
        if (expected !== actual)
          return `revents of entry ${index}: expected ${hex(expected)}, actual ${hex(actual)}`;
      }
      return undefined;
    },
  };
}

/** `epoll_create(size)`, `epoll_create1(flags)`. */
export function prepareEpollCreate(args: Arguments): Prepared {
  args.count(1);
  return { request: { name: 'epoll_create' }, makesFd: true };
}

/** `epoll_ctl(epfd, operation, fd, {events=, fd=})`. */
export function prepareEpollCtl(args: Arguments): Prepared {
  args.count(4);
  return {
    request: {
      name: 'epoll_ctl',
      epfd: args.fd(0),
      operation: args.number(1),
      fd: args.fd(2),
      event: readEvent(args, args.at(3)),
    },
  };
}

/** `epoll_wait(epfd, {events=, fd=}, maxEvents, timeout)`. */
export function prepareEpollWait(args: Arguments): Prepared {
  args.count(4);
  const expected = itemsOf(args.at(1));
  return {
    request: { name: 'epoll_wait', epfd: args.fd(0), maxEvents: args.number(2), timeout: args.number(3) },
    verify: (result) => compareEvents(args, expected, result),
  };
}

function compareEvents(
  args: Arguments,
  expected: readonly Expression[],
  result: SyscallResult,
): string | undefined {
  for (const [index, actual] of (result.epoll ?? []).entries()) {
    const item = expected[index];
    if (item === undefined) continue;
    const wanted = readEvent(args, item);
    if (wanted.events !== actual.events)
      return `events of entry ${index}: expected ${hex(wanted.events)}, actual ${hex(actual.events)}`;
    if (wanted.data !== actual.data)
      return `data of entry ${index}: expected ${wanted.data}, actual ${actual.data}`;
  }
  return undefined;
}

function readEvent(args: Arguments, struct: Expression): EpollEvent {
  const data = DATA_FIELDS.map((name) => member(struct, name)).find((value) => value !== undefined);
  return {
    events: args.fieldOr(struct, 'events', 0),
    data: data === undefined ? 0 : args.evaluate(data),
  };
}

function itemsOf(expression: Expression): readonly Expression[] {
  return expression.kind === 'list' ? expression.items : expression.kind === 'struct' ? [expression] : [];
}

function hex(bits: number): string {
  return `0x${bits.toString(16)}`;
}
