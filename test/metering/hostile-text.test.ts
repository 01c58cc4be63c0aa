import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { countInPieces } from '../../src/metering/count-in-pieces.ts';
import { loadEncoding, type CountTokens } from '../../src/metering/encodings.ts';
import { createTokenCounter, type WarmTokenCounter } from '../../src/metering/token-counter.ts';
import { eventually } from '../support/eventually.ts';
import { recordingLog } from '../support/recording-log.ts';

/** A small generator with a fixed start, so that every run counts the same texts. */
function mixer(seed: number): (from: readonly string[], chars: number) => string {
  let state = seed;
  return (from, chars) => {
    let text = '';
    while (text.length < chars) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      text += from[(state >>> 8) % from.length] ?? '';
    }
    return text;
  };
}

const mix = mixer(7);
const LETTERS = 'abcdefghijklmnopqrstuvwxyz'.split('');
const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.split('');
const CHINESE = Array.from({ length: 3000 }, (_, at) => String.fromCodePoint(0x4e00 + 5 * at));
const SIGNS = '!@#$%^&*()_+=~`{}[]|:;<>?,./\n'.split('');
const EMOJI = Array.from({ length: 700 }, (_, at) => String.fromCodePoint(0x1f300 + at));

/** Each of these takes seconds to minutes when it is encoded in one piece. */
const HOSTILE: readonly (readonly [string, string])[] = [
  ['one letter', 'a'.repeat(100_000)],
  ['letters', mix(LETTERS, 100_000)],
  ['spaces', ' '.repeat(100_000)],
  ['line breaks', '\n'.repeat(100_000)],
  ['slashes and line breaks', '/\n'.repeat(50_000)],
  ['signs', mix(SIGNS, 100_000)],
  ['unpunctuated Chinese', mix(CHINESE, 100_000)],
  ['base64', mix(BASE64, 100_000)],
  ['emoji', mix(EMOJI, 100_000)],
  ['letters with marks', 'e\u0301'.repeat(50_000)],
  ['words just below the cut', `${mix(LETTERS, 127)} `.repeat(780)],
  ['digits', mix('0123456789'.split(''), 100_000)],
  ['halves of surrogate pairs', '\ud83e'.repeat(50_000)],
];

const encodings: { name: string; count: CountTokens; longestPiece: number }[] = [];

beforeAll(async () => {
  for (const name of ['cl100k_base', 'o200k_base'] as const) {
    const count = await loadEncoding(name);
    encodings.push({ name, count, longestPiece: 0 });
  }
});

/** Runs of letters or of signs: what one step of the tokenizer's own split can take. */
const RUN = /[\p{L}\p{M}]+|[^\p{L}\p{N}]+/gu;

describe('long runs', () => {
  it.each(HOSTILE)('of %s are cut before they are encoded', (_what, text) => {
    let longest = 0;
    let joined = '';
    const { countedChars } = countInPieces((piece) => {
      joined += piece;
      for (const [run] of piece.matchAll(RUN)) longest = Math.max(longest, run.length);
      return 1;
    }, text);
    expect(countedChars).toBe(text.length);
    expect(joined).toBe(text);
    // A run may go on over a cut that another one made, so two of them can touch.
    expect(longest).toBeLessThanOrEqual(2 * 128 + 1);
  });

  it.each(HOSTILE.map(([what, text]) => [what, text.slice(0, 4096)] as const))(
    'of %s keep their count within one percent',
    (_what, text) => {
      for (const { count } of encodings) {
        const whole = count(text);
        expect(Math.abs(countInPieces(count, text).tokens - whole)).toBeLessThanOrEqual(
          Math.ceil(whole / 100),
        );
      }
    },
  );

  it('never split a character in two', () => {
    const fox = '🦊'.repeat(20_000);
    countInPieces((piece) => {
      expect(piece.isWellFormed()).toBe(true);
      return 1;
    }, `x${fox}`);
  });

  it('are cut wherever they begin, whatever stands around them', () => {
    for (const unit of ['x', ' ', '-', 'é', '中', '😀']) {
      for (const before of ['word ', 'naïve ', '12 ', '预算 ']) {
        for (let start = 0; start < 140; start += 1) {
          const text = `${before.repeat(40).slice(0, start)}${unit.repeat(129)}; the end`;
          const pieces: string[] = [];
          countInPieces((piece) => pieces.push(piece), text);
          expect(pieces.join('')).toBe(text);
          expect(pieces.some((piece) => piece.includes(unit.repeat(129)))).toBe(false);
        }
      }
    }
  });

  it('of ordinary prose change nothing, however long it is', () => {
    const prose =
      'It was a bright cold day in April, and the clocks — all 13 of them — said "no". '.repeat(
        2000,
      );
    for (const { count } of encodings)
      expect(countInPieces(count, prose).tokens).toBe(count(prose));
  });

  it('stop when time is up, and say how far they came', () => {
    const text = 'word '.repeat(40_000);
    let looks = 0;
    const { tokens, countedChars } = countInPieces(
      () => 1,
      text,
      () => (looks += 1) > 2,
    );
    expect(tokens).toBe(2);
    expect(countedChars).toBeGreaterThan(60_000);
    expect(countedChars).toBeLessThan(70_000);
    expect(
      countInPieces(
        () => 1,
        text,
        () => true,
      ),
    ).toEqual({ tokens: 0, countedChars: 0 });
  });
});

describe('long prompts', () => {
  const counters: WarmTokenCounter[] = [];
  const aCounter = (
    options: Partial<Parameters<typeof createTokenCounter>[0]> = {},
  ): WarmTokenCounter => {
    const counter = createTokenCounter({ log: recordingLog(), ...options });
    counters.push(counter);
    return counter;
  };
  const prompt = (...texts: readonly string[]) => ({
    route: 'completions' as const,
    body: { prompt: texts },
  });

  afterEach(async () => {
    await Promise.all(counters.splice(0).map((counter) => counter.close()));
  });

  it('are counted in another thread, exactly as a short one would be', async () => {
    const loaded: string[] = [];
    const counter = aCounter({
      timeLimitMs: 60_000,
      load: (name) => {
        loaded.push(name);
        return loadEncoding(name);
      },
    });
    const text = 'The quick brown fox jumps over the lazy dog. '.repeat(2000);
    const expected = countInPieces(await loadEncoding('o200k_base'), text).tokens;
    const count = await counter.count(prompt(text), 'gpt-4o');
    expect(count).toMatchObject({ tokens: expected, bound: expected, tier: 'exact' });
    // The event loop's own copy of the encoding was never needed; and the second time nothing is.
    expect(loaded).toEqual([]);
    await counter.close();
    expect(await counter.count(prompt(text), 'gpt-4o')).toMatchObject({
      tokens: expected,
      tier: 'exact',
    });
  });

  it('of very many short texts go there too', async () => {
    const counter = aCounter({
      timeLimitMs: 60_000,
      load: () => Promise.reject(new Error('not on the event loop')),
    });
    const messages = Array.from({ length: 5000 }, (_, at) => ({ role: 'user', content: `m${at}` }));
    const count = await counter.count({ route: 'chat', body: { messages } }, 'gpt-4o');
    expect(count.tier).toBe('exact');
    expect(count.tokens).toBeGreaterThan(5000 * 6);
  });

  it('do not hold up the event loop', async () => {
    const counter = aCounter({ timeLimitMs: 60_000 });
    await counter.warmUp(['gpt-4o']);
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const [own, all] = [process.threadCpuUsage(), process.cpuUsage()];
    const texts = [...HOSTILE.map(([, text]) => text), 'word '.repeat(200_000)];
    const counts = await Promise.all(texts.map((text) => counter.count(prompt(text), 'gpt-4o')));
    const [ownSpent, allSpent] = [process.threadCpuUsage(own), process.cpuUsage(all)];
    delay.disable();
    expect(counts.every(({ tier }) => tier === 'exact')).toBe(true);
    // The work was done by the other thread, whatever else the machine was doing.
    expect(ownSpent.user + ownSpent.system).toBeLessThan(0.35 * (allSpent.user + allSpent.system));
    // About 10 ms on a quiet machine; minutes without the thread and the cuts.
    expect(delay.max / 1e6).toBeLessThan(1500);
  });

  it('fall back to a bound by bytes when too many wait, when time is up and when the counter is closed', async () => {
    const counter = aCounter({ maxQueuedJobs: 1, timeLimitMs: 60_000 });
    const text = `${'word '.repeat(8000)}é`;
    const counts = await Promise.all(
      ['a', 'b', 'c'].map((first) => counter.count(prompt(first + text), 'gpt-4o')),
    );
    expect(counts.map(({ tier }) => tier)).toEqual(['exact', 'exact', 'heuristic']);
    expect(counts[2]).toMatchObject({
      tokens: Math.ceil(Math.ceil(40_002 / 4) * 1.15),
      bound: 40_003,
    });

    const hurried = aCounter({ timeLimitMs: 0 });
    expect(await hurried.count(prompt(text), 'gpt-4o')).toMatchObject({
      bound: 40_002,
      tier: 'heuristic',
    });

    const closing = aCounter();
    const waiting = Promise.all([
      closing.count(prompt(text), 'gpt-4o'),
      closing.count(prompt(`${text}!`), 'gpt-4o'),
    ]);
    await closing.close();
    for (const count of await waiting) expect(count.tier).toBe('heuristic');
    expect(await closing.count(prompt(text), 'gpt-4o')).toMatchObject({
      bound: 40_002,
      tier: 'heuristic',
    });
  });

  it('are counted as far as time allows, and the rest by its bytes', async () => {
    const counter = aCounter({ timeLimitMs: 700 });
    const text = mix(BASE64, 12_000_000);
    const count = await counter.count(prompt(text), 'gpt-4o');
    expect(count.tier).toBe('heuristic');
    expect(count.bound).toBeLessThanOrEqual(text.length);
    expect(count.bound).toBeGreaterThanOrEqual(count.tokens);
    // A thread that was stopped or is late does not stay in the way of the next prompt.
    await counted(counter, 'word '.repeat(8000));
  });

  it('are counted by a thread that takes longer to start than a prompt may wait', async () => {
    const log = recordingLog();
    const counter = aCounter({ log, timeLimitMs: 30, inlineBytes: 100 });
    const text = 'word '.repeat(200);
    expect((await counter.count(prompt(text), 'gpt-4o')).tier).toBe('heuristic');
    await counted(counter, text);
    expect(log.lines[0]?.message).toBe('token counting took too long; a bound is used instead');
  });

  /** Resolves when a prompt like this one is counted in full. */
  async function counted(counter: WarmTokenCounter, text: string): Promise<void> {
    let tries = 0;
    await eventually(async () => {
      tries += 1;
      const { tier } = await counter.count(prompt(`${tries} ${text}`), 'gpt-4o');
      expect(tier).toBe('exact');
    }, 30_000);
  }
});
