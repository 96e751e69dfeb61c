import { lstatSync, readdirSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

/** Longest path of a unix socket in bytes (Linux: `sun_path`, with its terminating zero). */
const LONGEST = 107;

/** Where control sockets stand unless told otherwise. */
export function runtimeDirectory(): string {
  return process.env['XDG_RUNTIME_DIR'] ?? '/tmp';
}

/** The control socket of a stack on the device `tap`. */
export function defaultSocketPath(tap: string): string {
  return join(runtimeDirectory(), `tapir-${tap}.sock`);
}

/** Control sockets in the usual place that belong to this user or to root. */
export function findSockets(): string[] {
  const directory = runtimeDirectory();
  try {
    return readdirSync(directory)
      .filter((name) => /^tapir-.+\.sock$/.test(name))
      .map((name) => join(directory, name))
      .filter((path) => isOwnSocket(path))
      .sort();
  } catch {
    return [];
  }
}

/** Whether `path` is a socket of this user or of root: a stranger's must not be obeyed, nor told anything. */
export function isOwnSocket(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isSocket() === true && (stat.uid === 0 || stat.uid === process.getuid?.());
}

/**
 * Makes way for a new socket: refuses a path that is too long, that is no socket, or where a living process answers; removes
 * the socket that a dead one left.
 */
export async function claimSocketPath(path: string): Promise<void> {
  if (Buffer.byteLength(path) > LONGEST)
    throw new Error(`control socket ${path}: the path is longer than ${LONGEST} bytes`);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`control socket ${path}: the file exists and is no socket`);
  if (await answers(path)) throw new Error(`control socket ${path}: another process serves it`);
  const now = lstatSync(path, { throwIfNoEntry: false });
  if (now === undefined) return;
  if (now.ino !== found.ino) throw new Error(`control socket ${path}: another process just took it`);
  unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      else if (error.code === 'EAGAIN') resolve(true);
      else reject(new Error(`control socket ${path}: ${error.message}`));
    });
  });
}
