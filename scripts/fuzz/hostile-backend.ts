/** A raw server that answers as its models say, and looks closely at what the gateway sends it. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { HOSTILE_ANSWERS } from './hostile-answers.ts';
import { UpstreamReader, type SeenRequest } from './upstream-requests.ts';

const FAULTS_KEPT = 20;

export class HostileBackend {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #watch: (request: SeenRequest) => void;
  /** Requests that the gateway must not have sent. */
  readonly faults: string[] = [];
  calls = 0;

  private constructor(watch: (request: SeenRequest) => void) {
    this.#watch = watch;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket),
    );
  }

  /** `watch` sees every request in full. */
  static async start(watch: (request: SeenRequest) => void = () => {}): Promise<HostileBackend> {
    const backend = new HostileBackend(watch);
    backend.#server.listen(0, '127.0.0.1');
    await once(backend.#server, 'listening');
    return backend;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(socket: Socket): void {
    const reader = new UpstreamReader();
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('end', () => socket.end());
    socket.on('data', (chunk: Buffer) => {
      for (const request of reader.push(chunk)) this.#answer(socket, request);
    });
  }

  #answer(socket: Socket, request: SeenRequest): void {
    this.#watch(request);
    for (const fault of request.faults) {
      if (this.faults.length < FAULTS_KEPT) this.faults.push(`the gateway sent ${fault}`);
    }
    if (request.method === 'GET') {
      const body = '{"object":"list","data":[]}';
      const headers = `Content-Type: application/json\r\nContent-Length: ${body.length}`;
      socket.write(`HTTP/1.1 200 OK\r\n${headers}\r\n\r\n${body}`);
      return;
    }
    this.calls += 1;
    const { model, isStream } = callOf(request);
    const answer = HOSTILE_ANSWERS[model.replace(/^[hao]-/, '')];
    if (answer === undefined) socket.destroy();
    else void answer(socket, isStream);
  }
}

function callOf({ body, faults }: SeenRequest): { model: string; isStream: boolean } {
  if (faults.length > 0) return { model: '', isStream: false };
  const { model, stream } = JSON.parse(body.toString('utf8')) as Record<string, unknown>;
  return { model: String(model), isStream: stream === true };
}
