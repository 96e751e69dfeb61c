import { createHash } from 'node:crypto';
import { patternAt } from './pattern.ts';
import type { Stream } from './stream.ts';

const CHUNK = 262_144;
const END_OF_HEAD = '\r\n\r\n';

/**
 * Answers one HTTP/1.1 request: `GET /N` with N bytes of the pattern, `PUT` with the SHA-256 of what came. The connection is
 * closed behind it.
 */
export async function respond(stream: Stream): Promise<void> {
  const buffer = Buffer.alloc(CHUNK);
  let head = '';
  let rest = Buffer.alloc(0);
  while (!head.includes(END_OF_HEAD)) {
    const got = await stream.read(buffer);
    if (got <= 0) {
      stream.close();
      return;
    }
    const all = Buffer.concat([rest, buffer.subarray(0, got)]);
    head = all.toString('latin1');
    rest = all;
  }
  const bodyAt = head.indexOf(END_OF_HEAD) + END_OF_HEAD.length;
  const [method = '', path = ''] = head.split(' ', 2);
  if (method === 'GET') await download(stream, Number(path.slice(1)));
  else await upload(stream, head.slice(0, bodyAt), rest.subarray(bodyAt), buffer);
  stream.close();
}

async function download(stream: Stream, bytes: number): Promise<void> {
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\nConnection: close\r\n\r\n`;
  if ((await stream.write(Buffer.from(head))) < 0) return;
  for (let at = 0; at < bytes; ) {
    const sent = await stream.write(patternAt(at, Math.min(CHUNK, bytes - at)));
    if (sent <= 0) return;
    at += sent;
  }
}

async function upload(stream: Stream, head: string, first: Buffer, buffer: Buffer): Promise<void> {
  const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1]);
  if (/^expect: *100-continue/im.test(head)) await stream.write(Buffer.from('HTTP/1.1 100 Continue\r\n\r\n'));
  const hash = createHash('sha256').update(first);
  for (let received = first.length; received < length; ) {
    const got = await stream.read(buffer);
    if (got <= 0) return;
    hash.update(buffer.subarray(0, got));
    received += got;
  }
  const body = hash.digest('hex');
  const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
  await stream.write(Buffer.from(answer));
}
