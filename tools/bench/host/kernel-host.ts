// The same services over the kernel's sockets, with node:net: kernel-host.js. Says `ready`; ends with its stdin.
import { createServer, type Socket } from 'node:net';
import { answerHttp } from './http.ts';
import { CHARGEN, DISCARD, ECHO, HTTP } from './ports.ts';
import { answerQuestions } from './questions.ts';

const CHUNK = Buffer.alloc(256 * 1024);

function generate(socket: Socket): void {
  const write = (): void => {
    while (socket.writable && socket.write(CHUNK));
  };
  socket.on('drain', write);
  write();
}

const SERVICES: readonly (readonly [number, (socket: Socket) => void])[] = [
  [DISCARD, (socket) => socket.resume()],
  [CHARGEN, generate],
  [ECHO, (socket) => socket.pipe(socket)],
  [
    HTTP,
    (socket) => {
      const answer = answerHttp();
      socket.on('data', (data) => {
        const response = answer(data);
        if (response.length > 0) socket.write(response);
      });
    },
  ],
];

for (const [port, serve] of SERVICES) {
  createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy()); // Measurements end with a reset.
    serve(socket);
  }).listen(port);
}
process.on('SIGTERM', () => {}); // The end of stdin comes with it.
answerQuestions(() => process.exit(0));
process.stdout.write('ready\n');
