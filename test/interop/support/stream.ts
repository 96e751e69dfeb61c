import { AF_INET, SHUT_WR, SOCK_STREAM } from '../../../stack/socket/abi.ts';
import { SocketAddress } from '../../../stack/socket/address.ts';
import type { CallDone } from '../../../stack/socket/blocking.ts';
import { Message } from '../../../stack/socket/message.ts';
import type { Stack } from '../../../stack/stack.ts';

const ANY = 0;
const BACKLOG = 128;

/** A connected TCP socket of a stack, with promises. Results are those of the calls: a count, or a negated errno. */
export class Stream {
  readonly fd: number;
  readonly #stack: Stack;
  readonly #in = new Message();
  readonly #out = new Message();

  constructor(stack: Stack, fd: number) {
    this.#stack = stack;
    this.fd = fd;
  }

  /** Accepts on `port` as long as the stack runs. */
  static serve(stack: Stack, port: number, serve: (stream: Stream) => Promise<void>): void {
    const { sockets } = stack;
    const listener = sockets.socket(AF_INET, SOCK_STREAM, 0);
    must('bind', sockets.bind(listener, new SocketAddress(AF_INET, ANY, port)));
    must('listen', sockets.listen(listener, BACKLOG));
    const next = async (): Promise<void> => {
      for (;;) {
        const fd = await result((done) => sockets.blocking.accept(listener, null, 0, done));
        if (fd < 0) return;
        void serve(new Stream(stack, fd));
      }
    };
    void next();
  }

  static async connect(stack: Stack, address: number, port: number): Promise<Stream> {
    const { sockets } = stack;
    const fd = sockets.socket(AF_INET, SOCK_STREAM, 0);
    const to = new SocketAddress(AF_INET, address, port);
    must('connect', await result((done) => sockets.blocking.connect(fd, to, done)));
    return new Stream(stack, fd);
  }

  read(buffer: Uint8Array): Promise<number> {
    this.#in.iov = [buffer];
    return result((done) => this.#stack.sockets.blocking.recvmsg(this.fd, this.#in, 0, done));
  }

  /** Writes all of `bytes`. */
  write(bytes: Uint8Array): Promise<number> {
    this.#out.iov = [bytes];
    return result((done) => this.#stack.sockets.blocking.sendmsg(this.fd, this.#out, 0, done));
  }

  /** Says that nothing more will be sent; what comes is still read. */
  end(): number {
    return this.#stack.sockets.shutdown(this.fd, SHUT_WR);
  }

  close(): void {
    this.#stack.sockets.close(this.fd);
  }
}

function result(call: (done: CallDone) => unknown): Promise<number> {
  return new Promise((resolve) => {
    call(resolve);
  });
}

function must(what: string, outcome: number): void {
  if (outcome < 0) throw new Error(`${what}: ${outcome}`);
}
