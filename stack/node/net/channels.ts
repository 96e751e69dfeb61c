import { channel, tracingChannel } from 'node:diagnostics_channel';

/** What Node tells observers of its sockets through `diagnostics_channel`, under its own names. */
export const clientSockets = channel('net.client.socket');
export const serverSockets = channel('net.server.socket');
/** Begin, end and failure of `listen`. */
export const listenTrace = tracingChannel('net.server.listen');
