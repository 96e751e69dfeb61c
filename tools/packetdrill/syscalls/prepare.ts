import { FILE_SYMBOLS } from '../symbols/files.ts';
import { SOCKET_SYMBOLS } from '../symbols/sockets.ts';
import { compareAddress } from './addresses.ts';
import type { Arguments } from './arguments.ts';
import { prepareOpen, preparePipe, prepareSendfile, prepareSplice } from './files.ts';
import { prepareGetsockopt, prepareSetsockopt } from './options.ts';
import type { Prepared } from './prepared.ts';
import { prepareEpollCreate, prepareEpollCtl, prepareEpollWait, preparePoll } from './readiness.ts';
import {
  prepareRead,
  prepareReadv,
  prepareRecv,
  prepareRecvfrom,
  prepareRecvmsg,
  prepareSend,
  prepareSendmsg,
  prepareSendto,
  prepareWrite,
  prepareWritev,
} from './transfer.ts';

/** The low bits of a socket's type; above them are flags. */
const TYPE_MASK = 0xf;

/** The system calls that scripts may make. */
const CALLS: Readonly<Record<string, (args: Arguments) => Prepared>> = {
  socket: prepareSocket,
  bind: prepareBind,
  listen: prepareListen,
  connect: prepareConnect,
  accept: prepareAccept,
  accept4: prepareAccept,
  getsockname: prepareName,
  getpeername: prepareName,
  close: prepareClose,
  shutdown: prepareShutdown,
  fcntl: prepareFcntl,
  ioctl: prepareIoctl,
  setsockopt: prepareSetsockopt,
  getsockopt: prepareGetsockopt,
  write: prepareWrite,
  writev: prepareWritev,
  send: prepareSend,
  sendto: prepareSendto,
  sendmsg: prepareSendmsg,
  read: prepareRead,
  readv: prepareReadv,
  recv: prepareRecv,
  recvfrom: prepareRecvfrom,
  recvmsg: prepareRecvmsg,
  open: prepareOpen,
  pipe: preparePipe,
  pipe2: preparePipe,
  splice: prepareSplice,
  sendfile: prepareSendfile,
  poll: preparePoll,
  epoll_create: prepareEpollCreate,
  epoll_create1: prepareEpollCreate,
  epoll_ctl: prepareEpollCtl,
  epoll_wait: prepareEpollWait,
};

/** Makes a system call of the script ready. Throws `Unsupported` for those that are not known. */
export function prepareSyscall(args: Arguments): Prepared {
  const { name } = args.action;
  const prepare = Object.hasOwn(CALLS, name) ? CALLS[name] : undefined;
  if (prepare === undefined) throw args.unsupported(`system call ${name}`);
  return prepare(args);
}

function prepareSocket(args: Arguments): Prepared {
  args.count(3);
  const domain = args.numberOr(0, SOCKET_SYMBOLS.AF_INET);
  const type = args.number(1);
  if (domain === SOCKET_SYMBOLS.AF_INET6) throw args.unsupported('AF_INET6');
  const protocol = (type & TYPE_MASK) === SOCKET_SYMBOLS.SOCK_STREAM ? 'tcp' : 'udp';
  return {
    request: { name: 'socket', domain, type, protocol: args.number(2) },
    makesFd: true,
    after: (world, _result, fd) => world.socketMade(fd, protocol),
  };
}

function prepareBind(args: Arguments): Prepared {
  args.count(3);
  const address = args.address(1, args.local());
  return {
    request: { name: 'bind', fd: args.fd(0), address },
    after: (world) => world.bound(args.scriptFd(0), address),
  };
}

function prepareListen(args: Arguments): Prepared {
  args.count(2);
  return {
    request: { name: 'listen', fd: args.fd(0), backlog: args.number(1) },
    after: (world) => world.listens(args.scriptFd(0)),
  };
}

function prepareConnect(args: Arguments): Prepared {
  args.count(3);
  const address = args.address(1, args.remote());
  return {
    request: { name: 'connect', fd: args.fd(0), address },
    before: (world) => world.connects(args.scriptFd(0), address),
  };
}

function prepareAccept(args: Arguments): Prepared {
  args.count(3, 4);
  const name = args.action.name === 'accept4' ? 'accept4' : 'accept';
  return {
    request: { name, fd: args.fd(0), flags: args.numberOr(3, 0) },
    makesFd: true,
    after: (world, result, fd) => world.accepted(fd, result.address),
    verify: (result) => compareAddress(args, args.at(1), result.address),
  };
}

function prepareName(args: Arguments): Prepared {
  args.count(3);
  const name = args.action.name === 'getpeername' ? 'getpeername' : 'getsockname';
  return {
    request: { name, fd: args.fd(0) },
    verify: (result) => compareAddress(args, args.at(1), result.address),
  };
}

function prepareClose(args: Arguments): Prepared {
  args.count(1);
  return {
    request: { name: 'close', fd: args.fd(0) },
    after: (world) => world.closed(args.scriptFd(0)),
  };
}

function prepareShutdown(args: Arguments): Prepared {
  args.count(2);
  return { request: { name: 'shutdown', fd: args.fd(0), how: args.number(1) } };
}

function prepareFcntl(args: Arguments): Prepared {
  args.count(2, 3);
  return { request: { name: 'fcntl', fd: args.fd(0), command: args.number(1), value: args.numberOr(2, 0) } };
}

/** `ioctl(fd, SIOCINQ, [n])`. */
function prepareIoctl(args: Arguments): Prepared {
  args.count(3);
  const request = args.number(1);
  if (request === FILE_SYMBOLS.FIONBIO) throw args.unsupported('ioctl FIONBIO');
  return {
    request: { name: 'ioctl', fd: args.fd(0), request },
    verify: (result) => {
      if (args.isOpen(2)) return undefined;
      const expected = args.number(2);
      return expected === result.value ? undefined : `value: expected ${expected}, actual ${result.value}`;
    },
  };
}
