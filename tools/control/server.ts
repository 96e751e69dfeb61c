import { createServer, type Server, type Socket } from 'node:net';
import { Connection } from './connection.ts';
import type { MethodTable } from './method.ts';
import { CONTROL_LIMITS, type ControlLimits, type Reply } from './protocol.ts';
import { claimSocketPath } from './socket-path.ts';

/** A new socket is for its owner alone from the moment it exists. */
const PRIVATE_UMASK = 0o177;

export interface ControlServerOptions<Subject> {
  readonly path: string;
  readonly subject: Subject;
  readonly methods: MethodTable<Subject>;
  readonly limits?: Partial<ControlLimits>;
}

/** Serves the control protocol on a unix socket (mode 0600) until it is closed. */
export class ControlServer<Subject> {
  readonly path: string;
  readonly limits: ControlLimits;
  /** Connections refused because there were too many. */
  refused = 0;
  readonly #subject: Subject;
  readonly #methods: MethodTable<Subject>;
  readonly #server: Server;
  readonly #connections = new Set<Connection<Subject>>();

  private constructor(options: ControlServerOptions<Subject>) {
    this.path = options.path;
    this.limits = { ...CONTROL_LIMITS, ...options.limits };
    this.#subject = options.subject;
    this.#methods = options.methods;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Starts serving. A socket that a dead process left is replaced; one that is served, or a file, is an error. */
  static async listen<Subject>(options: ControlServerOptions<Subject>): Promise<ControlServer<Subject>> {
    await claimSocketPath(options.path);
    const server = new ControlServer(options);
    await server.#bind();
    return server;
  }

  get clients(): number {
    return this.#connections.size;
  }

  /** Ends all connections and removes the socket. */
  close(): Promise<void> {
    for (const connection of this.#connections) connection.close();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  /** The path is bound inside `listen`, before it returns: no moment exists in which the mode is another. */
  #bind(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      const umask = process.umask(PRIVATE_UMASK);
      try {
        this.#server.listen(this.path, () => {
          this.#server.off('error', reject);
          resolve();
        });
      } finally {
        process.umask(umask);
      }
    });
  }

  #accept(socket: Socket): void {
    if (this.#connections.size >= this.limits.clients) {
      this.refused++;
      const reply: Reply = { id: null, error: { code: 'EBUSY', message: 'too many clients' } };
      socket.on('error', () => socket.destroy());
      socket.end(`${JSON.stringify(reply)}\n`);
      socket.resume();
      return;
    }
    const connection = new Connection(socket, this.#subject, this.#methods, this.limits);
    this.#connections.add(connection);
    socket.on('close', () => this.#connections.delete(connection));
  }
}
