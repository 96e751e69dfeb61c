import { EAGAIN, EINPROGRESS, ENOTCONN } from '../../../device/errno.ts';
import { SOCK_STREAM } from '../../socket/abi.ts';
import type { Ipv4 } from '../../wire/address.ts';
import { Exchange } from './exchange.ts';
import type { ServerAddress } from './server-address.ts';

/** Bytes in front of a message that say how long it is (RFC 1035, section 4.2.2). */
const PREFIX = 2;

/** Over TCP, one message each way. */
export class TcpExchange extends Exchange {
  #unsent: Uint8Array = new Uint8Array(0);
  #answer: Uint8Array = new Uint8Array(PREFIX);
  #got = 0;
  #hasLength = false;

  /** Connects, and sends `query` when that is done; 0 or a negated errno. */
  send(query: Uint8Array, server: ServerAddress, local: Ipv4): number {
    const framed = new Uint8Array(PREFIX + query.length);
    new DataView(framed.buffer).setUint16(0, query.length);
    framed.set(query, PREFIX);
    this.#unsent = framed;
    const connected = this.connect(SOCK_STREAM, server, local);
    return connected === -EINPROGRESS ? 0 : connected;
  }

  protected override ready(): void {
    const failed = this.#write();
    if (failed < 0) this.user.failed(failed);
    else this.#read();
  }

  /** 0, or a negated errno. */
  #write(): number {
    const socket = this.sockets.lookup(this.fd);
    if (typeof socket === 'number' || this.#unsent.length === 0) return 0;
    const connected = socket.connectResult();
    if (connected < 0) return connected === -EINPROGRESS ? 0 : connected;
    const sent = this.sockets.send(this.fd, this.#unsent);
    if (sent < 0) return sent === -EAGAIN ? 0 : sent;
    this.#unsent = this.#unsent.subarray(sent);
    return 0;
  }

  #read(): void {
    while (this.fd >= 0) {
      const got = this.receive(this.#answer.subarray(this.#got));
      if (got === undefined || got === -ENOTCONN) return;
      if (got <= 0) {
        this.user.failed(got);
        return;
      }
      this.#got += got;
      if (this.#got < this.#answer.length) continue;
      if (!this.#takeLength()) return;
    }
  }

  /** What is there is complete: the length, or the message. Returns whether more is to come. */
  #takeLength(): boolean {
    const whole = this.#answer;
    this.#got = 0;
    if (!this.#hasLength) {
      const length = new DataView(whole.buffer).getUint16(0);
      if (length === 0) {
        this.user.failed(0);
        return false;
      }
      this.#hasLength = true;
      this.#answer = new Uint8Array(length);
      return true;
    }
    this.#hasLength = false;
    this.#answer = new Uint8Array(PREFIX);
    this.user.message(whole);
    return true;
  }
}
