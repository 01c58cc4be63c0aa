/** What every client must get through the gateway, whichever provider answers, and what it is charged for it. */
import { expect, it } from '@jest/globals';
import { expectCharges, PROMPT, TEXT, USAGE, type Meeting } from './client-charges.ts';
import { UPSTREAMS } from './client-stage.ts';
import type { ProviderServer } from './provider-server.ts';
import { entriesMadeBy } from './settled-books.ts';
import type { Json } from './test-gateway.ts';
import { answerSchemaOf, imagesOf, offeredToolsOf, toolTurnsOf } from './wire-readers.ts';

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

export function describeAnswers({ upstream, canOmitUsage = true, stage, client }: Meeting): void {
  const { models, cachedUsage, embeddings } = UPSTREAMS[upstream];
  const model = models.chat;
  const server = (): ProviderServer => stage().servers[upstream];
  const lastBody = (): Json => server().calls.at(-1)?.json;

  it('completes a normal request, charged by the provider’s usage', async () => {
    server().next({ text: TEXT, usage: USAGE });
    const entries = await entriesMadeBy(stage().nexus, async () => {
      expect(await client().ask({ model, prompt: PROMPT })).toEqual({
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
    const entries = await entriesMadeBy(stage().nexus, async () => {
      const said = await client().stream({
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

  if (canOmitUsage) {
    it('streams without a word about usage when it did not ask, and is charged all the same', async () => {
      server().next({ text: TEXT, usage: USAGE });
      const entries = await entriesMadeBy(stage().nexus, async () => {
        const said = await client().stream({ model, prompt: PROMPT, includeUsage: false });
        expect(said).toEqual({ text: TEXT, finish: 'stop', usage: null });
      });
      const chunks = (await stage().tap.last())
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
  }

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

  it.each([false, true])('pays cached tokens at their own price (streamed: %s)', async (stream) => {
    server().next({ text: TEXT, usage: cachedUsage });
    const { input, output, cached = 0 } = cachedUsage;
    const entries = await entriesMadeBy(stage().nexus, async () => {
      const said = stream
        ? await client().stream({ model, prompt: PROMPT, includeUsage: true })
        : await client().ask({ model, prompt: PROMPT });
      expect(said.usage).toEqual({ input, output, cached });
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

  if (embeddings !== null) {
    it('gets embeddings', async () => {
      const usage = { input: 9, output: 0 };
      server().next({ usage });
      const entries = await entriesMadeBy(stage().nexus, async () => {
        const vectors = await client().embed({ model: embeddings, texts: ['Bern', 'Rome'] });
        expect(vectors).toHaveLength(2);
        expect(vectors[0]).toHaveLength(3);
        expect(vectors[0]).toContain(0.25);
      });
      expectCharges(entries, upstream, [usage]);
    });
  }
}
