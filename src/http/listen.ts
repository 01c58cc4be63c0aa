/** A listener: the server's own limits against slow or stuck peers, and an orderly end. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerUnreadable } from './unreadable-request.ts';

/** For the head of a request: a real client sends it at once. */
const HEADERS_TIMEOUT_MS = 60_000;
/** For the whole of a request: even 100 MB on a slow line need no more. Answers have no such limit. */
const REQUEST_TIMEOUT_MS = 300_000;
/** Longer than the idle time of common load balancers, so that it is they who close. */
const KEEP_ALIVE_MS = 75_000;
const MAX_HEADER_BYTES = 32 * 1024;
/**
 * Connections that may wait to be accepted; the kernel may allow fewer. Of a thousand that came at once to a busy
 * process, Node's own 511 had some reset.
 */
const BACKLOG = 4096;

export interface Listener {
  readonly url: string;
  /** Takes no new connections, and closes idle ones. */
  refuseNew(): void;
  /** Cuts what is still open. Resolves when the port is free. */
  close(): Promise<void>;
}

function serverOf(app: RequestListener): Server {
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    app,
  );
  answerUnreadable(server);
  // An expectation other than `100-continue` may be left unmet; Node's own 417 would say nothing in JSON.
  server.on('checkExpectation', app);
  return server;
}

/** Resolves when the port is taken. Rejects with a message that says what to do when it can not be. */
export async function listen(app: RequestListener, host: string, port: number): Promise<Listener> {
  const server = serverOf(app);
  await listenOn(server, host, port);
  return {
    url: urlOf(server, host),
    refuseNew: () => refuseNew(server),
    close: () => close(server),
  };
}

/** Listens on a socket of the file system, for processes of this gateway only. */
export async function listenAt(app: RequestListener, socketPath: string): Promise<Listener> {
  const server = serverOf(app);
  server.listen(socketPath);
  await once(server, 'listening');
  return { url: socketPath, refuseNew: () => refuseNew(server), close: () => close(server) };
}

export interface Address {
  readonly host: string;
  /** Never 0. */
  readonly port: number;
  readonly url: string;
}

/**
 * Finds out whether an address can be listened on, and which port 0 stands for, without keeping it: for several
 * processes that will share it. Rejects like `listen`.
 */
export async function findAddress(host: string, port: number): Promise<Address> {
  const server = createServer();
  await listenOn(server, host, port);
  const found = { host, port: (server.address() as AddressInfo).port, url: urlOf(server, host) };
  await close(server);
  return found;
}

function listenOn(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
    server.listen(port, host, BACKLOG, resolve);
  });
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const advice: Readonly<Record<string, string>> = {
    EADDRINUSE:
      'another program listens there; stop it, or choose another port with --port or [server] port',
    EACCES: 'this user may not listen there; choose a port above 1023',
    EADDRNOTAVAIL: 'this machine does not have that address; choose another [server] host',
  };
  const reason = advice[error.code ?? ''] ?? error.message;
  return new Error(`Can not listen on ${host}:${port}: ${reason}.`, { cause: error });
}

function urlOf(server: Server, host: string): string {
  const { port } = server.address() as AddressInfo;
  // An address that means "everywhere" is not one that can be visited.
  const visible = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${visible.includes(':') ? `[${visible}]` : visible}:${port}`;
}

function refuseNew(server: Server): void {
  server.close();
  server.closeIdleConnections();
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
