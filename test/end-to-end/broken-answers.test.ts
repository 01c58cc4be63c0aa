/** Answers that break off after they have begun: the client is told, and what passed, or may have been made, is charged. */
import { afterEach, describe, expect, it } from '@jest/globals';
import OpenAI, { APIError } from 'openai';
import { costNano } from '../support/cloud-toml.ts';
import { eventually } from '../support/eventually.ts';
import { usageDocument, type HandCall, type HandProvider } from '../support/hand-provider.ts';
import {
  CHARGE,
  holdOf,
  MODEL,
  Providers,
  startRanked,
  story,
  USAGE,
  type RankedGateway,
} from '../support/ranked-gateway.ts';
import { entriesMadeBy, expectSettledBooks } from '../support/settled-books.ts';
import { nano } from '../support/test-gateway.ts';

let nexus: RankedGateway;
const providers = new Providers();

afterEach(async () => {
  await expectSettledBooks(nexus);
  await nexus.stop();
  await providers.close();
});

/** Drives the official client over a stream that a test plays, and returns what it read before it threw. */
async function streamed(
  provider: HandProvider,
  play: (call: HandCall) => Promise<void> | void,
): Promise<{ text: string; error: unknown }> {
  const client = new OpenAI({ baseURL: `${nexus.url}/v1`, apiKey: 'unused', maxRetries: 0 });
  const played = provider.call().then(play);
  let text = '';
  try {
    const stream = await client.chat.completions.create({
      model: MODEL,
      messages: [{ role: 'user', content: 'Hello' }],
      max_tokens: 20,
      stream: true,
    });
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    await played;
    return { text, error: null };
  } catch (error) {
    await played;
    return { text, error };
  }
}

/** Reads a whole stream; `then` happens once this text was seen. */
async function readUntil({ body }: Response, text: string, then: () => void): Promise<string> {
  let seen = '';
  for await (const chunk of body ?? []) {
    const before = seen;
    seen += Buffer.from(chunk as Uint8Array).toString();
    if (!before.includes(text) && seen.includes(text)) then();
  }
  return seen;
}

async function untilFirstByte(): Promise<void> {
  await eventually(async () =>
    expect(await nexus.metric('nexus_attempts_total{backend="a",outcome="ok"}')).toBe(1),
  );
}

describe('a stream that goes wrong after its first byte', () => {
  it('dies: the official client throws, what passed is charged, and nobody else is asked', async () => {
    const [first, second] = await providers.hands();
    nexus = await startRanked([first, second]);
    const { input, hold } = await nexus.counted();
    const entries = await entriesMadeBy(nexus, async () => {
      const { text, error } = await streamed(first, async (call) => {
        call.say('one', ' two', ' three');
        await untilFirstByte();
        call.reset();
      });
      expect(text).toBe('one two three');
      expect(error).toBeInstanceOf(APIError);
      expect(error).toMatchObject({ code: 'backend_error' });
    });
    expect(story(entries)).toEqual(['a hold', 'a charge']);
    expect(entries[1].basis).toBe('metered');
    expect(nano(entries[1].settled_usd)).toBe(costNano(input, 3));
    expect(nano(entries[1].settled_usd)).toBeLessThan(hold);
    expect(second.calls).toHaveLength(0);
  });

  it('pauses for longer than the request timeout: the same', async () => {
    const [first] = await providers.hands();
    nexus = await startRanked([first], { timeoutSeconds: 0.2 });
    const { input } = await nexus.counted();
    const entries = await entriesMadeBy(nexus, async () => {
      const { text, error } = await streamed(first, async (call) => {
        call.say('one', ' two');
        expect(await call.hungUp).toBe(true);
      });
      expect(text).toBe('one two');
      expect(error).toBeInstanceOf(APIError);
    });
    expect(nano(entries[1].settled_usd)).toBe(costNano(input, 2));
  });

  it('sends headers and then nothing for longer than the request timeout: failed over, in suspense', async () => {
    const [first, second] = await providers.hands();
    nexus = await startRanked([first, second], { timeoutSeconds: 0.2 });
    const entries = await entriesMadeBy(nexus, async () => {
      const answer = nexus.ask({ stream: true });
      (await first.call()).head();
      (await second.call()).say('Hi').finish().usage(USAGE).done().end();
      expect((await answer).headers.get('x-nexus-backend')).toBe('b');
      await (await answer).text();
    });
    expect(story(entries)).toEqual(['a hold', 'a suspend', 'b hold', 'b charge']);
  });

  it('dies in the middle of its first event: failed over, in suspense', async () => {
    const [first, second] = await providers.hands();
    nexus = await startRanked([first, second]);
    const entries = await entriesMadeBy(nexus, async () => {
      const answer = nexus.ask({ stream: true });
      const call = (await first.call()).raw('data: {"id":"lost","choices');
      await untilFirstByte();
      call.reset();
      (await second.call()).say('Hi').finish().usage(USAGE).done().end();
      expect((await answer).headers.get('x-nexus-backend')).toBe('b');
      expect(await (await answer).text()).not.toContain('lost');
    });
    expect(story(entries)).toEqual(['a hold', 'a suspend', 'b hold', 'b charge']);
  });

  it('ends without [DONE]: the client is told, and the usage that came is charged', async () => {
    const [first] = await providers.hands();
    nexus = await startRanked([first]);
    const entries = await entriesMadeBy(nexus, async () => {
      const { text, error } = await streamed(first, (call) => {
        call.say('one', ' two').finish().usage(USAGE).end();
      });
      expect(text).toBe('one two');
      expect(error).toBeInstanceOf(APIError);
    });
    expect(entries[1].basis).toBe('provider');
    expect(nano(entries[1].settled_usd)).toBe(CHARGE);
  });

  it('says an error of its own in the stream: the client gets it, what passed is charged', async () => {
    const [first] = await providers.hands();
    nexus = await startRanked([first]);
    const { input } = await nexus.counted();
    const entries = await entriesMadeBy(nexus, async () => {
      const { text, error } = await streamed(first, (call) => {
        call.say('one').raw('data: {"error":{"message":"out of memory","code":"oom"}}\n\n').end();
      });
      expect(text).toBe('one');
      expect(error).toMatchObject({ code: 'oom' });
    });
    expect(nano(entries[1].settled_usd)).toBe(costNano(input, 1));
  });

  it('dies between the usage and [DONE]: the usage is charged', async () => {
    const [first] = await providers.hands();
    nexus = await startRanked([first]);
    const entries = await entriesMadeBy(nexus, async () => {
      const answer = nexus.ask({ stream: true });
      const call = await first.call();
      call.say('one').finish().usage(USAGE);
      await readUntil(await answer, '"stop"', () => call.reset());
    });
    expect(story(entries)).toEqual(['a hold', 'a charge']);
    expect(nano(entries[1].settled_usd)).toBe(CHARGE);
  });

  it('dies after [DONE]: nothing is wrong with it', async () => {
    const [first] = await providers.hands();
    nexus = await startRanked([first]);
    const entries = await entriesMadeBy(nexus, async () => {
      const answer = nexus.ask({ stream: true });
      const call = await first.call();
      call.say('one').finish().usage(USAGE).done();
      const seen = await readUntil(await answer, '[DONE]', () => call.reset());
      expect(seen).not.toContain('error');
    });
    expect(entries[1]).toMatchObject({ kind: 'charge', basis: 'provider', note: null });
  });
});

describe('a JSON answer that is cut in the middle', () => {
  const HALF = '{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"mess';

  it('was billed whole by whoever made it: in suspense, and the next one serves', async () => {
    const [first, second] = await providers.hands();
    nexus = await startRanked([first, second]);
    const entries = await entriesMadeBy(nexus, async () => {
      const answer = nexus.ask();
      (await (await first.call()).cutJson(HALF, 500)).reset();
      (await second.call()).json('Hi', usageDocument(USAGE));
      expect((await answer).status).toBe(200);
      expect(await (await answer).json()).toMatchObject({ usage: { prompt_tokens: 12 } });
    });
    expect(story(entries)).toEqual(['a hold', 'a suspend', 'b hold', 'b charge']);
    expect(nano(entries[1].suspense_usd)).toBe(holdOf(entries, 'a'));
  });

  it('is a 502 when nobody else is there', async () => {
    const [first] = await providers.hands();
    nexus = await startRanked([first]);
    const entries = await entriesMadeBy(nexus, async () => {
      const answer = nexus.ask();
      (await (await first.call()).cutJson(HALF, 500)).reset();
      expect((await answer).status).toBe(502);
      expect(await (await answer).json()).toMatchObject({ error: { code: 'backend_error' } });
    });
    expect(story(entries)).toEqual(['a hold', 'a suspend']);
  });
});
