/** A real client: the OpenAI SDK with its retries, many calls at a time, streams and whole answers, and some that leave. */
import { setTimeout as delay } from 'node:timers/promises';
import OpenAI, { APIConnectionError, APIUserAbortError, APIError } from 'openai';
import type { Chance } from '../prove/chance.ts';
import type { SettledAnswer } from './books.ts';
import { MAX_OUTPUT_TOKENS, MODELS } from './setting.ts';

const CALLS_AT_ONCE = 16;
const WORDS = 'all the money that may be spent is set aside before a word is sent ';

/** Names of errors for a body that was cut: a broken fetch, half a JSON, a call that was given up. */
const CUT_BODY = ['TypeError', 'SyntaxError', 'AbortError'];

export interface LoadCounts {
  requests: number;
  /** Whole answers in the hands of a client. */
  answered: number;
  /** Error answers of the gateway, and errors in a stream. */
  refused: number;
  /** Cut by the kill, the stop or a backend. */
  cut: number;
  /** Left by the client on purpose. */
  left: number;
}

export function noCounts(): LoadCounts {
  return { requests: 0, answered: 0, refused: 0, cut: 0, left: 0 };
}

export interface LoadOptions {
  readonly url: string;
  readonly chance: Chance;
  readonly counts: LoadCounts;
  readonly onAnswer: (answer: SettledAnswer) => void;
  /** Calls under way at a time; 16 when it is left out. */
  readonly callsAtOnce?: number;
  /** Calls that are begun in a second; as many as are answered when it is left out. */
  readonly perSecond?: number;
}

interface Plan {
  readonly body: OpenAI.ChatCompletionCreateParams;
  /** Events after which the client leaves; null for one that stays. */
  readonly leavesAfter: number | null;
}

function planCall(chance: Chance): Plan {
  const stream = chance.happens(0.6);
  const named = chance.happens(0.5);
  const body: OpenAI.ChatCompletionCreateParams = {
    model: chance.pick(MODELS),
    messages: [{ role: 'user', content: WORDS.repeat(chance.between(1, 6)) }],
    ...(named ? { max_tokens: chance.between(1, MAX_OUTPUT_TOKENS) } : {}),
  };
  const leavesAfter = stream && chance.happens(0.08) ? chance.below(12) : null;
  return {
    body: stream ? { ...body, stream: true, stream_options: { include_usage: true } } : body,
    leavesAfter,
  };
}

/** Load on one gateway, from now until `stop`. */
export class ClientLoad {
  readonly #options: LoadOptions;
  readonly #client: OpenAI;
  readonly #end = new AbortController();
  readonly #workers: Promise<unknown>;
  #nextMs = performance.now();

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#client = new OpenAI({
      baseURL: `${options.url}/v1`,
      apiKey: 'unused',
      maxRetries: 2,
      timeout: 10_000,
      logLevel: 'off',
    });
    this.#workers = Promise.all(
      Array.from({ length: options.callsAtOnce ?? CALLS_AT_ONCE }, async () => {
        while (!this.#end.signal.aborted) {
          await this.#turn();
          if (!this.#end.signal.aborted) await this.#call();
        }
      }),
    );
  }

  /** Ends the load; calls that are still open are given up. */
  async stop(): Promise<void> {
    this.#end.abort();
    await this.#workers;
  }

  /** Waits for the next of the moments at which a call begins. */
  async #turn(): Promise<void> {
    const { perSecond } = this.#options;
    if (perSecond === undefined) return;
    const nowMs = performance.now();
    // What was missed is not made up for: a load that waits and then storms would measure something else.
    this.#nextMs = Math.max(this.#nextMs + 1000 / perSecond, nowMs - 100);
    if (this.#nextMs > nowMs) await delay(this.#nextMs - nowMs);
  }

  async #call(): Promise<void> {
    const { counts, chance } = this.#options;
    const { body, leavesAfter } = planCall(chance);
    counts.requests += 1;
    try {
      if (body.stream === true) await this.#stream(body, leavesAfter);
      else await this.#whole(body);
    } catch (error) {
      if (error instanceof APIUserAbortError || error instanceof APIConnectionError) {
        counts.cut += 1;
        // A gateway that is gone refuses at once: without a pause this would be a busy loop.
        await delay(20);
      } else if (error instanceof APIError) counts.refused += 1;
      else if (CUT_BODY.includes((error as Error).name)) counts.cut += 1;
      else throw error;
    }
  }

  async #whole(body: OpenAI.ChatCompletionCreateParams): Promise<void> {
    const { data, response } = await this.#client.chat.completions
      .create({ ...body, stream: false }, { signal: this.#end.signal })
      .withResponse();
    this.#note(response, data.model, data.usage ?? null);
  }

  async #stream(
    body: OpenAI.ChatCompletionCreateParams,
    leavesAfter: number | null,
  ): Promise<void> {
    const { counts } = this.#options;
    const { data, response } = await this.#client.chat.completions
      .create({ ...body, stream: true }, { signal: this.#end.signal })
      .withResponse();
    let events = 0;
    let model = body.model;
    let usage: OpenAI.CompletionUsage | null = null;
    for await (const chunk of data) {
      events += 1;
      if (events - 1 === leavesAfter) {
        counts.left += 1;
        return;
      }
      model = chunk.model;
      usage = chunk.usage ?? usage;
    }
    // The SDK ends a stream that was aborted without an error.
    if (this.#end.signal.aborted) counts.cut += 1;
    else this.#note(response, model, usage);
  }

  #note(response: Response, model: string, usage: SettledAnswer['usage']): void {
    const { counts, onAnswer } = this.#options;
    counts.answered += 1;
    onAnswer({
      requestId: response.headers.get('x-nexus-request-id') ?? '',
      backend: response.headers.get('x-nexus-backend') ?? '',
      model,
      usage,
    });
  }
}
