import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { DhcpView } from '../control/view/dhcp.ts';
import { formatDhcp } from '../format/dhcp.ts';
import { addChange, addShow, family } from './family.ts';
import { address, type Grammar, number, onOff, type ReadWord, word } from './words.ts';

/** Words with commas between them. */
const words: ReadWord = (next) => next().split(',');

/** A file of the caller's, whatever folder the stack runs in. */
const file: ReadWord = (next) => resolve(next());

const DEVICE: Grammar = { keywords: { dev: ['dev', word] }, bare: [['dev', word]] };

const CLIENT: Grammar = {
  keywords: {
    dev: ['dev', word],
    hostname: ['hostname', word],
    clientid: ['clientId', word],
    request: ['request', address],
    metric: ['metric', number],
    check: ['check', onOff],
    store: ['store', file],
  },
};

const SERVER: Grammar = {
  keywords: {
    dev: ['dev', word],
    subnet: ['subnet', word],
    range: ['range', words],
    router: ['router', words],
    dns: ['dns', words],
    domain: ['domain', word],
    lease: ['lease', number],
    reserve: ['reserve', words],
    authoritative: ['authoritative', onOff],
    check: ['check', onOff],
    store: ['store', file],
  },
};

/** `tapir dhcp`. */
export function dhcpCommand(): Command {
  const command = family('dhcp', 'get addresses, or give them (DHCP)');
  addShow<DhcpView>(command, {
    name: 'show',
    description: 'show clients and servers with their leases',
    usage: '[dev NAME]',
    method: 'dhcp.show',
    grammar: DEVICE,
    format: formatDhcp,
    stats: 'yes',
  });
  addChange(command, {
    name: 'client',
    description: 'get a device its address, and keep it',
    usage: 'dev NAME [hostname NAME] [clientid HEX] [request ADDRESS] [metric N] [check on|off] [store FILE]',
    method: 'dhcp.client',
    grammar: CLIENT,
    needs: ['dev'],
  });
  addChange(command, {
    name: 'server',
    description: 'give addresses to the hosts on a device',
    usage:
      'dev NAME subnet PREFIX [range FIRST-LAST,...] [router ADDRESS,...] [dns ADDRESS,...] [domain NAME] [lease SECONDS] ' +
      '[reserve MAC=ADDRESS,...] [authoritative on|off] [check on|off] [store FILE]',
    method: 'dhcp.server',
    grammar: SERVER,
    needs: ['dev', 'subnet'],
  });
  addChange(command, {
    name: 'release',
    description: 'give the address back and stop the client',
    usage: 'dev NAME',
    method: 'dhcp.release',
    grammar: DEVICE,
    needs: ['dev'],
  });
  addChange(command, {
    name: 'stop',
    description: 'stop client and server; addresses stay until their lifetime is over',
    usage: 'dev NAME',
    method: 'dhcp.stop',
    grammar: DEVICE,
    needs: ['dev'],
  });
  return command;
}
