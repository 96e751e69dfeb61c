const END_OF_HEAD = '\r\n\r\n';
const RESPONSE = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\ntapir\n';

/** For one connection: what is to be said to the bytes that came, one response for each request that is complete with them. */
export function answerHttp(): (bytes: Uint8Array) => Buffer {
  let rest = '';
  return (bytes) => {
    const text = rest + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    const heads = text.split(END_OF_HEAD);
    rest = heads[heads.length - 1]!;
    return Buffer.from(RESPONSE.repeat(heads.length - 1), 'latin1');
  };
}
