/**
 * What every official client must be able to do through the gateway, whichever provider answers, and what the ledger
 * says of it. Each client comes as a small adapter, written the way its own documentation writes it.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  answerSchemaOf,
  imagesOf,
  offeredToolsOf,
  priceOf,
  startClientStage,
  toolTurnsOf,
  UPSTREAM_KEYS,
  UPSTREAM_NAMES,
  UPSTREAMS,
  type Connection,
  type Stage,
  type UpstreamName,
} from './client-stage.ts';
import { eventually } from './eventually.ts';
import type { Behaviour, ProviderServer } from './provider-server.ts';
import { entriesMadeBy, expectSettledBooks } from './settled-books.ts';
import { nano, type Json } from './test-gateway.ts';

export interface Said {
  readonly text: string;
  readonly finish: string;
  /** What the client was told; null when it was told nothing. */
  readonly usage: {
    readonly input: number;
    readonly output: number;
    readonly cached: number;
  } | null;
}

interface Call {
  readonly model: string;
  readonly prompt: string;
}

interface StreamCall extends Call {
  readonly includeUsage: boolean;
  readonly signal?: AbortSignal;
  readonly onPiece?: (text: string) => void;
}

export interface ToolCallAsked extends Call {
  readonly stream: boolean;
  readonly tool: { readonly name: string; readonly description: string; readonly schema: object };
  readonly run: (args: unknown) => string;
}

export interface ChatClient {
  /** One whole answer. */
  readonly ask: (call: Call) => Promise<Said>;
  /** One streamed answer. Rejects when the stream fails. */
  readonly stream: (call: StreamCall) => Promise<Said>;
  /** Runs the tools that the model calls until it answers with text. */
  readonly useTools: (call: ToolCallAsked) => Promise<Said>;
  /** An answer that keeps to a schema, parsed. */
  readonly askJson: (call: Call & { readonly schema: object }) => Promise<unknown>;
  readonly look: (call: Call & { readonly pngBase64: string }) => Promise<Said>;
  readonly embed: (call: { model: string; texts: readonly string[] }) => Promise<number[][]>;
  /** What the client says of a failure: the status of the answer, and the message. */
  readonly readError: (error: unknown) => {
    readonly status: number | undefined;
    readonly message: string;
  };
}

export interface ClientSuite {
  readonly name: string;
  readonly connect: (connection: Connection) => ChatClient;
  /** Requests that reach the gateway when the budget is exhausted, by the client's own rule, with nothing configured. */
  readonly triesWhenExhausted: { readonly count: number; readonly rule: string };
}

const PROMPT = 'Which is warmer today, Bern or Rome?';
const TEXT = 'Rome is warmer, by nine degrees.';
const USAGE = { input: 61, output: 13 };
/** Costs more than the whole of a small budget. */
const COSTLY = { input: 1_000, output: 2_000 };
/** One red pixel. */
const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';

const WEATHER = {
  name: 'get_weather',
  description: 'The weather of a city, now',
  schema: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
};
const TEMPERATURES: Readonly<Record<string, string>> = { Bern: '12 C', Rome: '21 C' };
const ANSWER_SCHEMA = {
  type: 'object',
  properties: { city: { type: 'string' }, celsius: { type: 'number' } },
  required: ['city', 'celsius'],
  additionalProperties: false,
};

/** The pauses between a client's own attempts, made short. Every other timer keeps its time. */
function hurryBackOff(): void {
  const real = globalThis.setTimeout;
  const hurried = (run: () => void, ms = 0, ...rest: unknown[]): NodeJS.Timeout =>
    real(run, ms >= 500 && ms <= 200_000 ? ms / 1000 : ms, ...(rest as []));
  jest.spyOn(globalThis, 'setTimeout').mockImplementation(hurried);
}

/** Origins to which anything in this process opened a request with `fetch`. */
class OriginWatch {
  readonly origins = new Set<string>();
  readonly #note = (message: unknown): void => {
    this.origins.add(String((message as { request: { origin: unknown } }).request.origin));
  };

  start(): void {
    subscribe('undici:request:create', this.#note);
  }

  stop(): void {
    unsubscribe('undici:request:create', this.#note);
  }
}

function usageOf({ usage }: Json): { readonly input: number; readonly output: number } {
  return { input: usage.input_tokens, output: usage.output_tokens };
}

export function describeClient(suite: ClientSuite): void {
  const { name, connect, triesWhenExhausted } = suite;
  const watch = new OriginWatch();
  let stage: Stage;
  let client: ChatClient;

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
    // Above all no tokenizer that a client fetches to count for itself.
    expect(strangers).toEqual([]);
  });

  /** What the work left in the ledger: kinds in order, and the money of the charges. */
  async function charged(work: () => Promise<unknown>): Promise<readonly Json[]> {
    return entriesMadeBy(stage.nexus, work);
  }

  function expectCharges(
    entries: readonly Json[],
    upstream: UpstreamName,
    usages: readonly NonNullable<Behaviour['usage']>[],
  ): void {
    const { rates } = UPSTREAMS[upstream];
    expect(entries.map(({ kind }) => kind)).toEqual(usages.flatMap(() => ['hold', 'charge']));
    const charges = entries.filter(({ kind }) => kind === 'charge');
    expect(charges.map((entry) => [entry.backend, entry.basis, nano(entry.settled_usd)])).toEqual(
      usages.map((usage) => [upstream, 'provider', priceOf(rates, usage)]),
    );
    expect(charges.map(usageOf)).toEqual(usages.map(({ input, output }) => ({ input, output })));
  }

  describe.each(UPSTREAM_NAMES)(`${name}, with %s behind the gateway`, (upstream) => {
    const { models, cachedUsage, embeddings, rates } = UPSTREAMS[upstream];
    const model = models.chat;
    const server = (): ProviderServer => stage.servers[upstream];
    const lastBody = (): Json => server().calls.at(-1)?.json;

    it('completes a normal request, charged by the provider’s usage', async () => {
      server().next({ text: TEXT, usage: USAGE });
      const entries = await charged(async () => {
        expect(await client.ask({ model, prompt: PROMPT })).toEqual({
          text: TEXT,
          finish: 'stop',
          usage: { ...USAGE, cached: 0 },
        });
      });
      expectCharges(entries, upstream, [USAGE]);
    });

    it('streams, and is told the usage that it asked for', async () => {
      server().next({ text: TEXT, usage: USAGE });
      const pieces: string[] = [];
      const entries = await charged(async () => {
        const said = await client.stream({
          model,
          prompt: PROMPT,
          includeUsage: true,
          onPiece: (piece) => pieces.push(piece),
        });
        expect(said).toEqual({ text: TEXT, finish: 'stop', usage: { ...USAGE, cached: 0 } });
      });
      expect(pieces.filter((piece) => piece !== '').length).toBeGreaterThan(3);
      expectCharges(entries, upstream, [USAGE]);
    });

    it('streams without a word about usage when it did not ask, and is charged all the same', async () => {
      server().next({ text: TEXT, usage: USAGE });
      const entries = await charged(async () => {
        const said = await client.stream({ model, prompt: PROMPT, includeUsage: false });
        expect(said).toEqual({ text: TEXT, finish: 'stop', usage: null });
      });
      const chunks = (await stage.tap.last())
        .split('\n\n')
        .flatMap((event) => (event.startsWith('data: {') ? [JSON.parse(event.slice(6))] : []));
      expect(chunks.length).toBeGreaterThan(3);
      for (const chunk of chunks) {
        expect(chunk).not.toHaveProperty('usage');
        expect(chunk.choices).toHaveLength(1);
      }
      // Asked by the gateway, where the provider wants to be asked.
      expect(lastBody().stream_options).toEqual(
        upstream === 'anthropic' ? undefined : { include_usage: true },
      );
      expectCharges(entries, upstream, [USAGE]);
    });

    it.each([false, true])(
      'runs two tools at once and gets its final answer (streamed: %s)',
      async (stream) => {
        const second = { input: 143, output: 17 };
        server().next(
          {
            toolCalls: ['Bern', 'Rome'].map((city) => ({
              name: WEATHER.name,
              arguments: { city },
            })),
            usage: USAGE,
          },
          { text: TEXT, usage: second },
        );
        const run: unknown[] = [];
        const entries = await charged(async () => {
          const said = await client.useTools({
            model,
            prompt: PROMPT,
            stream,
            tool: WEATHER,
            run: (args) => {
              run.push(args);
              return TEMPERATURES[(args as { city: string }).city] ?? 'unknown';
            },
          });
          expect(said).toMatchObject({ text: TEXT, finish: 'stop' });
        });
        expect(run).toEqual([{ city: 'Bern' }, { city: 'Rome' }]);
        const [offered, answered] = server()
          .calls.slice(-2)
          .map(({ json }) => json as Json);
        expect(offeredToolsOf(upstream, offered)).toEqual([[WEATHER.name, WEATHER.schema]]);
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

    it.each([false, true])(
      'pays cached tokens at their own price (streamed: %s)',
      async (stream) => {
        server().next({ text: TEXT, usage: cachedUsage });
        const { input, output, cached = 0 } = cachedUsage;
        const entries = await charged(async () => {
          const said = stream
            ? await client.stream({ model, prompt: PROMPT, includeUsage: true })
            : await client.ask({ model, prompt: PROMPT });
          expect(said.usage).toEqual({ input, output, cached });
        });
        expectCharges(entries, upstream, [cachedUsage]);
      },
    );

    it('gets an answer that keeps to a schema', async () => {
      const found = { city: 'Rome', celsius: 21 };
      server().next({ text: JSON.stringify(found), usage: USAGE });
      const entries = await charged(async () => {
        expect(await client.askJson({ model, prompt: PROMPT, schema: ANSWER_SCHEMA })).toEqual(
          found,
        );
      });
      expect(answerSchemaOf(upstream, lastBody())).toMatchObject(ANSWER_SCHEMA);
      expectCharges(entries, upstream, [USAGE]);
    });

    it('shows an image', async () => {
      server().next({ text: 'A red pixel.', usage: USAGE });
      const entries = await charged(async () => {
        const call = { model: models.vision, prompt: 'What is this?', pngBase64: PNG };
        expect((await client.look(call)).text).toBe('A red pixel.');
      });
      expect(imagesOf(upstream, lastBody())).toEqual([`data:image/png;base64,${PNG}`]);
      expectCharges(entries, upstream, [USAGE]);
    });

    if (embeddings !== null) {
      it('gets embeddings', async () => {
        const usage = { input: 9, output: 0 };
        server().next({ usage });
        const entries = await charged(async () => {
          const vectors = await client.embed({ model: embeddings, texts: ['Bern', 'Rome'] });
          expect(vectors).toHaveLength(2);
          expect(vectors[0]).toHaveLength(3);
          expect(vectors[0]).toContain(0.25);
        });
        expectCharges(entries, upstream, [usage]);
      });
    }

    it('leaves a stream in the middle: what passed is charged, and nothing stays held', async () => {
      server().next({ text: TEXT, usage: USAGE, pausesAfter: upstream === 'anthropic' ? 5 : 3 });
      const arrival = server().arrival();
      const leave = new AbortController();
      let text = '';
      const entries = await charged(async () => {
        const gone = client.stream({
          model,
          prompt: PROMPT,
          includeUsage: true,
          signal: leave.signal,
          onPiece: (piece) => {
            text += piece;
            if (text !== '') leave.abort();
          },
        });
        await expect(gone).rejects.toThrow(/abort/i);
        // The gateway hangs up on the provider, which would have gone on.
        expect(await (await arrival).finished).toBe(false);
      });
      expect(text.length).toBeGreaterThan(0);
      expect(entries.map(({ kind, basis }) => [kind, basis])).toEqual([
        ['hold', null],
        ['charge', 'metered'],
      ]);
      const settled = nano(entries[1].settled_usd);
      const passed = usageOf(entries[1]);
      expect(passed.output).toBeGreaterThan(0);
      expect(settled).toBe(priceOf(rates, passed));
      expect(settled).toBeGreaterThan(0n);
      expect(settled).toBeLessThan(nano(entries[0].held_usd));
    });

    it('is told a mistake of its own in the provider’s words, once, and pays nothing', async () => {
      server().next({ status: 400, errorMessage: 'temperature: is too high for this model' });
      const before = server().calls.length;
      const entries = await charged(async () => {
        const error: unknown = await client
          .ask({ model, prompt: PROMPT })
          .catch((thrown: unknown) => thrown);
        expect(client.readError(error)).toEqual({
          status: 400,
          message: expect.stringContaining('temperature: is too high for this model'),
        });
      });
      expect(server().calls.length - before).toBe(1);
      expect(entries.map(({ kind }) => kind)).toEqual(['hold', 'void']);
    });

    it('never sees the provider’s key, not even in an error that quotes it', async () => {
      const key = UPSTREAM_KEYS[upstream];
      server().next({ status: 401, errorMessage: `Incorrect API key provided: ${key}.` });
      const error: unknown = await client
        .ask({ model, prompt: PROMPT })
        .catch((thrown: unknown) => thrown);
      const { status, message } = client.readError(error);
      expect(status).toBe(401);
      expect(message).toContain('Incorrect API key provided');
      expect(message).not.toContain(key ?? 'sk-');
    });

    it('throws when the stream fails after its first words, and pays for what passed', async () => {
      const failsAfter = upstream === 'anthropic' ? 5 : 3;
      server().next({
        text: TEXT,
        usage: USAGE,
        failsAfter,
        errorMessage: 'The server is overloaded',
      });
      let text = '';
      let message = '';
      const entries = await charged(async () => {
        const error: unknown = await client
          .stream({
            model,
            prompt: PROMPT,
            includeUsage: true,
            onPiece: (piece) => {
              text += piece;
            },
          })
          .catch((thrown: unknown) => thrown);
        ({ message } = client.readError(error));
      });
      expect(TEXT.startsWith(text) && text.length > 0).toBe(true);
      // Ollama swallows its own error and just ends; then the gateway says that this was not the end.
      expect(message).toContain(
        upstream === 'ollama' ? 'broke off in the middle' : 'The server is overloaded',
      );
      expect(entries.map(({ kind, basis }) => [kind, basis])).toEqual([
        ['hold', null],
        ['charge', 'metered'],
      ]);
      expect(nano(entries[1].settled_usd)).toBe(priceOf(rates, usageOf(entries[1])));
    });
  });

  it(`sends ${triesWhenExhausted.count} to an exhausted budget: ${triesWhenExhausted.rule}`, async () => {
    const poor = await startClientStage({ limitUsd: '0.001' });
    try {
      const asked = connect(poor.connection);
      const { model, usage } = { model: UPSTREAMS.openai.models.chat, usage: COSTLY };
      poor.servers.openai.next({ usage });
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
      expect(poor.tap.count).toBe(1 + triesWhenExhausted.count);
      await eventually(async () => {
        const { requests, budget } = await poor.nexus.getJson('/v1/stats');
        expect(requests.total).toBe(1 + triesWhenExhausted.count);
        expect(budget.status).toBe('HardLimit');
      });
      expect(poor.servers.openai.calls).toHaveLength(1);
      await poor.expectKeysToStay();
      await expectSettledBooks(poor.nexus);
    } finally {
      jest.restoreAllMocks();
      await poor.stop();
    }
  });
}
