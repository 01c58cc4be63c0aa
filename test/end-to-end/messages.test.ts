/** `/v1/messages` and `/v1/messages/count_tokens` from the outside: budget, failover, errors and headers. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startAnthropicServer } from '../support/anthropic-server.ts';
import { backendToml, budgetToml, NO_PROBES } from '../support/cloud-toml.ts';
import { startOllamaServer } from '../support/ollama-server.ts';
import { startOpenAiServer } from '../support/openai-server.ts';
import type { ProviderServer } from '../support/provider-server.ts';
import { entriesMadeBy, expectSettledBooks, untilNothingIsHeld } from '../support/settled-books.ts';
import { nano, startTestGateway, type Json, type TestGateway } from '../support/test-gateway.ts';

const CLAUDE = 'claude-sonnet-4-5';
const HELLO = [{ role: 'user', content: 'Hello' }];
const BODY = { model: CLAUDE, max_tokens: 100, messages: HELLO };
const CLIENT_KEY = 'nexus-client-key';

let anthropic: ProviderServer;
let openai: ProviderServer;
let ollama: ProviderServer;
let nexus: TestGateway;
beforeEach(async () => {
  anthropic = await startAnthropicServer({ apiKey: 'sk-ant', isStrict: true });
  openai = await startOpenAiServer();
  ollama = await startOllamaServer();
});
afterEach(async () => {
  await expectSettledBooks(nexus);
  await nexus.stop();
  await Promise.all([anthropic, openai, ollama].map((server) => server.close()));
});

/** USD per million tokens; the cache rates tell one write from another. */
const PRICES = `[backends.prices."*"]
input = 10
cached_input = 1
cache_write = 12.5
cache_write_1h = 20
output = 30
max_output_tokens = 8000
`;

async function start(limitUsd: number | string = 100, more = ''): Promise<void> {
  const claude = { name: 'anthropic', type: 'anthropic', url: anthropic.url, models: [CLAUDE] };
  nexus = await startTestGateway(
    `[server]
port = 0
drain_timeout_seconds = 2
client_gone_drain_seconds = 0.05
api_key_env = "NEXUS_CLIENT_KEY"
` +
      budgetToml(limitUsd, 'hard_limit_action = "block_all"') +
      NO_PROBES +
      backendToml({ ...claude, priority: 1, price: null }) +
      PRICES +
      backendToml({ name: 'openai', url: openai.url, priority: 90, models: [CLAUDE, 'gpt-4o'] }) +
      backendToml({ name: 'ollama', type: 'ollama', url: ollama.url, models: [], price: null }) +
      more,
    {
      apiKey: CLIENT_KEY,
      env: {
        OPENAI_API_KEY: 'sk-openai',
        ANTHROPIC_API_KEY: 'sk-ant',
        NEXUS_CLIENT_KEY: CLIENT_KEY,
      },
    },
  );
}

function ask(body: object = BODY, headers: Record<string, string> = {}): Promise<Response> {
  return nexus.post('/v1/messages', body, headers);
}

function count(body: object = BODY, headers: Record<string, string> = {}): Promise<Response> {
  return nexus.post('/v1/messages/count_tokens', body, headers);
}

async function countOf(body: object): Promise<number> {
  const answer = await count(body);
  expect(answer.status).toBe(200);
  const document: Json = await answer.json();
  expect(Object.keys(document)).toEqual(['input_tokens']);
  return document.input_tokens;
}

describe('a request that passes', () => {
  it('reaches the provider with the bytes of the client, and the answer comes back with its own', async () => {
    await start();
    const body = `{"model": "${CLAUDE}",\n "max_tokens":100, "messages":[{"role":"user","content":"1.0 \\u00e9"}] }`;
    anthropic.next({ text: 'Grüße' });
    const answer = await nexus.post('/v1/messages', body);
    expect(anthropic.calls[0]?.body.toString()).toBe(body);
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({ type: 'message', content: [{ text: 'Grüße' }] });
    expect(answer.headers.get('content-length')).toBe(String(Buffer.byteLength(text)));
    expect(answer.headers.get('x-nexus-backend')).toBe('anthropic');
    expect(answer.headers.get('anthropic-ratelimit-requests-remaining')).toBe('3999');
  });

  it('is let in by either header of a key, and else refused in the words of the API', async () => {
    await start();
    const url = `${nexus.url}/v1/messages`;
    const post = (headers: Record<string, string>): Promise<Response> =>
      fetch(url, { method: 'POST', body: JSON.stringify(BODY), headers });
    expect((await post({ 'x-api-key': CLIENT_KEY })).status).toBe(200);
    expect((await post({ authorization: `Bearer ${CLIENT_KEY}` })).status).toBe(200);
    const refused = await post({ 'x-api-key': 'wrong' });
    expect(refused.status).toBe(401);
    expect(await refused.json()).toMatchObject({
      type: 'error',
      error: { type: 'authentication_error' },
      request_id: refused.headers.get('request-id'),
    });
  });

  it('without its maximum is told that the API asks for one', async () => {
    await start();
    const answer = await ask({ model: CLAUDE, messages: HELLO });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      type: 'error',
      error: { type: 'invalid_request_error', param: 'max_tokens' },
    });
  });
});

describe('a provider that refuses', () => {
  it('is heard with its status, its body and its headers', async () => {
    await start();
    const headers = {
      'retry-after': '7',
      'x-should-retry': 'true',
      'anthropic-ratelimit-tokens-remaining': '0',
      'request-id': 'req_theirs',
    };
    anthropic.behave({ status: 429, errorMessage: 'slow down', headers });
    openai.behave({ status: 429, errorMessage: 'slow down' });
    const answer = await ask({ ...BODY, model: CLAUDE }, { 'x-nexus-strict': 'true' });
    expect(answer.status).toBe(429);
    // The last one that was asked: it was told of in the words of the API too.
    expect(await answer.json()).toMatchObject({
      type: 'error',
      error: { type: 'rate_limit_error', message: 'slow down' },
    });
  });

  it('for a mistake of the client is heard at once, byte for byte', async () => {
    await start();
    anthropic.next({
      status: 400,
      errorMessage: 'temperature: too high',
      headers: {
        'retry-after': '7',
        'x-should-retry': 'false',
        'anthropic-ratelimit-tokens-remaining': '0',
        'request-id': 'req_theirs',
        'set-cookie': 'a=b',
      },
    });
    const answer = await ask();
    expect(answer.status).toBe(400);
    expect(await answer.text()).toBe(
      '{"type":"error","error":{"type":"invalid_request_error","message":"temperature: too high"},"request_id":"req_011CSHoEeqs5C35K2UUqR7Fy"}',
    );
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'retry-after': '7',
      'x-should-retry': 'false',
      'anthropic-ratelimit-tokens-remaining': '0',
      'x-upstream-request-id': 'req_theirs',
      'request-id': answer.headers.get('x-nexus-request-id'),
    });
    expect(answer.headers.get('set-cookie')).toBeNull();
    expect(openai.calls).toHaveLength(0);
  });

  it('is followed by one of another kind, which gets a translation', async () => {
    await start();
    anthropic.next({ status: 529 });
    openai.next({ text: 'Here I am.', usage: { input: 9, output: 4 } });
    const answer = await ask();
    expect(answer.headers.get('x-nexus-backend')).toBe('openai');
    expect(answer.headers.get('x-nexus-route-reason')).toBe('failover');
    expect(await answer.json()).toMatchObject({
      type: 'message',
      content: [{ type: 'text', text: 'Here I am.' }],
      usage: { input_tokens: 9, output_tokens: 4 },
    });
    expect(openai.calls[0]?.json).toEqual({
      model: CLAUDE,
      max_tokens: 100,
      messages: HELLO,
    });
  });

  it('is not followed by one that answers with something else than a message', async () => {
    await start();
    anthropic.next({ status: 529 });
    openai.next({ raw: { contentType: 'application/json', body: '{"object":"list"}' } });
    const answer = await ask();
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ type: 'error', error: { type: 'api_error' } });
  });
});

describe('the budget', () => {
  it('lowers the maximum to what fits, and the thinking with it', async () => {
    // The input takes a part of a cent; what is left pays for some 1,900 tokens.
    await start('0.06');
    const thinking = { type: 'enabled', budget_tokens: 6000 };
    const answer = await ask({ ...BODY, max_tokens: 8000, thinking });
    expect(answer.status).toBe(200);
    const lowered = Number(answer.headers.get('x-nexus-max-tokens'));
    expect(lowered).toBeGreaterThan(1024);
    expect(lowered).toBeLessThan(2000);
    expect(anthropic.calls[0]?.json).toEqual({
      ...BODY,
      max_tokens: lowered,
      thinking: { type: 'enabled', budget_tokens: 1024 },
    });
  });

  it.each<[string, object]>([
    ['the system text', { system: [{ type: 'text', text: 'Be brief.', cache_control: {} }] }],
    ['a tool', { tools: [{ name: 'f', input_schema: { type: 'object' }, cache_control: {} }] }],
    [
      'a message',
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi', cache_control: {} }] }] },
    ],
    [
      'a part of a result',
      {
        messages: [
          ...HELLO,
          { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'f', input: {} }] },
          {
            role: 'user',
            content: [
              {
                type: 'tool_result',
                tool_use_id: 't',
                content: [{ type: 'text', text: 'done', cache_control: {} }],
              },
            ],
          },
        ],
      },
    ],
    ['the whole request', { cache_control: {} }],
  ])('holds the dearest write to a cache that %s asks for', async (_name, part) => {
    await start();
    const marks = JSON.stringify(part).replace(
      '"cache_control":{}',
      '"cache_control":{"type":"ephemeral","ttl":"1h"}',
    );
    const plain = JSON.stringify(part).replace(/,?"cache_control":\{\}/, '');
    const heldFor = async (text: string): Promise<bigint> => {
      const entries = await entriesMadeBy(nexus, async () => {
        const answer = await ask({ ...BODY, ...(JSON.parse(text) as object) });
        await answer.text();
      });
      return nano(entries[0].held_usd);
    };
    const output = 100n * 30_000n;
    const inputMarked = (await heldFor(marks)) - output;
    const inputPlain = (await heldFor(plain)) - output;
    // Twice the rate for, nearly, the same tokens.
    expect(inputMarked).toBeGreaterThan((inputPlain * 19n) / 10n);
    expect(inputMarked).toBeLessThan((inputPlain * 21n) / 10n);
  });

  it('is charged the input that the provider named, where its stream breaks off', async () => {
    await start();
    const usage = { input: 5000, output: 90, cached: 3000, cacheWrite: 700, cacheWrite1h: 300 };
    anthropic.next({ text: 'one two three four five', usage, dies: 5 });
    const entries = await entriesMadeBy(nexus, async () => {
      const answer = await ask({ ...BODY, stream: true });
      const stream = await answer.text();
      expect(stream).toContain('event: error\ndata: {"type":"error","error":{"type":"api_error"');
    });
    expect(entries.map(({ kind, basis }) => [kind, basis])).toEqual([
      ['hold', null],
      ['charge', 'metered'],
    ]);
    const { input_tokens: input, output_tokens: output } = entries[1].usage;
    expect(input).toBe(5000);
    expect(output).toBeGreaterThanOrEqual(1);
    const cost = 1000n * 10_000n + 3000n * 1_000n + 700n * 12_500n + 300n * 20_000n;
    expect(nano(entries[1].settled_usd)).toBe(cost + BigInt(output) * 30_000n);
  });

  it('is charged the same where the client speaks the chat format', async () => {
    await start();
    const usage = { input: 5000, output: 90, cached: 3000, cacheWrite: 700, cacheWrite1h: 300 };
    anthropic.next({ text: 'one two three four five', usage, dies: 5 });
    const entries = await entriesMadeBy(nexus, async () => {
      const answer = await nexus.post('/v1/chat/completions', { ...BODY, stream: true });
      expect(await answer.text()).toContain('data: {"error":');
    });
    const { input_tokens: input, output_tokens: output } = entries[1].usage;
    expect(input).toBe(5000);
    const cost = 1000n * 10_000n + 3000n * 1_000n + 700n * 12_500n + 300n * 20_000n;
    expect(nano(entries[1].settled_usd)).toBe(cost + BigInt(output) * 30_000n);
  });

  it('is charged what the provider named and no more, where that alone is above the hold', async () => {
    await start();
    anthropic.next({ text: 'one two three', usage: { input: 50_000, output: 9 }, dies: 5 });
    const entries = await entriesMadeBy(nexus, async () => {
      await (await ask({ ...BODY, max_tokens: 16, stream: true })).text();
    });
    // The output at its start is one token; what was counted of ours adds nothing above the hold.
    expect(nano(entries[1].settled_usd)).toBe(50_000n * 10_000n + 30_000n);
    expect(nano(entries[0].held_usd)).toBeLessThan(nano(entries[1].settled_usd));
  });

  it('is charged the count of the gateway, where a stream named no input', async () => {
    await start();
    anthropic.next({ text: 'one two three', usage: { input: 0, output: 0 }, dies: 5 });
    const entries = await entriesMadeBy(nexus, async () => {
      await (await ask({ ...BODY, stream: true })).text();
    });
    expect(entries[1]).toMatchObject({ kind: 'charge', basis: 'metered' });
    expect(entries[1].usage.input_tokens).toBeGreaterThan(5);
  });
});

describe('counting tokens', () => {
  it('is done by the provider that serves the model, in its own words', async () => {
    await start();
    const answer = await count(BODY, { 'anthropic-version': '2026-10-21', 'anthropic-beta': 'x' });
    expect(await answer.text()).toBe('{"input_tokens":4711}');
    expect(answer.headers.get('x-nexus-backend')).toBe('anthropic');
    const asked = anthropic.requests.at(-1);
    expect(asked?.path).toBe('/v1/messages/count_tokens');
    expect(asked?.body.toString()).toBe(JSON.stringify(BODY));
    expect(asked?.headers).toMatchObject({
      'anthropic-version': '2026-10-21',
      'anthropic-beta': 'x',
      'x-api-key': 'sk-ant',
    });
    expect(anthropic.calls).toHaveLength(0);
  });

  it('is done by the gateway for models of others, with tools, system text and results', async () => {
    await start();
    const few = await countOf({ model: 'llama3', messages: HELLO });
    expect(few).toBeLessThan(15);
    const tools = [{ name: 'read_file', description: 'Reads a file.', input_schema: {} }];
    const more = await countOf({ model: 'llama3', messages: HELLO, tools, system: 'Be brief.' });
    expect(more).toBeGreaterThan(few + 5);
    expect(await countOf({ model: 'gpt-4o', messages: HELLO })).toBeLessThan(15);
  });

  it('goes on when the budget is used up, and adds nothing to the ledger', async () => {
    await start('0.001');
    anthropic.next({ usage: { input: 1000, output: 1000 } });
    await (await ask({ ...BODY, max_tokens: 16 })).text();
    await untilNothingIsHeld(nexus);
    expect((await ask()).status).toBe(503);
    const entries = await entriesMadeBy(nexus, async () => {
      expect(await countOf(BODY)).toBe(4711);
      expect(await countOf({ model: 'llama3', messages: HELLO })).toBeGreaterThan(0);
    });
    expect(entries).toEqual([]);
  });

  it.each<[string, object]>([
    ['refuses the gateway', { status: 401 }],
    ['has no such call', { status: 404 }],
    ['is asked too often', { status: 429 }],
    ['fails', { status: 500 }],
    ['answers with anything', { raw: { contentType: 'application/json', body: '{"tokens":1}' } }],
    [
      'answers with nothing that can be read',
      { raw: { contentType: 'text/html', body: '<html>' } },
    ],
    ['hangs up', { dies: 'beforeHeaders' }],
  ])('is done by the gateway where the provider %s', async (_name, behaviour) => {
    await start();
    anthropic.nextCount(behaviour);
    const tokens = await countOf(BODY);
    expect(tokens).toBeGreaterThan(1);
    expect(tokens).toBeLessThan(20);
  });

  it('is refused by the provider where the request is wrong', async () => {
    await start();
    anthropic.nextCount({ status: 400, errorMessage: 'messages.0: must alternate' });
    const answer = await count();
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      error: { type: 'invalid_request_error', message: 'messages.0: must alternate' },
    });
  });

  it('of a model that nobody serves, or of no messages, is refused in the words of the API', async () => {
    await start();
    const unknown = await count({ ...BODY, model: 'claude-unknown' });
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({
      type: 'error',
      error: { type: 'not_found_error', code: 'model_not_found' },
    });
    const empty = await count({ model: CLAUDE });
    expect(empty.status).toBe(400);
    expect(await empty.json()).toMatchObject({ error: { param: 'messages' } });
    expect((await nexus.post('/v1/messages/count_tokens', '{')).status).toBe(400);
  });
});
