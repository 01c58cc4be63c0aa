/** What every client of the Messages API must be able to do through the gateway, and what the ledger says of it. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { ChatClient, Said } from './chat-client.ts';
import { expectCharges, PROMPT, TEXT, usageOf, USAGE, type Meeting } from './client-charges.ts';
import { describeFailures } from './client-failures.ts';
import {
  priceOf,
  startClientStage,
  UPSTREAM_NAMES,
  UPSTREAMS,
  type Connection,
  type Stage,
} from './client-stage.ts';
import { eventually } from './eventually.ts';
import { hurryBackOff } from './hurry-back-off.ts';
import { OriginWatch } from './origin-watch.ts';
import type { ProviderServer } from './provider-server.ts';
import { entriesMadeBy, expectSettledBooks } from './settled-books.ts';
import { nano, type Json } from './test-gateway.ts';
import { answerSchemaOf, imagesOf, offeredToolsOf, toolTurnsOf } from './wire-readers.ts';

/** The API has no embeddings. */
export type MessagesClient = Omit<ChatClient, 'embed'>;

export interface MessagesSuite {
  readonly name: string;
  /** `baseURL` of the connection is that of the gateway with `/v1`. */
  readonly connect: (connection: Connection) => MessagesClient;
  /** How the client calls the end of an answer. */
  readonly finish: string;
  /** What it makes of the usage of a stream, where it does not read it right. */
  readonly misreadsUsage?: (usage: Said['usage']) => unknown;
  /** What it sends of an answer of 503, 402 or 429 with `x-should-retry: false`, by its own rule, with nothing configured. */
  readonly triesByStatus: Readonly<Record<503 | 402 | 429, number>>;
  readonly rule: string;
}

/** One red pixel. */
const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const WEATHER = {
  name: 'get_temperature',
  description: 'The temperature in a city now, in degrees Celsius',
  schema: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
};
const ANSWER_SCHEMA = {
  type: 'object',
  properties: { city: { type: 'string' }, celsius: { type: 'number' } },
  required: ['city', 'celsius'],
  additionalProperties: false,
};
const TEMPERATURES: Readonly<Record<string, string>> = { Bern: '12 °C', Rome: '21 °C' };

function describeAnswers(
  { upstream, stage, client }: Meeting<MessagesClient>,
  { finish, misreadsUsage }: MessagesSuite,
): void {
  const { models, cachedUsage } = UPSTREAMS[upstream];
  const model = models.chat;
  const server = (): ProviderServer => stage().servers[upstream];
  const ofStream = misreadsUsage ?? ((usage: Said['usage']) => usage);
  const lastBody = (): Json => server().calls.at(-1)?.json;

  it('gets a whole answer', async () => {
    server().next({ text: TEXT, usage: USAGE });
    const entries = await entriesMadeBy(stage().nexus, async () => {
      const said = await client().ask({ model, prompt: PROMPT });
      expect(said).toEqual({ text: TEXT, finish, usage: { ...USAGE, cached: 0 } });
    });
    expectCharges(entries, upstream, [USAGE]);
  });

  it('gets a stream, word by word, with its usage', async () => {
    server().next({ text: TEXT, usage: USAGE });
    const pieces: string[] = [];
    const entries = await entriesMadeBy(stage().nexus, async () => {
      const said = await client().stream({
        model,
        prompt: PROMPT,
        includeUsage: true,
        onPiece: (piece) => pieces.push(piece),
      });
      expect(said).toEqual({ text: TEXT, finish, usage: ofStream({ ...USAGE, cached: 0 }) });
    });
    expect(pieces.filter((piece) => piece !== '').length).toBeGreaterThan(3);
    expectCharges(entries, upstream, [USAGE]);
  });

  it.each([false, true])(
    'runs two tools at once and gets its final answer (streamed: %s)',
    async (stream) => {
      const second = { input: 143, output: 17 };
      server().next(
        {
          text: 'I will look it up.',
          toolCalls: ['Bern', 'Rome'].map((city) => ({ name: WEATHER.name, arguments: { city } })),
          usage: USAGE,
        },
        { text: TEXT, usage: second },
      );
      const run: unknown[] = [];
      const entries = await entriesMadeBy(stage().nexus, async () => {
        const said = await client().useTools({
          model,
          prompt: PROMPT,
          stream,
          tool: WEATHER,
          run: (args) => {
            run.push(args);
            return TEMPERATURES[(args as { city: string }).city] ?? 'unknown';
          },
        });
        expect(said).toMatchObject({ text: expect.stringContaining(TEXT), finish });
      });
      expect(run).toEqual([{ city: 'Bern' }, { city: 'Rome' }]);
      const [offered, answered] = server()
        .calls.slice(-2)
        .map(({ json }) => json as Json);
      const [[name, schema] = []] = offeredToolsOf(upstream, offered);
      expect(name).toBe(WEATHER.name);
      expect(schema).toMatchObject(WEATHER.schema);
      expect(toolTurnsOf(upstream, answered)).toEqual(
        ['Bern', 'Rome'].map((city) => ({
          name: WEATHER.name,
          arguments: { city },
          result: TEMPERATURES[city],
        })),
      );
      expectCharges(entries, upstream, [USAGE, second]);
    },
  );

  it.each([false, true])('pays cached tokens at their own price (streamed: %s)', async (stream) => {
    server().next({ text: TEXT, usage: cachedUsage });
    const { input, output, cached = 0 } = cachedUsage;
    const entries = await entriesMadeBy(stage().nexus, async () => {
      const said = stream
        ? await client().stream({ model, prompt: PROMPT, includeUsage: true })
        : await client().ask({ model, prompt: PROMPT });
      const usage = { input, output, cached };
      expect(said.usage).toEqual(stream ? ofStream(usage) : usage);
    });
    expectCharges(entries, upstream, [cachedUsage]);
  });

  it('gets an answer that keeps to a schema', async () => {
    const found = { city: 'Rome', celsius: 21 };
    server().next({ text: JSON.stringify(found), usage: USAGE });
    const entries = await entriesMadeBy(stage().nexus, async () => {
      expect(await client().askJson({ model, prompt: PROMPT, schema: ANSWER_SCHEMA })).toEqual(
        found,
      );
    });
    expect(answerSchemaOf(upstream, lastBody())).toMatchObject(ANSWER_SCHEMA);
    expectCharges(entries, upstream, [USAGE]);
  });

  it('shows an image', async () => {
    server().next({ text: 'A red pixel.', usage: USAGE });
    const entries = await entriesMadeBy(stage().nexus, async () => {
      const call = { model: models.vision, prompt: 'What is this?', pngBase64: PNG };
      expect((await client().look(call)).text).toBe('A red pixel.');
    });
    expect(imagesOf(upstream, lastBody())).toEqual([`data:image/png;base64,${PNG}`]);
    expectCharges(entries, upstream, [USAGE]);
  });
}

/** A server that refuses for lack of money with one status: the requests that a client sent it, and what it then said. */
async function refusedWith(
  status: number,
  connect: MessagesSuite['connect'],
): Promise<{ tries: number; status: number | undefined }> {
  let tries = 0;
  const error = { type: 'billing_error', message: 'the monthly budget is used up' };
  const server = createServer((request, response) => {
    request.resume();
    tries += 1;
    response.writeHead(status, { 'content-type': 'application/json', 'x-should-retry': 'false' });
    response.end(JSON.stringify({ type: 'error', error }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: 'any', fetch });
  hurryBackOff();
  const thrown: unknown = await client
    .ask({ model: 'claude-sonnet-4-5', prompt: PROMPT })
    .catch((refusal: unknown) => refusal);
  jest.restoreAllMocks();
  server.close();
  server.closeAllConnections();
  return { tries, status: client.readError(thrown).status };
}

function describeExhausted({ connect, triesByStatus, rule }: MessagesSuite): void {
  it(`sends ${triesByStatus[503]} to an exhausted budget: ${rule}`, async () => {
    const poor = await startClientStage({ limitUsd: '0.05' });
    const { chat: model } = UPSTREAMS.anthropic.models;
    try {
      const asked = connect(poor.connection);
      poor.servers.anthropic.next({ usage: { input: 1_000, output: 20_000 } });
      await asked.ask({ model, prompt: PROMPT });
      hurryBackOff();
      const error: unknown = await asked
        .ask({ model, prompt: PROMPT })
        .catch((thrown: unknown) => thrown);
      jest.restoreAllMocks();
      expect(asked.readError(error)).toEqual({
        status: 503,
        message: expect.stringContaining('the hard limit of the monthly budget is reached'),
      });
      expect(poor.tap.count).toBe(1 + triesByStatus[503]);
      const body: Json = JSON.parse(await poor.tap.last());
      expect(body).toMatchObject({
        type: 'error',
        error: { type: 'billing_error', code: 'budget_exhausted' },
        request_id: expect.stringMatching(/^req_/),
      });
      await eventually(async () => {
        const { budget } = await poor.nexus.getJson('/v1/stats');
        expect(budget.status).toBe('HardLimit');
      });
      expect(poor.servers.anthropic.calls).toHaveLength(1);
      await poor.expectKeysToStay();
      await expectSettledBooks(poor.nexus);
    } finally {
      jest.restoreAllMocks();
      await poor.stop();
    }
  });

  it.each([503, 402, 429] as const)(
    'tries a refusal with %i as often as its own rule says',
    async (status) => {
      const tries = triesByStatus[status];
      expect(await refusedWith(status, connect)).toEqual({ tries, status });
    },
  );
}

export function describeMessagesClient(suite: MessagesSuite): void {
  const { name, connect } = suite;
  const watch = new OriginWatch();
  let stage: Stage;
  let client: MessagesClient;

  beforeAll(async () => {
    watch.start();
    stage = await startClientStage();
    client = connect(stage.connection);
  });
  afterEach(async () => {
    await stage.expectKeysToStay();
  });
  afterAll(async () => {
    await expectSettledBooks(stage.nexus);
    await stage.stop();
    watch.stop();
    const strangers = [...watch.origins].filter(
      (origin) => !/^http:\/\/127\.0\.0\.1:\d+$/.test(origin),
    );
    expect(strangers).toEqual([]);
  });

  describe.each(UPSTREAM_NAMES)(`${name}, with %s behind the gateway`, (upstream) => {
    const meeting = {
      upstream,
      api: 'messages' as const,
      canOmitUsage: false,
      stage: () => stage,
      client: () => client,
    };
    describeAnswers(meeting, suite);
    describeFailures(meeting);
  });

  it('leaves a stream in the middle and pays the input that the provider named, cached as it was', async () => {
    const { cachedUsage, rates, models } = UPSTREAMS.anthropic;
    const leave = new AbortController();
    stage.servers.anthropic.next({ text: TEXT, usage: cachedUsage, pausesAfter: 5 });
    const entries = await entriesMadeBy(stage.nexus, async () => {
      const gone = client.stream({
        model: models.chat,
        prompt: PROMPT,
        includeUsage: true,
        signal: leave.signal,
        onPiece: (piece) => {
          if (piece !== '') leave.abort();
        },
      });
      await expect(gone).rejects.toThrow(/abort/i);
    });
    expect(entries.map(({ kind, basis }) => [kind, basis])).toEqual([
      ['hold', null],
      ['charge', 'metered'],
    ]);
    const passed = usageOf(entries[1]);
    expect(passed.input).toBe(cachedUsage.input);
    expect(passed.output).toBeGreaterThan(0);
    expect(passed.output).toBeLessThan(cachedUsage.output);
    expect(nano(entries[1].settled_usd)).toBe(
      priceOf(rates, { ...cachedUsage, output: passed.output }),
    );
  });

  describeExhausted(suite);
}
