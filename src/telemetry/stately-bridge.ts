/**
 * The running actor system in the Stately inspector. It is a window, not a door: what a browser sends is dropped.
 *
 * The package's own server listens on every interface, takes sockets from any page and forgets the definitions of the
 * actors after 200 messages, so the server is our own; the package makes the messages. What an actor does is only
 * noticed in its step; converting and sending happen later, on a timer, and to each viewer only as fast as it reads.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { createInspector } from '@statelyai/inspect';
import { WebSocketServer, type WebSocket } from 'ws';
import type { InspectionEvent } from 'xstate';
import type { Log } from '../core/log.ts';
import { StatelyChanges } from './stately-changes.ts';
import { STATELY_PAGE, statelyPageHeaders } from './stately-page.ts';

const HOST = '127.0.0.1';
/** Changed states are sent this often at most, contexts alone more seldom. */
const SEND_MS = 100;
const RESTLESS_MS = 500;
const MOST_VIEWERS = 8;
/** A viewer with more than this unread is sent nothing until it has caught up, and then everything anew. */
const MOST_UNREAD_BYTES = 4_000_000;
/** The deepest nesting of our definitions is 14. */
const DEFINITION_DEPTH = 24;

export interface StatelyBridge {
  /** For the `inspect` of an actor system. Never throws. */
  readonly inspect: (event: InspectionEvent) => void;
  /**
   * Opens the page and its socket on the loopback interface, on `port` or, where that is taken, on a free one. Resolves
   * with the URL of the page.
   */
  listen(port: number): Promise<string>;
  close(): Promise<void>;
}

interface Viewer {
  readonly socket: WebSocket;
  /** News, while the viewer keeps up. */
  readonly tell: (event: InspectionEvent) => void;
  /** What a story consists of. It is sent whole: cut off by its own length, it would be begun again without end. */
  readonly recount: (event: InspectionEvent) => void;
  isBehind: boolean;
}

function sendNews(viewer: Viewer, message: object): void {
  viewer.isBehind ||= viewer.socket.bufferedAmount > MOST_UNREAD_BYTES;
  if (!viewer.isBehind) viewer.socket.send(JSON.stringify(message));
}

/** Converts what it is given with the package and hands it to `send`, later. */
function converter(send: (message: object) => void): (event: InspectionEvent) => void {
  const inspector = createInspector({ send }, { serializationDepthLimit: DEFINITION_DEPTH });
  return (event) => inspector.inspect.next?.(event);
}

class Bridge implements StatelyBridge {
  readonly #log: Pick<Log, 'warn'>;
  readonly #changes = new StatelyChanges();
  readonly #viewers = new Set<Viewer>();
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: 1024 });
  readonly #server: Server;
  #sendTimer: NodeJS.Timeout | null = null;
  #restlessTimer: NodeJS.Timeout | null = null;
  #hasWarned = false;

  constructor(log: Pick<Log, 'warn'>) {
    this.#log = log;
    this.#server = createServer((request, response) => this.#answer(request, response));
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  readonly inspect = (event: InspectionEvent): void => {
    this.#safely(() => {
      if (!this.#changes.notice(event) || this.#viewers.size === 0) return;
      this.#sendTimer ??= setTimeout(() => this.#sendWaiting(), SEND_MS).unref();
    });
  };

  async listen(port: number): Promise<string> {
    await this.#bind(port).catch(() => this.#bind(0));
    this.#server.unref();
    return `http://${HOST}:${this.#port()}/`;
  }

  async close(): Promise<void> {
    if (this.#sendTimer !== null) clearTimeout(this.#sendTimer);
    if (this.#restlessTimer !== null) clearInterval(this.#restlessTimer);
    for (const { socket } of this.#viewers) socket.terminate();
    this.#viewers.clear();
    this.#sockets.close();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #bind(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, HOST, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  #port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** A fault of the inspector must not reach an actor; the first one is told, not each. */
  #safely(work: () => void): void {
    try {
      work();
    } catch (thrown) {
      if (this.#hasWarned) return;
      this.#hasWarned = true;
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      this.#log.warn('the Stately inspector failed; the gateway goes on', { error });
    }
  }

  #sendWaiting(): void {
    this.#sendTimer = null;
    this.#safely(() => this.#tellAll(this.#changes.takeWaiting()));
  }

  #tellAll(events: readonly InspectionEvent[]): void {
    for (const viewer of this.#viewers) {
      if (!viewer.isBehind) for (const event of events) viewer.tell(event);
      else if (viewer.socket.bufferedAmount === 0) this.#tellStory(viewer);
    }
  }

  #tellStory(viewer: Viewer): void {
    viewer.isBehind = false;
    for (const event of this.#changes.story()) viewer.recount(event);
  }

  /** The names by which a browser on this machine may ask; any other is a page elsewhere that was pointed here. */
  #isLocal({ headers }: IncomingMessage): boolean {
    const hosts = [`${HOST}:${this.#port()}`, `localhost:${this.#port()}`];
    const { host = '', origin } = headers;
    const isOurPage = origin === undefined || hosts.some((name) => origin === `http://${name}`);
    return hosts.includes(host) && isOurPage;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const file = STATELY_PAGE[request.url ?? ''];
    if (file === undefined || !this.#isLocal(request) || request.method !== 'GET') {
      response.writeHead(file === undefined ? 404 : 403).end();
      return;
    }
    const headers = statelyPageHeaders(request.headers.host ?? '');
    response.writeHead(200, { ...headers, 'Content-Type': file.type }).end(file.body);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const isFull = this.#viewers.size >= MOST_VIEWERS;
    if (isFull || !this.#isLocal(request)) {
      socket.end(`HTTP/1.1 ${isFull ? '503 Service Unavailable' : '403 Forbidden'}\r\n\r\n`);
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (opened) =>
      this.#safely(() => this.#add(opened)),
    );
  }

  #add(socket: WebSocket): void {
    const viewer: Viewer = {
      socket,
      tell: converter((message) => this.#safely(() => sendNews(viewer, message))),
      recount: converter((message) => this.#safely(() => socket.send(JSON.stringify(message)))),
      isBehind: false,
    };
    socket.on('error', () => socket.terminate());
    socket.on('close', () => this.#viewers.delete(viewer));
    // What waits becomes part of the story, and must not be told twice.
    this.#tellAll(this.#changes.takeWaiting());
    this.#viewers.add(viewer);
    this.#tellStory(viewer);
    this.#restlessTimer ??= setInterval(() => this.#sendRestless(), RESTLESS_MS).unref();
  }

  /** Also the turn at which viewers that were behind are tried again. */
  #sendRestless(): void {
    this.#safely(() => this.#tellAll(this.#changes.takeRestless()));
    if (this.#viewers.size > 0 || this.#restlessTimer === null) return;
    clearInterval(this.#restlessTimer);
    this.#restlessTimer = null;
  }
}

export function createStatelyBridge(log: Pick<Log, 'warn'>): StatelyBridge {
  return new Bridge(log);
}
