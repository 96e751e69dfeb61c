/** An IPv4 socket address: address and port in host order. */
export interface SocketAddress {
  readonly family: number;
  readonly address: number;
  readonly port: number;
}

/** A part of what is sent; `data` null: a pointer to nowhere. */
export interface Chunk {
  readonly length: number;
  readonly data: Uint8Array | null;
}

export interface Linger {
  readonly onoff: number;
  readonly linger: number;
}

export interface Timeval {
  readonly seconds: number;
  readonly microseconds: number;
}

/** A socket option's value: an int, a name, `struct linger`, `struct timeval`, or bytes as they are. */
export type OptionValue = number | string | Linger | Timeval | Uint8Array;
export type OptionShape = 'number' | 'string' | 'linger' | 'timeval' | 'bytes';

/** A control message as it stands in memory, without its header. */
export interface ControlMessage {
  readonly level: number;
  readonly type: number;
  readonly data: Uint8Array;
}

export interface PollEntry {
  readonly fd: number;
  readonly events: number;
}

/** `data`: the 64 bits that the caller gets back, as a number. */
export interface EpollEvent {
  readonly events: number;
  readonly data: number;
}

/**
 * A system call with numbers in place of names (Linux's values on x86-64). File descriptors are the backend's own. The names of the
 * family that sends, and of the one that receives, mean what they mean in Linux, from the same members.
 */
export type SyscallRequest =
  | { readonly name: 'socket'; readonly domain: number; readonly type: number; readonly protocol: number }
  | { readonly name: 'bind' | 'connect'; readonly fd: number; readonly address: SocketAddress }
  | { readonly name: 'listen'; readonly fd: number; readonly backlog: number }
  | { readonly name: 'accept' | 'accept4'; readonly fd: number; readonly flags: number }
  | { readonly name: 'getsockname' | 'getpeername'; readonly fd: number }
  | { readonly name: 'close'; readonly fd: number }
  | { readonly name: 'shutdown'; readonly fd: number; readonly how: number }
  | SendRequest
  | ReceiveRequest
  | { readonly name: 'fcntl'; readonly fd: number; readonly command: number; readonly value: number }
  | { readonly name: 'ioctl'; readonly fd: number; readonly request: number }
  | { readonly name: 'poll'; readonly entries: readonly PollEntry[]; readonly timeout: number }
  | { readonly name: 'open'; readonly path: string; readonly flags: number }
  | { readonly name: 'pipe'; readonly flags: number }
  | {
      readonly name: 'splice';
      readonly from: number;
      readonly to: number;
      readonly length: number;
      readonly flags: number;
    }
  | {
      readonly name: 'sendfile';
      readonly to: number;
      readonly from: number;
      /** Where in the file to begin; undefined: at its own position. */
      readonly offset: number | undefined;
      readonly count: number;
    }
  | { readonly name: 'epoll_create' }
  | {
      readonly name: 'epoll_ctl';
      readonly epfd: number;
      readonly operation: number;
      readonly fd: number;
      readonly event: EpollEvent;
    }
  | {
      readonly name: 'epoll_wait';
      readonly epfd: number;
      readonly maxEvents: number;
      /** Milliseconds; -1 waits for ever. */
      readonly timeout: number;
    }
  | {
      readonly name: 'setsockopt';
      readonly fd: number;
      readonly level: number;
      readonly option: number;
      readonly value: OptionValue;
      /** Bytes that the caller says the value has; undefined: as many as it has. */
      readonly length: number | undefined;
    }
  | {
      readonly name: 'getsockopt';
      readonly fd: number;
      readonly level: number;
      readonly option: number;
      /** How the value is to be read. */
      readonly shape: OptionShape;
      /** Bytes that the caller has room for; undefined: enough. */
      readonly length: number | undefined;
    };

export interface SendRequest {
  readonly name: 'write' | 'writev' | 'send' | 'sendto' | 'sendmsg';
  readonly fd: number;
  readonly chunks: readonly Chunk[];
  readonly flags: number;
  readonly address: SocketAddress | undefined;
  readonly control: readonly ControlMessage[];
}

export interface ReceiveRequest {
  readonly name: 'read' | 'readv' | 'recv' | 'recvfrom' | 'recvmsg';
  readonly fd: number;
  /** Bytes of each buffer. */
  readonly lengths: readonly number[];
  /** The buffer is a pointer to nowhere. */
  readonly nowhere: boolean;
  readonly flags: number;
  /** Bytes of room for control messages. */
  readonly controlLength: number;
}

/** What a system call gave back. */
export interface SyscallResult {
  /** The result, or the negated errno. */
  readonly ret: number;
  /** When it returned: microseconds on the backend's clock. */
  readonly time: number;
  /** Of accept, recvfrom, recvmsg, getsockname and getpeername. */
  readonly address?: SocketAddress | undefined;
  /** Bytes received, one after the other. */
  readonly data?: Uint8Array;
  /** `msg_flags` after recvmsg. */
  readonly messageFlags?: number;
  readonly control?: readonly ControlMessage[];
  /** Of pipe: the descriptors of its ends. */
  readonly fds?: readonly [number, number];
  /** Of ioctl and sendfile: the number that it filled in. */
  readonly value?: number;
  /** Of getsockopt. */
  readonly option?: OptionValue;
  /** Of poll: `revents` of each entry. */
  readonly revents?: readonly number[];
  /** Of epoll_wait. */
  readonly epoll?: readonly EpollEvent[];
}
