/** The end of an answer: it is never cut by a stop while the client still reads, and a cut one never looks whole. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { GatewayError } from '../../src/core/errors.ts';
import { writeError } from '../../src/http/write-error.ts';
import { backendToml, budgetToml, KEYS, NO_PROBES } from '../support/cloud-toml.ts';
import { startHandProvider, usageDocument, type HandProvider } from '../support/hand-provider.ts';
import { startTestGateway, type TestGateway } from '../support/test-gateway.ts';

const MODEL = 'gpt-4-turbo';
/** More than a kernel takes for a client that does not read, less than what is kept back for a failover. */
const LONG_ANSWER = 'word '.repeat(1_500_000);

describe('a stop while a client is slow to read', () => {
  let provider: HandProvider;
  let nexus: TestGateway;

  beforeEach(async () => {
    provider = await startHandProvider([MODEL]);
    nexus = await startTestGateway(
      `${NO_PROBES}[server]\nport = 0\ndrain_timeout_seconds = 10\n${budgetToml(1)}` +
        backendToml({ name: 'cloud', url: provider.url, priority: 1 }),
      { env: KEYS },
    );
  });
  afterEach(async () => {
    await nexus.stop();
    await provider.close();
  });

  function ask(): Socket {
    const body = JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'Hello' }] });
    const socket = connect(Number(new URL(nexus.url).port), '127.0.0.1');
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: nexus\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    return socket;
  }

  it('lets it have the whole of a long JSON answer', async () => {
    const socket = ask();
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    const ended = once(socket, 'close');
    (await provider.call()).json(LONG_ANSWER, usageDocument({ input: 8, output: 5 }));
    await once(socket, 'data');
    socket.pause();
    const stopping = nexus.gateway.stop();
    socket.resume();
    await stopping;
    await ended;
    const text = Buffer.concat(chunks).toString();
    const head = text.slice(0, text.indexOf('\r\n\r\n'));
    const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1]);
    expect(length).toBeGreaterThan(LONG_ANSWER.length);
    expect(text.length - head.length - 4).toBe(length);
  });
});

describe('an error in the middle of an answer', () => {
  it('cuts the connection, as a body that merely ended would look whole', async () => {
    const server = createServer((_request, response) => {
      response.write('{"half":', () =>
        writeError(response, new GatewayError('internal_error', '')),
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    expect(answer.status).toBe(200);
    await expect(answer.text()).rejects.toThrow(/terminated/);
    server.close();
    await once(server, 'close');
  });
});
