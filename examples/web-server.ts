// A web server on port 80, as written for Node's own `http`.

import { alone, exampleStack } from './network.ts';

const { http } = exampleStack();
const server = http.createServer((request, response) => {
  response.setHeader('Content-Type', 'text/plain');
  response.end(`${request.method} ${request.url} from ${request.socket.remoteAddress}\n`);
});
server.listen(80);

if (alone) {
  http.get('http://localhost/index.html', (response) => {
    response.pipe(process.stdout);
    response.on('end', () => server.close());
  });
}
