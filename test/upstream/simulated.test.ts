import { afterEach, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import type { SimulationSettings } from '../../src/core/settings.ts';
import type { CountTokens, SimulatedBackend } from '../../src/upstream/simulated/server.ts';
import { startSimulatedBackend } from '../../src/upstream/simulated/server.ts';
import { aBackend } from '../support/upstream-attempts.ts';

const MESSAGES = [{ role: 'user' as const, content: 'Hello' }];
const FAST: SimulationSettings = {
  latencyMs: 0,
  tokensPerSecond: 0,
  outputTokens: 20,
  failureRate: 0,
};
const WEATHER = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: {
        city: { type: 'string' },
        unit: { enum: ['celsius', 'fahrenheit'] },
        days: { type: 'array', items: { type: 'integer' } },
        exact: { type: 'boolean' },
        optional: { type: 'string' },
        nothing: { type: ['null', 'string'] },
        place: { anyOf: [{ type: 'object', properties: { a: { const: 7 } }, required: ['a'] }] },
        share: { type: 'number', minimum: 3 },
      },
      required: ['city', 'unit', 'days', 'exact', 'nothing', 'place', 'share'],
    },
  },
};
const started: SimulatedBackend[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map(async (backend) => backend.close()));
});

async function start(
  simulation: Partial<SimulationSettings> = {},
  countTokens?: CountTokens,
  models: readonly string[] = ['gpt-4-turbo'],
): Promise<{ client: OpenAI; url: string }> {
  const settings = { ...FAST, ...simulation };
  const backend = aBackend({ name: 'sim', type: 'simulated', models, simulation: settings });
  const server = await startSimulatedBackend(backend, countTokens);
  started.push(server);
  const url = server.url.origin;
  return { client: new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 }), url };
}

describe('a simulated backend', () => {
  it('answers a chat, the same every time, and says that it is simulated', async () => {
    const { client } = await start();
    const ask = async (content: string) =>
      client.chat.completions.create({
        model: 'gpt-4-turbo',
        messages: [{ role: 'user', content }],
      });
    const answer = await ask('Hello');
    const [choice] = answer.choices;
    expect(choice?.message.content).toMatch(/^This is a simulated answer; no model was called\. /);
    expect(choice?.finish_reason).toBe('stop');
    expect(answer.system_fingerprint).toBe('simulated');
    expect((await ask('Hello')).choices[0]?.message.content).toBe(choice?.message.content);
    expect((await ask('Bye')).choices[0]?.message.content).not.toBe(choice?.message.content);
    expect(answer.usage).toMatchObject({ completion_tokens: 20 });
  });

  it('stays within the maximum of the request', async () => {
    const { client } = await start();
    for (const maximum of [{ max_tokens: 4 }, { max_completion_tokens: 4 }]) {
      const answer = await client.chat.completions.create({
        model: 'gpt-4-turbo',
        messages: MESSAGES,
        ...maximum,
      });
      expect(answer.choices[0]).toMatchObject({ finish_reason: 'length' });
      expect(answer.choices[0]?.message.content).toBe('This is a simulated');
      expect(answer.usage?.completion_tokens).toBe(4);
    }
  });

  it('reports the input tokens that the given counter counts', async () => {
    const seen: unknown[] = [];
    const { client } = await start({}, async (body, model, route) => {
      seen.push([body['messages'], model, route]);
      return Promise.resolve(123);
    });
    const answer = await client.chat.completions.create({
      model: 'gpt-4-turbo',
      messages: MESSAGES,
    });
    expect(answer.usage).toMatchObject({ prompt_tokens: 123, total_tokens: 143 });
    expect(seen).toEqual([[MESSAGES, 'gpt-4-turbo', 'chat']]);
  });

  it('streams the same text token by token, with usage when it is asked for', async () => {
    const { client } = await start();
    const request = { model: 'gpt-4-turbo', messages: MESSAGES };
    const whole = await client.chat.completions.create(request);
    const stream = await client.chat.completions.create({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let last: OpenAI.ChatCompletionChunk | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      last = chunk;
    }
    expect(text).toBe(whole.choices[0]?.message.content);
    expect(last).toMatchObject({ choices: [], usage: whole.usage });
  });

  it('calls a tool when it must, is asked to or sees its name, with arguments by the schema', async () => {
    const { client } = await start();
    const ask = async (content: string, choice?: OpenAI.ChatCompletionToolChoiceOption) => {
      const answer = await client.chat.completions.create({
        model: 'gpt-4-turbo',
        messages: [{ role: 'user', content }],
        tools: [WEATHER],
        ...(choice ? { tool_choice: choice } : {}),
      });
      return answer.choices[0];
    };
    const forced = await ask('Hello', 'required');
    expect(forced?.finish_reason).toBe('tool_calls');
    const call = forced?.message.tool_calls?.[0];
    expect(call).toMatchObject({ type: 'function', function: { name: 'get_weather' } });
    expect(JSON.parse(call?.type === 'function' ? call.function.arguments : '')).toEqual({
      city: 'simulated',
      unit: 'celsius',
      days: [1],
      exact: true,
      nothing: null,
      place: { a: 7 },
      share: 3,
    });
    const named = { type: 'function' as const, function: { name: 'get_weather' } };
    expect(await ask('Hello', named)).toMatchObject({ finish_reason: 'tool_calls' });
    expect(await ask('Please use a tool')).toMatchObject({ finish_reason: 'tool_calls' });
    expect(await ask('call get_weather')).toMatchObject({ finish_reason: 'tool_calls' });
    expect(await ask('Hello')).toMatchObject({ finish_reason: 'stop' });
    expect(await ask('Please use a tool', 'none')).toMatchObject({ finish_reason: 'stop' });
  });

  it('answers in words once the tool has answered', async () => {
    const { client } = await start();
    const answer = await client.chat.completions.create({
      model: 'gpt-4-turbo',
      messages: [...MESSAGES, { role: 'tool', tool_call_id: 'x', content: 'use the tool' }],
      tools: [WEATHER],
    });
    expect(answer.choices[0]).toMatchObject({ finish_reason: 'stop' });
  });

  it('streams a tool call that the SDK can put together', async () => {
    const { client } = await start();
    const stream = client.chat.completions.stream({
      model: 'gpt-4-turbo',
      messages: MESSAGES,
      tools: [WEATHER],
      tool_choice: 'required',
    });
    const { choices } = await stream.finalChatCompletion();
    expect(choices[0]?.message.tool_calls?.[0]).toMatchObject({
      function: { name: 'get_weather' },
    });
  });

  it('reads a prompt in parts', async () => {
    const { client } = await start();
    const content = [{ type: 'text' as const, text: 'please call a function' }];
    const answer = await client.chat.completions.create({
      model: 'gpt-4-turbo',
      messages: [{ role: 'user', content }],
      tools: [WEATHER],
    });
    expect(answer.choices[0]?.finish_reason).toBe('tool_calls');
  });

  it('waits for a slow reader and loses nothing', async () => {
    const { url } = await start({ outputTokens: 20_000 });
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'gpt-4-turbo', messages: MESSAGES, stream: true }),
    });
    const stream = await response.text();
    expect(stream.split('\n\n')).toHaveLength(20_000 + 4);
  });

  it('answers in JSON when it is asked to', async () => {
    const { client } = await start();
    const ask = async (format: OpenAI.ChatCompletionCreateParams['response_format']) => {
      const answer = await client.chat.completions.create({
        model: 'gpt-4-turbo',
        messages: MESSAGES,
        ...(format ? { response_format: format } : {}),
      });
      return JSON.parse(answer.choices[0]?.message.content ?? '') as unknown;
    };
    expect(await ask({ type: 'json_object' })).toMatchObject({ simulated: true });
    const schema = { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] };
    expect(await ask({ type: 'json_schema', json_schema: { name: 'x', schema } })).toEqual({
      ok: true,
    });
  });

  it('gives as many answers as are asked for and bills them all', async () => {
    const { client } = await start();
    const answer = await client.chat.completions.create({
      model: 'gpt-4-turbo',
      messages: MESSAGES,
      n: 3,
    });
    expect(answer.choices).toHaveLength(3);
    expect(answer.usage?.completion_tokens).toBe(60);
  });

  it('serves legacy completions, whole and streamed', async () => {
    const { client } = await start();
    const request = { model: 'gpt-4-turbo', prompt: 'Once' };
    const whole = await client.completions.create(request);
    let text = '';
    for await (const chunk of await client.completions.create({ ...request, stream: true })) {
      text += chunk.choices[0]?.text ?? '';
    }
    expect(text).toBe(whole.choices[0]?.text);
    expect(text).toContain('simulated');
  });

  it('serves embeddings of length 1, the same in both encodings', async () => {
    const { client } = await start();
    const embed = async (
      format: 'float' | 'base64' | undefined,
      input: string | string[] | number[],
    ) =>
      client.embeddings.create({
        model: 'gpt-4-turbo',
        input,
        ...(format ? { encoding_format: format } : {}),
      });
    const [decoded, plain] = await Promise.all([embed(undefined, 'x'), embed('float', 'x')]);
    expect(decoded.data[0]?.embedding).toHaveLength(256);
    expect(decoded.data[0]?.embedding[3]).toBeCloseTo(plain.data[0]?.embedding[3] ?? 0, 6);
    expect(Math.hypot(...(plain.data[0]?.embedding ?? []))).toBeCloseTo(1, 5);
    expect((await embed('float', ['a', 'b'])).data).toHaveLength(2);
    expect((await embed('float', [1, 2, 3])).data).toHaveLength(1);
    const small = await client.embeddings.create({
      model: 'gpt-4-turbo',
      input: 'x',
      dimensions: 8,
      encoding_format: 'float',
    });
    expect(small.data[0]?.embedding).toHaveLength(8);
    expect(plain.usage).toEqual({ prompt_tokens: 1, total_tokens: 1 });
  });

  it('lists its models, or one of its own when none is named', async () => {
    const { client } = await start({}, undefined, ['a', 'b']);
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual(['a', 'b']);
    const unnamed = await start({}, undefined, []);
    expect((await unnamed.client.models.list()).data.map(({ id }) => id)).toEqual([
      'simulated-model',
    ]);
  });

  it('fails exactly as often as it should, by counting', async () => {
    const { client } = await start({ failureRate: 0.25 });
    const statuses: number[] = [];
    for (let call = 0; call < 8; call += 1) {
      const outcome = client.chat.completions.create({ model: 'gpt-4-turbo', messages: MESSAGES });
      statuses.push(
        await outcome.then(
          () => 200,
          (error: { status: number }) => error.status,
        ),
      );
    }
    expect(statuses).toEqual([200, 200, 200, 500, 200, 200, 200, 500]);
  });

  it('refuses what it does not serve and what it can not read', async () => {
    const { client, url } = await start();
    await expect(
      client.chat.completions.create({ model: 'other', messages: MESSAGES }),
    ).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
    expect((await fetch(`${url}/v1/nothing`)).status).toBe(404);
    expect(
      (await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: '[1]' })).status,
    ).toBe(400);
  });

  it('takes its time to the first byte and between tokens', async () => {
    const { client } = await start({ latencyMs: 40, tokensPerSecond: 200, outputTokens: 10 });
    const startedMs = performance.now();
    const stream = await client.chat.completions.create({
      model: 'gpt-4-turbo',
      messages: MESSAGES,
      stream: true,
    });
    const firstMs = performance.now() - startedMs;
    const chunks: unknown[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    const allMs = performance.now() - startedMs;
    expect(firstMs).toBeGreaterThanOrEqual(39);
    expect(chunks).toHaveLength(12);
    // 12 chunks and an end marker at 200 a second, after the first byte. Measured from the start: on a busy machine the
    // headers are seen late, and part of the stream has come by then.
    expect(allMs).toBeGreaterThanOrEqual(39 + 50);
  });

  it('stops when its reader leaves', async () => {
    const { client } = await start({ tokensPerSecond: 100, outputTokens: 100_000 });
    const stream = await client.chat.completions.create({
      model: 'gpt-4-turbo',
      messages: MESSAGES,
      stream: true,
    });
    for await (const chunk of stream) {
      expect(chunk.choices).toHaveLength(1);
      break;
    }
    await expect(started.pop()?.close()).resolves.toBeUndefined();
  });
});
