/** The table of errors: what a client sees for each, and the README's copy of it. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ERRORS } from '../../src/core/errors.ts';
import { eventually } from '../support/eventually.ts';
import {
  startTestGateway,
  TWO_BACKENDS,
  type Json,
  type TestGateway,
} from '../support/test-gateway.ts';

const KEY = 'a-client-key-of-this-test';
let nexus: TestGateway;
beforeAll(async () => {
  const server = `
[server]
port = 0
max_body_bytes = 20000
api_key_env = "CLIENT_KEY"
`;
  nexus = await startTestGateway(server + TWO_BACKENDS, { env: { CLIENT_KEY: KEY } });
});
afterAll(() => nexus.stop());

const AUTH = { authorization: `Bearer ${KEY}` };
const MESSAGES = [{ role: 'user', content: 'Hello' }];

it('has the same rows as the README, in both directions', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const rows = [...readme.matchAll(/^\| `([a-z_]+)` +\| (\d{3}) +\|/gm)].map(([, code, status]) => [
    code,
    Number(status),
  ]);
  expect(Object.fromEntries(rows)).toEqual(
    Object.fromEntries(Object.entries(ERRORS).map(([code, { status }]) => [code, status])),
  );
});

describe('a bad body', () => {
  const rows: readonly [string, unknown, string | null, RegExp][] = [
    ['no body', '', null, /no body/],
    ['broken JSON', '{"model": ', null, /not valid JSON/],
    ['an array', [], null, /must be a JSON object/],
    ['no model', { messages: MESSAGES }, 'model', /name of a model/],
    ['a model that is no string', { model: 7, messages: MESSAGES }, 'model', /name of a model/],
    ['a long model name', { model: 'm'.repeat(300), messages: MESSAGES }, 'model', /longer than/],
    ['no messages', { model: 'llama3' }, 'messages', /at least one message/],
    ['empty messages', { model: 'llama3', messages: [] }, 'messages', /at least one message/],
    [
      'a message that is no object',
      { model: 'llama3', messages: ['hi'] },
      'messages[0]',
      /must be an object/,
    ],
    [
      'a message without a role',
      { model: 'llama3', messages: [{ content: 'hi' }] },
      'messages[0].role',
      /must be a string/,
    ],
    [
      'content that is a number',
      { model: 'llama3', messages: [{ role: 'user', content: 3 }] },
      'messages[0].content',
      /string or an array/,
    ],
    [
      'max_tokens below 1',
      { model: 'llama3', messages: MESSAGES, max_tokens: 0 },
      'max_tokens',
      /whole number from 1/,
    ],
    [
      'max_tokens as text',
      { model: 'llama3', messages: MESSAGES, max_tokens: '5' },
      'max_tokens',
      /whole number/,
    ],
    [
      'max_completion_tokens with decimals',
      { model: 'llama3', messages: MESSAGES, max_completion_tokens: 1.5 },
      'max_completion_tokens',
      /whole number/,
    ],
    [
      'stream as text',
      { model: 'llama3', messages: MESSAGES, stream: 'yes' },
      'stream',
      /true or false/,
    ],
    [
      'stream_options as text',
      { model: 'llama3', messages: MESSAGES, stream_options: 'x' },
      'stream_options',
      /must be an object/,
    ],
    [
      'n beyond reason',
      { model: 'llama3', messages: MESSAGES, n: 1000 },
      'n',
      /whole number from 1/,
    ],
  ];
  it.each(rows)('with %s gets a 400 that names the field', async (_name, body, param, message) => {
    const answer = await nexus.post('/v1/chat/completions', body, AUTH);
    expect(answer.status).toBe(400);
    const { error } = (await answer.json()) as {
      error: { message: string; code: string; param: string | null };
    };
    expect(error).toMatchObject({
      code: 'invalid_request_error',
      type: 'invalid_request_error',
      param,
    });
    expect(error.message).toMatch(message);
  });

  it('with invalid UTF-8 or absurd depth gets a 400', async () => {
    const bytes = Buffer.concat([
      Buffer.from('{"model":"llama3","messages":[{"role":"user","content":"'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}]}'),
    ]);
    const badBytes = await fetch(`${nexus.url}/v1/chat/completions`, {
      method: 'POST',
      headers: AUTH,
      body: bytes,
    });
    expect(badBytes.status).toBe(400);
    expect(((await badBytes.json()) as Json).error.message).toMatch(/not valid UTF-8/);
    const deep = await nexus.post(
      '/v1/chat/completions',
      `{"model":"llama3","messages":[{"role":"user","content":"x"}],"a":${'['.repeat(5000)}${']'.repeat(5000)}}`,
      AUTH,
    );
    expect(deep.status).toBe(400);
    expect(((await deep.json()) as Json).error.message).toMatch(/nested deeper/);
  });

  it('on the other routes names their own field', async () => {
    for (const [route, field] of [
      ['completions', 'prompt'],
      ['embeddings', 'input'],
    ] as const) {
      for (const value of [undefined, 5, [], [1, 'a'], {}]) {
        const answer = await nexus.post(`/v1/${route}`, { model: 'llama3', [field]: value }, AUTH);
        expect(answer.status).toBe(400);
        expect(((await answer.json()) as Json).error.param).toBe(field);
      }
    }
  });
});

it('asks for the key when one is configured, and takes it in either header', async () => {
  const without = await nexus.post('/v1/chat/completions', { model: 'llama3', messages: MESSAGES });
  expect(without.status).toBe(401);
  expect(await without.json()).toMatchObject({
    error: { code: 'unauthorized', type: 'authentication_error' },
  });
  const wrong = await nexus.post(
    '/v1/chat/completions',
    { model: 'llama3', messages: MESSAGES },
    { authorization: 'Bearer wrong' },
  );
  expect(wrong.status).toBe(401);
  const headers: readonly Record<string, string>[] = [AUTH, { 'x-api-key': KEY }];
  for (const given of headers) {
    expect(
      (await nexus.post('/v1/chat/completions', { model: 'llama3', messages: MESSAGES }, given))
        .status,
    ).toBe(200);
  }
  for (const route of ['/v1/models', '/v1/stats', '/v1/ledger', '/v1/budget'])
    expect((await nexus.get(route)).status).toBe(401);
  for (const route of ['completions', 'embeddings', 'estimate'])
    expect((await nexus.post(`/v1/${route}`, { model: 'llama3' })).status).toBe(401);
  for (const route of ['/health', '/livez', '/readyz', '/metrics', '/openapi.json'])
    expect((await nexus.get(route)).status).toBe(200);
});

it('answers 404 with the served names for an unknown model, 404 for an unknown route, 405 for a wrong method', async () => {
  const model = await nexus.post(
    '/v1/chat/completions',
    { model: 'nobody-serves-this', messages: MESSAGES },
    AUTH,
  );
  expect(model.status).toBe(404);
  const { error } = (await model.json()) as {
    error: { message: string; code: string; param: string };
  };
  expect(error).toMatchObject({ code: 'model_not_found', param: 'model' });
  expect(error.message).toContain('llama3');
  const route = await nexus.post('/v1/audio/speech', {}, AUTH);
  expect(route.status).toBe(404);
  expect(await route.json()).toMatchObject({ error: { code: 'not_found' } });
  const method = await fetch(`${nexus.url}/v1/chat/completions`, { headers: AUTH });
  expect(method.status).toBe(405);
  expect(method.headers.get('allow')).toBe('POST');
});

it('answers 400 for a path that is no text, and says that it is the path', async () => {
  const answer = await fetch(`${nexus.url}/v1/models/%zz`, { headers: AUTH });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({
    error: { code: 'invalid_request_error', message: expect.stringMatching(/^The path/) },
  });
});

it('answers 413 for a body over max_body_bytes', async () => {
  const answer = await nexus.chat('llama3', 'x'.repeat(30_000), {}, AUTH);
  expect(answer.status).toBe(413);
  expect(await answer.json()).toMatchObject({ error: { code: 'request_too_large' } });
});

it('gives every answer an id of its own that the client can not choose', async () => {
  const first = await nexus.get('/livez');
  const second = await fetch(`${nexus.url}/nowhere`, {
    headers: { 'x-nexus-request-id': 'mine', 'x-request-id': 'mine' },
  });
  const ids = [first, second].map(({ headers }) => headers.get('x-nexus-request-id'));
  expect(ids[0]).toBeTruthy();
  expect(ids[1]).toBeTruthy();
  expect(new Set([...ids, 'mine']).size).toBe(3);
});

it('answers once, also when the body of a request breaks off after its answer', async () => {
  const { port } = new URL(nexus.url);
  const socket = connect(Number(port), '127.0.0.1');
  let said = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    said += text;
  });
  const ended = once(socket, 'close');
  socket.write(
    'POST /v1/nothing HTTP/1.1\r\nHost: gateway\r\nTransfer-Encoding: chunked\r\n\r\n1a\r\nhalf',
  );
  await eventually(() => expect(said).toContain('Nothing is served at'));
  // The end of half a body is an error of the parser, after everything has been said.
  socket.end();
  await ended;
  expect(said.match(/HTTP\/1\.1 /g)).toHaveLength(1);
});
