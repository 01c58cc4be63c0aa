import { describe, expect, it } from '@jest/globals';
import { runSimulation } from '../../src/simulation/run-simulation.ts';
import type { SimulationOutcome } from '../../src/simulation/outcome.ts';
import type { TrafficRequest } from '../../src/simulation/traffic/traffic-request.ts';
import {
  aRequest,
  CLOUD_AND_LOCAL,
  everyMinute,
  play,
  settingsOf,
} from '../support/simulated-month.ts';

const NOON = '2026-11-10T12:00:00Z';

/** One backend of each sort, none of which names its models. */
const ASKED = `
[[backends]]
name = "openai"
type = "openai"
url = "https://api.openai.com"
[[backends]]
name = "anthropic"
type = "anthropic"
url = "https://api.anthropic.com"
[[backends]]
name = "google"
type = "google"
url = "https://generativelanguage.googleapis.com"
[[backends]]
name = "ollama"
type = "ollama"
url = "http://127.0.0.1:11434"
`;
const KEYS = { OPENAI_API_KEY: 'x', ANTHROPIC_API_KEY: 'x', GEMINI_API_KEY: 'x' };

async function playAsked(models: readonly string[], more = ''): Promise<SimulationOutcome> {
  async function* pieces(): AsyncGenerator<readonly TrafficRequest[]> {
    yield models.map((model) => aRequest(NOON, model));
  }
  const [outcome] = await runSimulation({
    policies: [settingsOf(ASKED + more, KEYS)],
    pieces: pieces(),
    durationMs: 0,
  });
  if (outcome === undefined) throw new Error('one policy has one outcome');
  return outcome;
}

describe('the router in a simulation', () => {
  it('follows aliases', async () => {
    const alias = '[routing.aliases]\nhuge = "big"\n';
    const outcome = await play(CLOUD_AND_LOCAL + alias, everyMinute(NOON, 2, 'huge'));

    expect(outcome.total).toMatchObject({ cloud: 2, spending: 80_000_000 });
  });

  it('keeps private models on local backends', async () => {
    const policy =
      '[[routing.policies]]\nmodel_pattern = "big"\nprivacy = "restricted"\nfallback_allowed = false\n';
    const outcome = await play(CLOUD_AND_LOCAL + policy, everyMinute(NOON, 2));

    expect(outcome.total.refusals).toEqual({ no_available_backend: 2 });
  });

  it('makes no attempt above max_cost_per_request', async () => {
    const policy = '[[routing.policies]]\nmodel_pattern = "*"\nmax_cost_per_request = 0.005\n';
    const outcome = await play(CLOUD_AND_LOCAL + policy, everyMinute(NOON, 2));

    expect(outcome.total.refusals).toEqual({ no_available_backend: 2 });
  });

  it('names the models that nobody serves', async () => {
    const outcome = await play(CLOUD_AND_LOCAL, [
      ...everyMinute(NOON, 2),
      ...everyMinute('2026-11-10T13:00:00Z', 3, 'unheard-of'),
    ]);

    expect(outcome.total).toMatchObject({ cloud: 2, refusals: { model_not_found: 3 } });
    expect([...outcome.unserved]).toEqual([['unheard-of', 3]]);
  });

  // At equal priority `a` is first; only turns and chance use the others.
  it.each([
    ['smart', 97, 97],
    ['round_robin', 98, 98],
    ['priority_only', 97, 97],
    ['random', 97.2, 98.8],
  ])('decides by the strategy %s, the same way every time', async (strategy, least, most) => {
    const backends = ['a', 'b', 'c'].map(
      (name) => `[[backends]]\nname = "${name}"\ntype = "simulated"\nkind = "cloud"
models = ["big"]\nprices = { big = { input = ${name.charCodeAt(0)}, output = 30 } }\n`,
    );
    const toml = `[routing]\nstrategy = "${strategy}"\n${backends.join('')}`;
    const [one, other] = await Promise.all([
      play(toml, everyMinute(NOON, 30)),
      play(toml, everyMinute(NOON, 30)),
    ]);

    expect(other).toEqual(one);
    // Input costs 97, 98 and 99 nano-dollars a token, by the backend; output 30,000,000 a request.
    const average = (one.total.spending / 30 - 30_000_000) / 1_000_000;
    expect(average).toBeGreaterThanOrEqual(least);
    expect(average).toBeLessThanOrEqual(most);
  });
});

describe('a backend that names no models', () => {
  it('serves those of its provider, or, when it is local, those of none', async () => {
    const models = ['gpt-4o', 'o3', 'claude-sonnet-4-5', 'gemini-2.5-pro', 'llama3', 'gpt-oss:20b'];
    const outcome = await playAsked(models);

    expect(outcome.total).toMatchObject({ requests: 6, cloud: 4, local: 2, refused: 0 });
  });

  it('serves fallbacks that the traffic never names', async () => {
    const outcome = await playAsked(
      ['gpt-4o', 'gpt-4o', 'gpt-4o'],
      '[routing.budget]\nmonthly_limit_usd = 0.01\nsoft_limit_percent = 50\n[routing.fallbacks]\n"gpt-4o" = ["llama3"]\n',
    );

    // 2.50 and 10 USD per million tokens: the first costs 0.0125.
    expect(outcome.total).toMatchObject({ cloud: 1, local: 2, spending: 12_500_000 });
  });

  it('serves what the file has a price for', async () => {
    const priced = `[[backends]]\nname = "host"\ntype = "openai"\nurl = "https://models.example"
prices = { "acme-*" = { input = 1, output = 1 } }\n`;
    const outcome = await playAsked(['acme-7'], priced);

    // The local backend takes it too, and comes after by its name only.
    expect(outcome.total.cloud).toBe(1);
    expect(outcome.total.spending).toBe(2_000_000);
  });

  it('charges an unknown model of its provider conservatively, and says so once', async () => {
    const outcome = await playAsked(['gpt-99', 'gpt-99', 'gpt-99']);

    expect(outcome.total.cloud).toBe(3);
    expect(outcome.warnings).toHaveLength(1);
    expect(outcome.warnings[0]).toContain('no price is known for a cloud model');
  });

  it('refuses an unknown price with unknown_price = "deny"', async () => {
    const deny = '[routing.budget]\nmonthly_limit_usd = 5\nunknown_price = "deny"\n';
    const outcome = await playAsked(['gpt-99'], deny);

    expect(outcome.total.refusals).toEqual({ price_unknown: 1 });
  });

  it('is not asked for more models than any traffic has', async () => {
    const models = Array.from({ length: 1001 }, (_, at) => `model-${at}`);

    await expect(playAsked(models)).rejects.toThrow(
      'the traffic names more than 1000 models; is "model" the right column?',
    );
  });
});

describe('several policies', () => {
  it('play the same traffic, each by itself', async () => {
    const budget = '[routing.budget]\nmonthly_limit_usd = 0.4\nhard_limit_action = ';
    async function* pieces(): AsyncGenerator<readonly TrafficRequest[]> {
      yield everyMinute(NOON, 6);
      yield everyMinute('2026-11-10T12:06:00Z', 6);
    }
    const seen: number[] = [];
    const outcomes = await runSimulation({
      policies: ['"block_cloud"', '"warn"'].map((action) =>
        settingsOf(CLOUD_AND_LOCAL + budget + action),
      ),
      pieces: pieces(),
      durationMs: 0,
      onProgress: (requests) => {
        seen.push(requests);
      },
    });

    expect(outcomes.map(({ total }) => total.cloud)).toEqual([10, 12]);
    expect(outcomes.map(({ total }) => total.refused)).toEqual([2, 0]);
    expect(seen).toEqual([6, 12]);
  });

  it('have nothing to play without traffic', async () => {
    await expect(play(CLOUD_AND_LOCAL, [])).rejects.toThrow('the traffic has no requests to play');
  });
});
