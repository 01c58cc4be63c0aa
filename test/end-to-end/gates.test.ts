/** What a request must pass before it is sent: the gateway's own limits, the rules of the file, and a shutdown. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { backendToml, budgetToml, KEYS, NO_PROBES, PROVIDER_KEY } from '../support/cloud-toml.ts';
import { eventually } from '../support/eventually.ts';
import { startHandProvider, usageDocument, type HandProvider } from '../support/hand-provider.ts';
import { expectSettledBooks } from '../support/settled-books.ts';
import {
  allEntries,
  startTestGateway,
  type Json,
  type TestGateway,
} from '../support/test-gateway.ts';

const MODEL = 'gpt-4-turbo';
const LOCAL = 'llama3';
const USAGE = { input: 8, output: 5 };

let provider: HandProvider;
let nexus: TestGateway;

beforeEach(async () => {
  provider = await startHandProvider([MODEL, LOCAL]);
});
afterEach(async () => {
  await nexus.stop();
  await provider.close();
});

async function start(more = '', env: Record<string, string> = {}): Promise<void> {
  nexus = await startTestGateway(
    `${NO_PROBES}${more}${budgetToml(1)}` +
      backendToml({ name: 'cloud', url: provider.url, priority: 1 }) +
      backendToml({
        name: 'here',
        url: provider.url,
        type: 'vllm',
        models: [LOCAL],
        price: null,
        priority: 2,
      }),
    { env: { ...KEYS, ...env } },
  );
}

async function serve(answering: Promise<Response>): Promise<Response> {
  (await provider.call()).json('Hi', usageDocument(USAGE));
  const answer = await answering;
  await answer.arrayBuffer();
  return answer;
}

describe('max_concurrent_requests', () => {
  it('refuses one more with a time to wait, and takes the next when one has ended', async () => {
    await start('[server]\nport = 0\nmax_concurrent_requests = 2\n');
    const first = nexus.chat(MODEL, 'Hello', { max_tokens: 20 });
    const call = await provider.call();
    const second = nexus.chat(MODEL, 'Hello', { max_tokens: 20, stream: true });
    const streamed = await provider.call();
    const refused = await nexus.chat(LOCAL, 'Hello');
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refused.json()).toMatchObject({
      error: { code: 'overloaded', message: expect.stringContaining('max_concurrent_requests') },
    });
    expect(await nexus.metric('nexus_errors_total{error_type="overloaded"')).toBe(1);
    call.json('Hi', usageDocument(USAGE));
    await (await first).arrayBuffer();
    expect((await serve(nexus.chat(LOCAL, 'Hello'))).status).toBe(200);
    streamed.say('Hi').finish().usage(USAGE).done().end();
    await (await second).arrayBuffer();
    await expectSettledBooks(nexus);
  });
});

describe('X-Nexus-Strict', () => {
  const FALLBACKS = `[routing.fallbacks]\n"${MODEL}" = ["${LOCAL}"]\n`;

  it('forbids another model, where without it the fallback answers', async () => {
    await start(FALLBACKS);
    const failing = nexus.chat(MODEL, 'Hello', { max_tokens: 20 }, { 'x-nexus-strict': 'true' });
    (await provider.call()).answer(500, { error: { message: 'no' } });
    expect((await failing).status).toBe(502);
    await (await failing).arrayBuffer();
    const helped = nexus.chat(MODEL, 'Hello', { max_tokens: 20 });
    (await provider.call()).answer(500, { error: { message: 'no' } });
    const answer = await serve(helped);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-nexus-fallback-model')).toBe(LOCAL);
    expect(answer.headers.get('x-nexus-route-reason')).toBe('failover');
    expect(provider.calls.map(({ body }) => body['model'])).toEqual([MODEL, MODEL, LOCAL]);
    await expectSettledBooks(nexus);
  });
});

describe('routing policies', () => {
  it('keep a restricted model on local backends', async () => {
    await start(
      `[routing.fallbacks]\n"${MODEL}" = ["${LOCAL}"]\n[[routing.policies]]\nmodel_pattern = "gpt-*"\nprivacy = "restricted"\n`,
    );
    const answer = await serve(nexus.chat(MODEL, 'Hello'));
    expect(answer.headers.get('x-nexus-backend')).toBe('here');
    expect(provider.calls.map(({ body }) => body['model'])).toEqual([LOCAL]);
    const refused = await nexus.chat(MODEL, 'Hello', {}, { 'x-nexus-strict': 'true' });
    expect(refused.status).toBe(503);
    const { error, context } = (await refused.json()) as Json;
    expect(error.code).toBe('no_available_backend');
    expect(context.reasons.cloud).toContain('cloud backend');
    expect(provider.calls).toHaveLength(1);
    await expectSettledBooks(nexus);
  });

  it('do not send an attempt that is dearer than max_cost_per_request, and lower one that can be', async () => {
    await start(
      '[[routing.policies]]\nmodel_pattern = "gpt-*"\nmax_cost_per_request = "0.00068"\n',
    );
    const lowered = nexus.chat(MODEL, 'Hello', { max_tokens: 5000 });
    const call = await provider.call();
    expect(call.body['max_tokens']).toBe(20);
    call.json('Hi', usageDocument(USAGE));
    expect((await lowered).headers.get('x-nexus-max-tokens')).toBe('20');
    await (await lowered).arrayBuffer();
    const refused = await nexus.chat(MODEL, 'word '.repeat(100), { max_tokens: 20 });
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({
      error: {
        code: 'no_available_backend',
        message: expect.stringContaining('max_cost_per_request'),
      },
      context: { available_backends: [], reasons: { cloud: 'above max_cost_per_request' } },
    });
    // The month has plenty left.
    expect((await nexus.getJson('/v1/stats')).budget.status).toBe('Normal');
    expect(provider.calls).toHaveLength(1);
    await expectSettledBooks(nexus);
  });
});

describe('aliases', () => {
  it('lead to another name, over several steps, and are priced and charged as what they stand for', async () => {
    await start(`[routing.aliases]\n"best" = "gpt-4"\n"gpt-4" = "${MODEL}"\n`);
    const answer = await serve(nexus.chat('best', 'Hello', { max_tokens: 20 }));
    expect(answer.status).toBe(200);
    expect(provider.calls[0]?.body['model']).toBe(MODEL);
    expect((await allEntries(nexus)).map(({ model }) => model)).toEqual([MODEL, MODEL]);
    expect(await nexus.metric('nexus_fallbacks_total')).toBeUndefined();
    await expectSettledBooks(nexus);
  });
});

describe('a shutdown', () => {
  it('is told to who still has a connection: not ready, and no new request to a model', async () => {
    await start();
    expect((await nexus.get('/readyz')).status).toBe(200);
    const streaming = nexus.chat(MODEL, 'Hello', { max_tokens: 20, stream: true });
    const call = await provider.call();
    const { port } = new URL(nexus.url);
    const socket = connect(Number(port), '127.0.0.1');
    await once(socket, 'connect');
    let seen = '';
    socket.on('data', (chunk) => {
      seen += chunk.toString();
    });
    // The head of a request, so that the connection is not an idle one that is closed.
    socket.write('GET /readyz HTTP/1.1\r\nhost: nexus\r\n');
    await (await nexus.get('/livez')).arrayBuffer();
    const stopped = nexus.gateway.stop();
    socket.write('\r\n');
    await eventually(() => expect(seen).toContain('"status":"not ready"'));
    expect(seen).toMatch(/^HTTP\/1\.1 503 /);
    expect(seen).toContain('"open":false');
    call.say('Hi').finish().usage(USAGE).done().end();
    expect(await (await streaming).text()).toContain('[DONE]');
    await stopped;
    socket.destroy();
  });
});

describe('the log', () => {
  it('never holds a word of a prompt or an answer, nor a key, at its most talkative', async () => {
    const secrets = {
      prompt: 'MARKER-PROMPT-5c1d',
      answer: 'MARKER-ANSWER-77fe',
      clientKey: 'sk-client-key-0f2a9b',
      tool: 'MARKER-TOOL-aa01',
    };
    await start(
      '[server]\nport = 0\napi_key_env = "CLIENT_KEY"\nrequest_timeout_seconds = 0.3\n[logging]\nlevel = "debug"\nformat = "json"\n',
      { CLIENT_KEY: secrets.clientKey },
    );
    const auth = { authorization: `Bearer ${secrets.clientKey}` };
    const body = {
      model: MODEL,
      messages: [{ role: 'user', content: secrets.prompt, name: secrets.tool }],
      max_tokens: 20,
      user: secrets.prompt,
    };
    const send = (more: object = {}): Promise<Response> =>
      nexus.post('/v1/chat/completions', { ...body, ...more }, auth);
    const whole = send();
    (await provider.call()).json(secrets.answer, usageDocument(USAGE));
    await (await whole).arrayBuffer();
    const stream = send({ stream: true });
    (await provider.call()).say(secrets.answer).reset();
    await (await stream).text().catch(() => undefined);
    const refused = send();
    (await provider.call()).answer(400, {
      error: { message: `Incorrect API key ${PROVIDER_KEY} for ${secrets.prompt}` },
    });
    const refusal = await (await refused).text();
    expect(refusal).not.toContain(PROVIDER_KEY);
    const failed = send();
    (await provider.call()).answer(500, { error: { message: secrets.prompt } });
    await (await failed).arrayBuffer();
    const late = send();
    await provider.call();
    expect((await late).status).toBe(504);
    await (await nexus.post('/v1/chat/completions', `{"broken": "${secrets.prompt}`, auth)).text();
    await (
      await nexus.post('/v1/chat/completions', body, { authorization: 'Bearer wrong' })
    ).text();
    await nexus.gateway.stop();
    const text = nexus.logText();
    expect(text.split('\n').length).toBeGreaterThan(8);
    for (const secret of [...Object.values(secrets), PROVIDER_KEY])
      expect(text).not.toContain(secret);
    const ledger = await readFile(nexus.ledgerPath, 'latin1');
    expect(ledger).toContain(MODEL);
    for (const secret of [...Object.values(secrets), PROVIDER_KEY])
      expect(ledger).not.toContain(secret);
  });
});
