import type { Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import type { Stack } from '../../../stack/stack.ts';
import { CHARGEN, DISCARD } from './ports.ts';

/** Bytes of a chunk that is sent, and of the buffer that is received into. */
const CHUNK = 256 * 1024;

/** What only `new net.Socket` knows of: a connection that is there, and memory of ours to read into. */
interface AdoptOptions {
  readonly handle: unknown;
  readonly onread: { readonly buffer: Uint8Array; callback(bytes: number, buffer: Uint8Array): boolean };
}

/** The bulk services over `stack.net`: streams, piped to where all is forgotten and from where always the same comes. */
export function serveStreams(stack: Stack): void {
  const { net } = stack;
  const serve = (port: number, start: (socket: Socket) => void): void => {
    net
      .createServer({ noDelay: true }, (socket) => {
        socket.on('error', () => socket.destroy()); // Measurements end with a reset.
        start(socket);
      })
      .listen(port);
  };
  serve(DISCARD, (socket) => {
    socket.pipe(new Writable({ write: (_chunk, _encoding, done) => done() }));
  });
  serve(CHARGEN, (socket) => {
    const chunk = Buffer.alloc(CHUNK);
    const source = new Readable({
      read() {
        this.push(chunk);
      },
    });
    source.pipe(socket);
  });
}

/** Receives through `onread`, into one buffer for all. */
export function serveOnread(stack: Stack): void {
  const { net } = stack;
  const Adopter = net.Socket as unknown as new (options: AdoptOptions) => Socket;
  const onread = { buffer: new Uint8Array(CHUNK), callback: (): boolean => true };
  net
    .createServer({ pauseOnConnect: true }, (accepted) => {
      const inner = accepted as unknown as { _handle: unknown };
      const handle = inner._handle;
      inner._handle = null;
      const socket = new Adopter({ handle, onread });
      socket.on('error', () => socket.destroy());
      socket.on('end', () => socket.end());
    })
    .listen(DISCARD);
}
