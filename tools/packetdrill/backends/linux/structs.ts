import type {
  ControlMessage,
  EpollEvent,
  OptionShape,
  OptionValue,
  PollEntry,
  SocketAddress,
} from '../../syscall.ts';

/** Structures of Linux on x86-64 as bytes. */

const SOCKADDR = 16;
const EPOLL_EVENT = 12;
const POLLFD = 8;
const CMSGHDR = 16;
const WORD = 8;

export function encodeAddress(address: SocketAddress): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, address.family, true);
  view.setUint16(2, address.port);
  view.setUint32(4, address.address);
  return bytes;
}

/** Undefined when it is no IPv4 address. */
export function decodeAddress(bytes: Uint8Array): SocketAddress | undefined {
  if (bytes.length < 8) return undefined;
  const view = viewOf(bytes);
  return { family: view.getUint16(0, true), port: view.getUint16(2), address: view.getUint32(4) };
}

export function encodeEpollEvent(event: EpollEvent): Uint8Array {
  const bytes = new Uint8Array(EPOLL_EVENT);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, event.events, true);
  view.setBigUint64(4, BigInt(event.data), true);
  return bytes;
}

export function decodeEpollEvents(bytes: Uint8Array, count: number): EpollEvent[] {
  const view = viewOf(bytes);
  return Array.from({ length: count }, (_, index) => ({
    events: view.getUint32(index * EPOLL_EVENT, true),
    data: Number(view.getBigUint64(index * EPOLL_EVENT + 4, true)),
  }));
}

export function encodePoll(entries: readonly PollEntry[]): Uint8Array {
  const bytes = new Uint8Array(entries.length * POLLFD);
  const view = new DataView(bytes.buffer);
  for (const [index, { fd, events }] of entries.entries()) {
    view.setInt32(index * POLLFD, fd, true);
    view.setUint16(index * POLLFD + 4, events, true);
  }
  return bytes;
}

export function decodeRevents(bytes: Uint8Array): number[] {
  const view = viewOf(bytes);
  return Array.from({ length: bytes.length / POLLFD }, (_, index) =>
    view.getUint16(index * POLLFD + 6, true),
  );
}

export function encodeControl(messages: readonly ControlMessage[]): Uint8Array {
  const bytes = new Uint8Array(
    messages.reduce((total, { data }) => total + CMSGHDR + aligned(data.length), 0),
  );
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { level, type, data } of messages) {
    view.setUint32(at, CMSGHDR + data.length, true);
    view.setInt32(at + 8, level, true);
    view.setInt32(at + 12, type, true);
    bytes.set(data, at + CMSGHDR);
    at += CMSGHDR + aligned(data.length);
  }
  return bytes;
}

export function decodeControl(bytes: Uint8Array): ControlMessage[] {
  const view = viewOf(bytes);
  const messages: ControlMessage[] = [];
  for (let at = 0; at + CMSGHDR <= bytes.length; ) {
    const length = view.getUint32(at, true);
    if (length < CMSGHDR) break;
    messages.push({
      level: view.getInt32(at + 8, true),
      type: view.getInt32(at + 12, true),
      data: bytes.slice(at + CMSGHDR, at + length),
    });
    at += aligned(length);
  }
  return messages;
}

export function encodeOption(value: OptionValue): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string') return Buffer.from(value, 'latin1');
  if (typeof value === 'number') return ints(value);
  if ('onoff' in value) return ints(value.onoff, value.linger);
  const bytes = new Uint8Array(2 * WORD);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(0, BigInt(value.seconds), true);
  view.setBigInt64(WORD, BigInt(value.microseconds), true);
  return bytes;
}

/** Bytes of room for an option of some shape. */
export const OPTION_ROOM: Readonly<Record<OptionShape, number>> = {
  number: 4,
  string: 64,
  linger: 8,
  timeval: 16,
  bytes: 256,
};

export function decodeOption(bytes: Uint8Array, shape: OptionShape): OptionValue {
  const view = viewOf(bytes);
  switch (shape) {
    case 'number':
      return bytes.length >= 4 ? view.getInt32(0, true) : (bytes[0] ?? 0);
    case 'string':
      return Buffer.from(bytes).toString('latin1').replace(/\0.*$/s, '');
    case 'linger':
      return { onoff: view.getInt32(0, true), linger: view.getInt32(4, true) };
    case 'timeval':
      return {
        seconds: Number(view.getBigInt64(0, true)),
        microseconds: Number(view.getBigInt64(WORD, true)),
      };
    case 'bytes':
      return bytes;
  }
}

export function ints(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) view.setUint32(index * 4, value, true);
  return bytes;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function aligned(length: number): number {
  return (length + WORD - 1) & ~(WORD - 1);
}
