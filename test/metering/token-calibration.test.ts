import { describe, expect, it } from '@jest/globals';
import type { LedgerEntry } from '../../src/core/ledger.ts';
import type { RememberedCharges, TokenCalibration } from '../../src/core/tokens.ts';
import type { TokenCount } from '../../src/core/usage.ts';
import { createTokenCalibration } from '../../src/metering/token-calibration.ts';
import { randomFrom } from '../support/random-from.ts';

const BACKEND = 'anthropic';
const MODEL = 'claude-sonnet-4-5';
/** The built-in bound of older Claude models by their built-in estimate. */
const BUILT_IN = 140 / 115;

function aCalibration(): TokenCalibration {
  return createTokenCalibration({ tierOf: () => 'approximation' });
}

function aCount(tokens: number, more: Partial<TokenCount> = {}): TokenCount {
  return {
    tokens,
    bound: Math.ceil(tokens * BUILT_IN),
    tier: 'approximation',
    scalable: { tokens, others: 0, othersBound: 0, isTextOnly: true },
    ...more,
  };
}

function learn(
  calibration: TokenCalibration,
  times: number,
  ratio: number,
  estimated = 1000,
  model = MODEL,
): void {
  for (let at = 0; at < times; at += 1)
    calibration.learn({
      backend: BACKEND,
      model,
      estimated,
      actual: Math.round(estimated * ratio),
    });
}

describe('what bills teach', () => {
  it('is used from 50 bills on, for the estimate and, with a margin, for the hold', () => {
    const calibration = aCalibration();
    learn(calibration, 49, 1.3);
    expect(calibration.calibrated(BACKEND, MODEL, aCount(2000))).toEqual(aCount(2000));
    expect(calibration.readings()).toEqual([
      { backend: BACKEND, model: MODEL, tier: 'approximation', samples: 49, ratios: null },
    ]);
    learn(calibration, 1, 1.3);
    const { tokens, bound } = calibration.calibrated(BACKEND, MODEL, aCount(2000));
    expect(tokens).toBe(2600);
    expect(bound).toBeGreaterThan(2600 * 1.04);
    expect(bound).toBeLessThan(2600 * 1.05);
  });

  it('has a margin that shrinks with the bills', () => {
    const calibration = aCalibration();
    learn(calibration, 50, 1);
    const early = calibration.calibrated(BACKEND, MODEL, aCount(10_000)).bound;
    learn(calibration, 2000, 1);
    const late = calibration.calibrated(BACKEND, MODEL, aCount(10_000)).bound;
    expect(early).toBeGreaterThan(10_440);
    expect(late).toBeLessThan(10_110);
    expect(late).toBeGreaterThan(10_000);
  });

  it('belongs to one model at one backend', () => {
    const calibration = aCalibration();
    learn(calibration, 60, 1.5);
    expect(calibration.calibrated('proxy', MODEL, aCount(1000))).toEqual(aCount(1000));
    expect(calibration.calibrated(BACKEND, 'claude-opus-5', aCount(1000))).toEqual(aCount(1000));
  });

  it('never changes a count in which nothing can be learned', () => {
    const calibration = aCalibration();
    learn(calibration, 60, 1.5);
    const exact: TokenCount = { tokens: 1000, bound: 1000, tier: 'exact' };
    expect(calibration.calibrated(BACKEND, MODEL, exact)).toBe(exact);
  });

  it('scales text, and leaves images, token ids and allowances as they are', () => {
    const calibration = aCalibration();
    learn(calibration, 60, 2);
    const scalable = { tokens: 1000, others: 500, othersBound: 900, isTextOnly: false };
    const count = aCount(1500, { scalable });
    const { tokens, bound } = calibration.calibrated(BACKEND, MODEL, count);
    expect(tokens).toBe(2500);
    expect(bound).toBeGreaterThanOrEqual(2 * 1000 + 900);
    expect(bound).toBeLessThan(2.1 * 1000 + 900);
  });

  it('holds the larger bound for prompts in which the frames weigh more than the text', () => {
    const calibration = aCalibration();
    learn(calibration, 60, 0.8);
    const count = aCount(40);
    const { tokens, bound } = calibration.calibrated(BACKEND, MODEL, count);
    expect(tokens).toBe(32);
    expect(bound).toBe(count.bound);
    learn(calibration, 60, 3, 63);
    expect(calibration.readings()[0]?.samples).toBe(60);
  });

  it('stays between half and two and a half of the built-in factors', () => {
    const calibration = aCalibration();
    learn(calibration, 100, 0.1, 1000, 'low');
    learn(calibration, 100, 50, 1000, 'high');
    expect(calibration.calibrated(BACKEND, 'low', aCount(1000))).toMatchObject({
      tokens: 500,
      bound: 500,
    });
    expect(calibration.calibrated(BACKEND, 'high', aCount(1000))).toMatchObject({
      tokens: 2500,
      bound: 2500,
    });
  });

  it('fades: a thousand bills later the old tokenizer is forgotten', () => {
    const calibration = aCalibration();
    learn(calibration, 1024, 1.4);
    learn(calibration, 512, 0.9);
    const half = calibration.calibrated(BACKEND, MODEL, aCount(1000));
    // The newer half weighs more than the older one, but the older still needs its hold.
    expect(half.tokens).toBeLessThan(1150);
    expect(half.bound).toBeGreaterThan(1390);
    learn(calibration, 512, 0.9);
    const { tokens, bound } = calibration.calibrated(BACKEND, MODEL, aCount(1000));
    expect(tokens).toBe(900);
    expect(bound).toBeLessThan(920);
  });

  it('is held for with the next request when a bill is above what was held', () => {
    const calibration = aCalibration();
    learn(calibration, 1024, 1);
    expect(calibration.calibrated(BACKEND, MODEL, aCount(1000)).bound).toBeLessThan(1020);
    learn(calibration, 1, 1.3);
    expect(calibration.calibrated(BACKEND, MODEL, aCount(1000)).bound).toBeGreaterThan(1280);
  });

  it('is kept for 256 models, those that were billed last', () => {
    const calibration = aCalibration();
    for (let at = 0; at < 300; at += 1) {
      learn(calibration, 1, 1, 1000, `model-${at}`);
      learn(calibration, 1, 1, 1000, 'always');
    }
    const models = calibration.readings().map(({ model }) => model);
    expect(models).toHaveLength(256);
    expect(models).toContain('always');
    expect(models).toContain('model-299');
    expect(models).not.toContain('model-0');
  });
});

describe('recalling from the ledger', () => {
  /** A ledger of charges, newest first, of which every second one shows a ratio. */
  function ledgerOf(charges: number): RememberedCharges {
    return {
      entries({ kind, limit, beforeSeq = charges + 1 }) {
        expect(kind).toBe('charge');
        const seqs = Array.from({ length: limit }, (_, at) => beforeSeq - 1 - at);
        return seqs
          .filter((seq) => seq > 0)
          .map(
            (seq) =>
              ({
                seq,
                backend: BACKEND,
                model: MODEL,
                usage: { input: seq > charges - 200 ? 1200 : 1100 },
                ...(seq % 2 === 0 && { estimatedInput: 1000 }),
              }) as LedgerEntry,
          );
      },
    };
  }

  it.each([
    [30, 15],
    [1000, 500],
    [1500, 750],
    [50_000, 1024],
  ])('of %i charges gives %i samples', (charges, samples) => {
    const calibration = aCalibration();
    calibration.recall(ledgerOf(charges));
    expect(calibration.readings()).toMatchObject([{ samples }]);
  });

  it('takes the newest for the newest', () => {
    const calibration = aCalibration();
    calibration.recall(ledgerOf(2000));
    const [reading] = calibration.readings();
    // The last hundred samples are at 1.2, the nine hundred before at 1.1: they weigh four times their share.
    expect(reading?.ratios?.estimate).toBeGreaterThan(1_112_000);
    expect(reading?.ratios?.hold).toBeGreaterThan(1_200_000);
  });

  it('leaves a calibration that knows nothing where there is nothing', () => {
    const calibration = aCalibration();
    calibration.recall(ledgerOf(0));
    expect(calibration.readings()).toEqual([]);
  });
});

describe('a month of requests', () => {
  const REQUESTS = 6000;
  const WARM_UP = 500;
  /** Requests in flight: so many holds are taken before the first of them teaches anything. */
  const IN_FLIGHT = 8;

  function normal(random: () => number): number {
    return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  }

  /** Billed by estimated tokens of the next request; `share` of the month has passed. */
  type Law = (random: () => number, share: number, estimated: number) => number;
  const near =
    (ratio: number, spread = 0.03): Law =>
    (random) =>
      ratio + spread * normal(random);

  interface Outcome {
    readonly excessShare: number;
    readonly meanHold: number;
    readonly meanBuiltIn: number;
    readonly meanBilled: number;
  }

  function run(law: Law, seed: number): Outcome {
    const random = randomFrom(seed);
    const calibration = aCalibration();
    const inFlight: { estimated: number; actual: number }[] = [];
    const sums = { billed: 0, excess: 0, held: 0, builtIn: 0 };
    for (let at = 0; at < REQUESTS; at += 1) {
      // A few hundred tokens to a hundred thousand, as chats and agents send them.
      const estimated = 30 + Math.ceil(Math.exp(Math.log(2000) + 1.2 * normal(random)));
      const built = aCount(estimated);
      const { bound } = calibration.calibrated(BACKEND, MODEL, built);
      const actual = Math.max(1, Math.ceil(estimated * law(random, at / REQUESTS, estimated)));
      inFlight.push({ estimated, actual });
      const ended = inFlight.length > IN_FLIGHT ? inFlight.shift() : undefined;
      if (ended !== undefined) calibration.learn({ backend: BACKEND, model: MODEL, ...ended });
      if (at < WARM_UP) continue;
      sums.billed += actual;
      sums.excess += Math.max(0, actual - bound);
      sums.held += bound;
      sums.builtIn += built.bound;
    }
    const counted = REQUESTS - WARM_UP;
    return {
      excessShare: sums.excess / sums.billed,
      meanHold: sums.held / counted,
      meanBuiltIn: sums.builtIn / counted,
      meanBilled: sums.billed / counted,
    };
  }

  const SEEDS = [1, 2, 3];

  it.each<[string, Law]>([
    ['like the estimate', near(0.95)],
    [
      'with frames that weigh in short prompts',
      (r, _, tokens) => near(0.95)(r, 0, tokens) + 20 / tokens,
    ],
    ['slowly growing', (r, share) => near(0.9 + 0.25 * share)(r, 0, 0)],
    ['slowly shrinking', (r, share) => near(1.15 - 0.3 * share)(r, 0, 0)],
  ])(
    'whose tokens are billed %s: excess below 0.1 %%, holds smaller than the built-in ones',
    (_name, law) => {
      for (const seed of SEEDS) {
        const outcome = run(law, seed);
        expect(outcome.excessShare).toBeLessThan(0.001);
        expect(outcome.meanHold).toBeLessThan(0.96 * outcome.meanBuiltIn);
        expect(outcome.meanHold).toBeLessThan(1.2 * outcome.meanBilled);
      }
    },
  );

  it.each<[string, Law]>([
    ['sixty percent above the estimate', near(1.6, 0.05)],
    ['with a wide spread', near(1, 0.12)],
    ['with a long tail', (random) => Math.exp(0.2 * normal(random))],
    ['one in fifty in another language', (r) => near(r() < 0.02 ? 1.6 : 0.95)(r, 0, 0)],
    ['one in two hundred in another language', (r) => near(r() < 0.005 ? 1.6 : 0.95)(r, 0, 0)],
    ['a third higher from one day to the next', (r, share) => near(share < 0.5 ? 1 : 1.3)(r, 0, 0)],
  ])(
    'whose tokens are billed %s: excess below 0.1 %%, where the built-in holds fall short',
    (_name, law) => {
      for (const seed of SEEDS) {
        const { excessShare, meanHold, meanBilled } = run(law, seed);
        expect(excessShare).toBeLessThan(0.001);
        expect(meanHold).toBeLessThan(2 * meanBilled);
      }
    },
  );
});
