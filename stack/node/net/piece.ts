import { Buffer } from 'node:buffer';

/** A piece that a stream has to write. */
export interface Piece {
  readonly chunk: Buffer | string;
  readonly encoding: BufferEncoding | 'buffer';
}

export function bytesOf({ chunk, encoding }: Piece): Uint8Array {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding as BufferEncoding) : chunk;
}

export function byteLength({ chunk, encoding }: Piece): number {
  return typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding as BufferEncoding) : chunk.length;
}
