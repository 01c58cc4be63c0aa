/** What every client must be told when something goes wrong, whichever provider it was, and what it is charged then. */
import { expect, it } from '@jest/globals';
import type { ChatClient } from './chat-client.ts';
import {
  eventsOfFirstWords,
  PROMPT,
  TEXT,
  usageOf,
  USAGE,
  type Meeting,
} from './client-charges.ts';
import { priceOf, UPSTREAM_KEYS, UPSTREAMS } from './client-stage.ts';
import type { ProviderServer } from './provider-server.ts';
import { entriesMadeBy } from './settled-books.ts';
import { nano } from './test-gateway.ts';

type Client = Pick<ChatClient, 'ask' | 'stream' | 'readError'>;

export function describeFailures(meeting: Meeting<Client>): void {
  const { upstream, stage, client } = meeting;
  const { models, rates } = UPSTREAMS[upstream];
  const model = models.chat;
  const server = (): ProviderServer => stage().servers[upstream];

  it('leaves a stream in the middle: what passed is charged, and nothing stays held', async () => {
    server().next({ text: TEXT, usage: USAGE, pausesAfter: eventsOfFirstWords(meeting) });
    const arrival = server().arrival();
    const leave = new AbortController();
    let text = '';
    const entries = await entriesMadeBy(stage().nexus, async () => {
      const gone = client().stream({
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
    const entries = await entriesMadeBy(stage().nexus, async () => {
      const error: unknown = await client()
        .ask({ model, prompt: PROMPT })
        .catch((thrown: unknown) => thrown);
      expect(client().readError(error)).toEqual({
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
    const error: unknown = await client()
      .ask({ model, prompt: PROMPT })
      .catch((thrown: unknown) => thrown);
    const { status, message } = client().readError(error);
    expect(status).toBe(401);
    expect(message).toContain('Incorrect API key provided');
    expect(message).not.toContain(key ?? 'sk-');
  });

  it('throws when the stream fails after its first words, and pays for what passed', async () => {
    const failsAfter = eventsOfFirstWords(meeting);
    server().next({
      text: TEXT,
      usage: USAGE,
      failsAfter,
      errorMessage: 'The server is overloaded',
    });
    let text = '';
    let message = '';
    const entries = await entriesMadeBy(stage().nexus, async () => {
      const error: unknown = await client()
        .stream({
          model,
          prompt: PROMPT,
          includeUsage: true,
          onPiece: (piece) => {
            text += piece;
          },
        })
        .catch((thrown: unknown) => thrown);
      ({ message } = client().readError(error));
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
}
