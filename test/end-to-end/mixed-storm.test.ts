/**
 * Everything at once: four hundred requests, half of them streams, clients that leave, backends that fail in every way,
 * retries over two priced backends and a free fallback, and a budget for a fraction of them. Whatever happens, the
 * limit holds at every single admission, and the ledger knows of every cent that the providers bill.
 */
import { afterEach, describe, expect, it } from '@jest/globals';
import { backendToml, budgetToml, costNano, KEYS, NO_PROBES } from '../support/cloud-toml.ts';
import { startOpenAiServer } from '../support/openai-server.ts';
import type { Behaviour, ProviderServer } from '../support/provider-server.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { expectSettledBooks, untilNothingIsHeld } from '../support/settled-books.ts';
import {
  allEntries,
  nano,
  startTestGateway,
  type Json,
  type TestGateway,
} from '../support/test-gateway.ts';

const REQUESTS = 400;
const MODEL = 'gpt-4-turbo';
const FALLBACK = 'llama3';
/** Input tokens of every request, as the provider bills them and the gateway counts them. */
const INPUT = 8;
const MAX_TOKENS = 20;
const HOLD = costNano(INPUT, MAX_TOKENS);
const AFFORDABLE = 60n;
const LIMIT = HOLD * AFFORDABLE;
const WORDS = 'one two three four five six seven eight nine ten'.split(' ');
const EXCESSIVE = { input: 300, output: 60 };

let nexus: TestGateway;
let providers: readonly ProviderServer[] = [];
afterEach(async () => {
  await nexus.stop();
  await Promise.all(providers.map((provider) => provider.close()));
});

/** One call as a provider plays it, and what it bills for it. */
interface Play {
  readonly behaviour: Behaviour;
  readonly billed: bigint;
}

type Below = (limit: number) => number;

function randomPlay(below: Below): Play {
  const words = 1 + below(WORDS.length);
  const usage = { input: INPUT, output: words };
  const whole = costNano(INPUT, words);
  const ordinary: Behaviour = {
    text: WORDS.slice(0, words).join(' '),
    usage,
    delayMs: below(20),
    eventDelayMs: below(3),
  };
  const play = (more: Behaviour, billed = whole): Play => ({
    behaviour: { ...ordinary, ...more },
    billed,
  });
  switch (below(14)) {
    case 0:
      return play({ status: 500 }, 0n);
    case 1:
      return play({ status: 503 }, 0n);
    case 2:
      return play({ status: 429 }, 0n);
    case 3:
      return play({ status: 400 }, 0n);
    // Somebody in between gave up waiting, and the provider bills all the same.
    case 4:
      return play({ status: 504 });
    case 5:
      return play({ dies: 'beforeHeaders' });
    case 6:
      return play({ until: new Promise(() => undefined) });
    // What a stream had made when it died is not known beyond what arrived; its input is. A whole answer does not die.
    case 7:
      return play({ dies: 1 + below(words) }, costNano(INPUT, 0));
    case 8:
      return play({ usage: null });
    case 9:
      return play({ usage: EXCESSIVE }, costNano(EXCESSIVE.input, EXCESSIVE.output));
    default:
      return play({});
  }
}

/** Makes a server play at random. Returns what it has billed for the calls that arrived. */
function playAtRandom(provider: ProviderServer, below: Below): () => bigint {
  const plays = Array.from({ length: 3 * REQUESTS }, () => randomPlay(below));
  provider.next(...plays.map(({ behaviour }) => behaviour));
  return () => provider.calls.reduce((sum, _call, at) => sum + (plays[at]?.billed ?? 0n), 0n);
}

/** What a client got: a status and code, or that it left. */
async function request(below: Below): Promise<string> {
  const leaving = new AbortController();
  const leavesAfterMs = below(4) === 0 ? below(40) : null;
  const timer = leavesAfterMs === null ? null : setTimeout(() => leaving.abort(), leavesAfterMs);
  try {
    const answer = await nexus.post(
      '/v1/chat/completions',
      {
        model: MODEL,
        messages: [{ role: 'user', content: 'Hello' }],
        max_tokens: MAX_TOKENS,
        stream: below(2) === 0,
      },
      {},
      leaving.signal,
    );
    const text = await answer.text();
    if (answer.status === 200) return '200';
    return `${answer.status} ${JSON.parse(text).error.code}`;
  } catch {
    return 'left';
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
}

const DOCUMENTED = [
  '200',
  'left',
  // The providers' own, passed through.
  '400 invalid_value',
  '429 rate_limit_exceeded',
  '502 backend_error',
  '503 budget_exhausted',
  '503 budget_reserved',
  '504 backend_timeout',
];

/** Walks the ledger: at every admission, what is settled, in suspense and held stays within limit and excess. */
function highestOverLimit(entries: readonly Json[]): bigint {
  let committed = 0n;
  let excess = 0n;
  let highest = -LIMIT;
  for (const entry of entries) {
    committed += nano(entry.settled_usd) + nano(entry.suspense_usd) + nano(entry.held_usd);
    excess += nano(entry.excess_usd);
    const over = committed - excess - LIMIT;
    if (over > highest) highest = over;
  }
  return highest;
}

async function start(): Promise<void> {
  providers = await Promise.all([
    startOpenAiServer({ models: [MODEL] }),
    startOpenAiServer({ models: [MODEL] }),
    startOpenAiServer({ models: [FALLBACK] }),
  ]);
  const urls = providers.map(({ url }) => url);
  nexus = await startTestGateway(
    `[server]
port = 0
client_gone_drain_seconds = 3
request_timeout_seconds = 1
drain_timeout_seconds = 5
[routing.fallbacks]
"${MODEL}" = ["${FALLBACK}"]
${NO_PROBES}${budgetToml((Number(LIMIT) / 1e9).toFixed(9))}` +
      backendToml({ name: 'a', url: urls[0] ?? '', priority: 1 }) +
      backendToml({ name: 'b', url: urls[1] ?? '', priority: 2 }) +
      backendToml({
        name: 'here',
        url: urls[2] ?? '',
        type: 'vllm',
        models: [FALLBACK],
        price: null,
        priority: 3,
      }),
    { env: KEYS },
  );
}

describe('a storm', () => {
  it.each([1, 2, 3])('of %i never passes the limit and loses no cent', async (storm) => {
    await start();
    const random = seededRandom();
    // Three storms of one seed, each with weather of its own.
    for (let i = 0; i < storm; i += 1) random.below(2);
    const bills = providers.map((provider) => playAtRandom(provider, random.below));
    const outcomes = await Promise.all(
      Array.from({ length: REQUESTS }, () => request(random.below)),
    );
    await untilNothingIsHeld(nexus);
    expect([...new Set(outcomes)].filter((outcome) => !DOCUMENTED.includes(outcome))).toEqual([]);
    const entries = await allEntries(nexus);
    expect(highestOverLimit(entries)).toBeLessThanOrEqual(0n);
    const budget = await nexus.getJson('/v1/budget');
    const spent = nano(budget.spent_usd_exact);
    expect(spent).toBeLessThanOrEqual(LIMIT + nano(budget.excess_usd_exact));
    const billed = (bills[0]?.() ?? 0n) + (bills[1]?.() ?? 0n);
    expect(billed).toBeLessThanOrEqual(spent);
    // The storm was one: money was spent, refused and kept in suspense, and the free backend helped out.
    expect(spent).toBeGreaterThan(LIMIT / 2n);
    expect(nano(budget.suspense_usd_exact)).toBeGreaterThan(0n);
    expect(providers.every(({ calls }) => calls.length > 0)).toBe(true);
    await expectSettledBooks(nexus);
  });
});
