import { type Answer, AUTHORITATIVE_ANSWER, type DecodedPacket, decode, encode } from 'dns-packet';
import { AF_INET, MSG_WAITALL, SOCK_STREAM } from '../../../stack/socket/abi.ts';
import { SocketAddress } from '../../../stack/socket/address.ts';
import { Message } from '../../../stack/socket/message.ts';
import type { Stack } from '../../../stack/stack.ts';

/** What a server of a test says: its parts, or the very bytes; null: nothing. */
export interface Reply {
  rcode?: number;
  answers?: Answer[];
  authorities?: Answer[];
  truncated?: boolean;
}

export interface Asked {
  readonly name: string;
  readonly type: string;
  readonly tcp: boolean;
  readonly packet: DecodedPacket;
  readonly bytes: Buffer;
  readonly from: number;
}

export type Script = (asked: Asked) => Reply | Uint8Array | null;

/** The answer to a query: its number and question are repeated. */
export function reply(asked: Asked, { rcode = 0, answers = [], authorities = [], truncated }: Reply): Buffer {
  return encode({
    type: 'response',
    id: asked.packet.id ?? 0,
    flags: AUTHORITATIVE_ANSWER | rcode | (truncated === true ? 0x200 : 0),
    questions: asked.packet.questions ?? [],
    answers,
    authorities,
  });
}

export const a = (name: string, data: string, ttl = 300): Answer => ({ type: 'A', name, data, ttl });
export const cname = (name: string, data: string, ttl = 300): Answer => ({ type: 'CNAME', name, data, ttl });
export const soa = (minimum: number, ttl = 3600): Answer => ({
  type: 'SOA',
  name: 'example',
  ttl,
  data: { mname: 'ns.example', rname: 'root.example', serial: 1, refresh: 2, retry: 3, expire: 4, minimum },
});

/** A name server in a stack, over UDP and TCP, which says what a script says. */
export class DnsServer {
  /** `A name.example`, with ` tcp` behind what came that way; names in small letters. */
  readonly log: string[] = [];
  readonly asked: Asked[] = [];
  script: Script;
  readonly #stack: Stack;

  constructor(stack: Stack, script: Script, port = 53) {
    this.script = script;
    this.#stack = stack;
    const socket = stack.dgram.createSocket('udp4').bind(port);
    socket.on('message', (bytes, { port: from, address }) => {
      const answer = this.#answer(bytes, false, from);
      if (answer !== null) socket.send(answer, from, address);
    });
    this.#listen(port);
  }

  #answer(bytes: Buffer, tcp: boolean, from: number): Uint8Array | null {
    const packet = decode(bytes);
    const [question] = packet.questions ?? [];
    const name = question?.name.toLowerCase() ?? '';
    const asked: Asked = { name, type: question?.type ?? '', tcp, packet, bytes, from };
    this.log.push(`${asked.type} ${name}${tcp ? ' tcp' : ''}`);
    this.asked.push(asked);
    const said = this.script(asked);
    return said === null || said instanceof Uint8Array ? said : reply(asked, said);
  }

  #listen(port: number): void {
    const { sockets } = this.#stack;
    const fd = sockets.socket(AF_INET, SOCK_STREAM, 0);
    sockets.bind(fd, new SocketAddress(AF_INET, 0, port));
    sockets.listen(fd, 5);
    const accept = (): void => {
      sockets.blocking.accept(fd, null, 0, (connection) => {
        if (connection < 0) return;
        this.#serve(connection);
        accept();
      });
    };
    accept();
  }

  #serve(fd: number): void {
    const { sockets } = this.#stack;
    const prefix = Buffer.alloc(2);
    sockets.blocking.recvmsg(fd, new Message([prefix]), MSG_WAITALL, () => {
      const query = Buffer.alloc(prefix.readUInt16BE());
      sockets.blocking.recvmsg(fd, new Message([query]), MSG_WAITALL, () => {
        const answer = this.#answer(query, true, 0);
        if (answer !== null) {
          const length = Buffer.alloc(2);
          length.writeUInt16BE(answer.length);
          sockets.send(fd, Buffer.concat([length, answer]));
        }
        sockets.close(fd);
      });
    });
  }
}
