/**
 * A coding agent at work: fifty turns of one conversation over `/v1/messages`, with tools, thinking, streams, and a prompt
 * cache that grows with every turn. The ledger says what the provider's own records say, to the last nano-dollar.
 */
import Anthropic from '@anthropic-ai/sdk';
import type { MessageParam, Tool, ToolResultBlockParam } from '@anthropic-ai/sdk/resources';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CachingProvider, type BilledCall } from '../support/caching-provider.ts';
import { expectSettledBooks, untilNothingIsHeld } from '../support/settled-books.ts';
import {
  allEntries,
  nano,
  startTestGateway,
  type Json,
  type TestGateway,
} from '../support/test-gateway.ts';

const TURNS = 50;
const HOUR = { type: 'ephemeral', ttl: '1h' } as const;
const FIVE_MINUTES = { type: 'ephemeral' } as const;

/** A fraction of a dollar: nothing is rounded until the end. */
interface Fraction {
  readonly over: bigint;
  readonly under: bigint;
}

/** `"3.000107"` dollars for a million tokens, as dollars for one. */
function perToken(usdPerMillion: string): Fraction {
  const [whole = '0', decimals = ''] = usdPerMillion.split('.');
  return { over: BigInt(whole + decimals), under: 10n ** BigInt(decimals.length + 6) };
}

function plus(a: Fraction, b: Fraction): Fraction {
  return { over: a.over * b.under + b.over * a.under, under: a.under * b.under };
}

function times(tokens: number, { over, under }: Fraction): Fraction {
  return { over: BigInt(tokens) * over, under };
}

/** Nano-dollars, rounded up. */
function inNano({ over, under }: Fraction): bigint {
  return (over * 1_000_000_000n + under - 1n) / under;
}

type Rates = Readonly<Record<keyof BilledCall, string>>;

function costOf(call: BilledCall, rates: Rates): bigint {
  const parts = Object.entries(call) as [keyof BilledCall, number][];
  const dollars = parts.map(([part, tokens]) => times(tokens, perToken(rates[part])));
  return inNano(dollars.reduce(plus));
}

/** None of them comes out even in nano-dollars. */
const ODD_RATES: Rates = {
  fresh: '3.000107',
  read: '0.300011',
  write5m: '3.750133',
  write1h: '6.000217',
  output: '15.000539',
};
/** Anthropic's list price of Claude Haiku 4.5 (its page on prices, 2026-11). */
const HAIKU_RATES: Rates = {
  fresh: '1',
  read: '0.1',
  write5m: '1.25',
  write1h: '2',
  output: '5',
};

const OWN_PRICES = `
[backends.prices."*"]
input = "${ODD_RATES.fresh}"
cached_input = "${ODD_RATES.read}"
cache_write = "${ODD_RATES.write5m}"
cache_write_1h = "${ODD_RATES.write1h}"
output = "${ODD_RATES.output}"
`;

let provider: CachingProvider;
let nexus: TestGateway;
beforeEach(async () => {
  provider = await CachingProvider.start(TURNS);
  // The SDK warns of models that will be gone one day.
  jest.spyOn(console, 'warn').mockImplementation(() => undefined);
});
afterEach(async () => {
  await nexus.stop();
  await provider.close();
});

async function start(model: string, prices: string): Promise<Anthropic> {
  nexus = await startTestGateway(
    `[routing.budget]
monthly_limit_usd = 1000
hard_limit_action = "block_all"
[health_check]
interval_seconds = 86400
[[backends]]
name = "anthropic"
type = "anthropic"
url = "${provider.url}"
models = ["${model}"]
${prices}`,
    { env: { ANTHROPIC_API_KEY: 'sk-ant-upstream' } },
  );
  return new Anthropic({ baseURL: nexus.url, apiKey: 'any', maxRetries: 0 });
}

const TOOL: Tool = {
  name: 'read_file',
  description: 'Reads a part of a file of the project. '.repeat(20),
  input_schema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
  cache_control: HOUR,
};
const SYSTEM = [
  { type: 'text' as const, text: 'You work on a gateway for language models. '.repeat(60) },
  {
    type: 'text' as const,
    text: 'House rules: tests read as sentences. '.repeat(40),
    cache_control: HOUR,
  },
];

/** Only the newest results carry the mark, as the documentation advises. */
function withMark(messages: readonly MessageParam[]): MessageParam[] {
  const last = messages.at(-1);
  if (last?.role !== 'user' || typeof last.content === 'string') return [...messages];
  const marked = last.content.map((block, index, { length }) =>
    index === length - 1 && block.type === 'tool_result'
      ? { ...block, cache_control: FIVE_MINUTES }
      : block,
  );
  return [...messages.slice(0, -1), { role: 'user', content: marked }];
}

function resultsOf(content: Anthropic.ContentBlock[]): ToolResultBlockParam[] {
  return content.flatMap((block) =>
    block.type === 'tool_use'
      ? [
          {
            type: 'tool_result',
            tool_use_id: block.id,
            content: [{ type: 'text', text: `${JSON.stringify(block.input)} `.repeat(12) }],
          },
        ]
      : [],
  );
}

/** Works until the model has nothing more to ask. Returns the usage that the client was told, turn by turn. */
async function converse(anthropic: Anthropic, model: string): Promise<readonly Json[]> {
  const messages: MessageParam[] = [{ role: 'user', content: 'Find the bug in the gateway.' }];
  const told: Json[] = [];
  for (;;) {
    const stream = anthropic.messages.stream({
      model,
      max_tokens: 2000,
      system: SYSTEM,
      tools: [TOOL],
      messages: withMark(messages),
    });
    const message = await stream.finalMessage();
    told.push(message.usage);
    if (message.stop_reason !== 'tool_use') return told;
    messages.push({ role: 'assistant', content: message.content });
    messages.push({ role: 'user', content: resultsOf(message.content) });
  }
}

describe('a conversation of fifty turns', () => {
  it.each([
    ['at prices of the config', 'claude-sonnet-4-5', OWN_PRICES, ODD_RATES],
    ['at list prices', 'claude-haiku-4-5', '', HAIKU_RATES],
  ])('costs what the provider’s usage says, %s', async (_name, model, prices, rates) => {
    const anthropic = await start(model, prices);
    const told = await converse(anthropic, model);
    await untilNothingIsHeld(nexus);

    const { billed } = provider;
    expect(billed).toHaveLength(TURNS);
    // The cache was at work: written for an hour once, then in small steps, and read from more and more.
    expect(billed[0]?.write1h).toBeGreaterThan(500);
    expect(billed.slice(1).every(({ write1h }) => write1h === 0)).toBe(true);
    expect(billed.slice(1).every(({ write5m }) => write5m > 0)).toBe(true);
    expect(billed.at(-1)?.read).toBeGreaterThan(5 * (billed[1]?.read ?? 0));

    // What the client read is what was billed, byte for byte.
    expect(told.map((usage) => usage.output_tokens)).toEqual(billed.map(({ output }) => output));
    expect(told.map((usage) => usage.cache_read_input_tokens)).toEqual(
      billed.map(({ read }) => read),
    );

    const entries = await allEntries(nexus);
    const charges = entries.filter(({ kind }) => kind === 'charge');
    expect(charges.map(({ basis }) => basis)).toEqual(billed.map(() => 'provider'));
    const costs = billed.map((call) => costOf(call, rates));
    expect(charges.map(({ settled_usd: usd }) => nano(usd))).toEqual(costs);
    const total = costs.reduce((sum, cost) => sum + cost, 0n);
    const budget = await nexus.getJson('/v1/budget');
    expect(nano(budget.spent_usd_exact)).toBe(total);

    // Each call was held before, for at least what it came to cost.
    const holds = entries.filter(({ kind }) => kind === 'hold');
    for (const [turn, hold] of holds.entries())
      expect(nano(hold.held_usd)).toBeGreaterThanOrEqual(costs[turn] ?? 0n);
    expect((await nexus.metric('nexus_budget_excess_usd_total')) ?? 0).toBe(0);
    await expectSettledBooks(nexus);
  });
});
