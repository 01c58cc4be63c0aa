/** Every provider's usage, read from its own bytes: whole, and cut at any place. */
import { describe, expect, it } from '@jest/globals';
import type { TokenUsage } from '../../src/core/usage.ts';
import type { AnswerReader } from '../../src/core/upstream.ts';
import { anthropicDialect } from '../../src/upstream/dialects/anthropic/dialect.ts';
import { openAiDialect } from '../../src/upstream/dialects/openai/dialect.ts';
import {
  usageOfResponse,
  usageOfResponseEvent,
} from '../../src/upstream/dialects/responses/usage.ts';
import { dataOf, EventSplitter } from '../../src/upstream/event-stream.ts';
import { parseJsonObject } from '../../src/upstream/json-values.ts';
import { HandClock } from '../support/hand-clock.ts';
import { aBackend, anAttempt } from '../support/upstream-attempts.ts';
import {
  bytesOf,
  costOfFixture,
  USAGE_FIXTURES,
  usageOfFixture,
  type UsageFixture,
} from '../support/usage-fixtures.ts';

type UsageReader = Pick<AnswerReader, 'push' | 'end' | 'usage'>;

/** The Responses API as its route will read it: the usage of the last event, or of the whole object. */
class ResponsesReader implements UsageReader {
  readonly #isStream: boolean;
  readonly #splitter = new EventSplitter();
  readonly #chunks: Buffer[] = [];
  #usage: TokenUsage | null = null;

  constructor(isStream: boolean) {
    this.#isStream = isStream;
  }

  push(chunk: Buffer): Buffer {
    this.#chunks.push(chunk);
    if (this.#isStream) this.#read(this.#splitter.push(chunk));
    return chunk;
  }

  end(): Buffer {
    const rest = this.#splitter.rest();
    if (this.#isStream) this.#read([rest]);
    else {
      const response = parseJsonObject(Buffer.concat(this.#chunks).toString());
      this.#usage = response && usageOfResponse(response);
    }
    return rest;
  }

  usage(): TokenUsage | null {
    return this.#usage;
  }

  #read(blocks: readonly Buffer[]): void {
    for (const block of blocks) {
      const event = parseJsonObject(dataOf(block) ?? '');
      this.#usage = (event && usageOfResponseEvent(event)) ?? this.#usage;
    }
  }
}

function readerOf({ api, backend, model, stream }: UsageFixture): UsageReader {
  const isStream = stream !== undefined;
  if (api === 'responses') return new ResponsesReader(isStream);
  const route = api === 'messages' ? 'chat' : api;
  const attempt = anAttempt({
    body: { model, stream: isStream },
    request: { route, rawBody: Buffer.from(JSON.stringify({ model, stream: isStream })) },
  });
  const dialect =
    backend === 'anthropic'
      ? anthropicDialect(aBackend({ type: backend }), new HandClock())
      : openAiDialect(aBackend({ type: backend }), backend);
  return dialect.reader(attempt, { status: 200, isStream });
}

function usageOfPieces(fixture: UsageFixture, pieces: readonly Buffer[]): TokenUsage | null {
  const reader = readerOf(fixture);
  for (const piece of pieces) reader.push(piece);
  reader.end();
  return reader.usage();
}

/** To cut a longer one at every place would take seconds. */
const SMALL_BYTES = 2048;

describe.each(USAGE_FIXTURES.map((fixture) => [fixture.name, fixture] as const))(
  'the usage fixture %s',
  (_name, fixture) => {
    const bytes = bytesOf(fixture);
    const expected = usageOfFixture(fixture);

    it('is read', () => {
      expect(usageOfPieces(fixture, [bytes])).toEqual(expected);
    });

    it('is read wherever it is cut', () => {
      const whole = JSON.stringify(usageOfPieces(fixture, [bytes]));
      const step = bytes.length <= SMALL_BYTES ? 1 : Math.ceil(bytes.length / SMALL_BYTES);
      const wrong: unknown[] = [];
      for (let at = 1; at < bytes.length; at += step) {
        const usage = usageOfPieces(fixture, [bytes.subarray(0, at), bytes.subarray(at)]);
        // As text: `expect` is a hundred times slower than the reader.
        if (JSON.stringify(usage) !== whole) wrong.push([at, usage]);
      }
      expect(wrong).toEqual([]);
      const single = Array.from(bytes, (byte) => Buffer.from([byte]));
      expect(usageOfPieces(fixture, single)).toEqual(expected);
    });

    it('costs what its prices make of it', () => {
      expect(costOfFixture(fixture)).toBe(fixture.costNanoUsd);
    });
  },
);

describe('the usage fixtures', () => {
  it('tell each provider and each shape', () => {
    const told = new Set(USAGE_FIXTURES.map(({ name }) => name.split('-')[0]));
    for (const provider of [
      'openai',
      'azure',
      'anthropic',
      'gemini',
      'ollama',
      'vllm',
      'llamacpp',
      'deepseek',
      'xai',
      'groq',
      'openrouter',
      'mistral',
      'perplexity',
    ]) {
      expect(told).toContain(provider);
    }
    const kinds = new Set(USAGE_FIXTURES.flatMap(({ tokens }) => Object.keys(tokens)));
    expect([...kinds].toSorted()).toEqual([
      'cacheWrite',
      'cacheWrite1h',
      'cachedInput',
      'codeExecutions',
      'fileSearches',
      'input',
      'inputAudio',
      'inputImage',
      'output',
      'outputAudio',
      'outputImage',
      'reasoning',
      'region',
      'reportedCostUsd',
      'searchSources',
      'speed',
      'webFetches',
      'webSearches',
    ]);
  });
});
