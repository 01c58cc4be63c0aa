/** What a provider will do with a call, drawn when the call arrives. */
import { NO_USAGE, type TokenUsage } from '../../src/core/usage.ts';
import type { Chance } from './chance.ts';
import { usdText, type ModelPrice } from './price.ts';
import type { ProviderFaults } from './profile.ts';

/** A piece of an answer, as the gateway receives it. */
export interface Piece {
  /** Output tokens in it. */
  readonly tokens: number;
  /** The usage that it reports: for all of the call up to and with this piece. */
  readonly usage: TokenUsage | null;
}

export interface CallPlan {
  /** `silent`: sent, and never answered. */
  readonly opening: 'connect' | 'untranslatable' | 'silent' | 'reset' | 'answer';
  readonly status: number;
  readonly pieces: readonly Piece[];
  /** After the pieces. `cut short`: the body ends in good order, but the answer is not whole. */
  readonly ending: 'complete' | 'cut short' | 'broken' | 'stalled';
  /** What is billed when nobody on the gateway's side can know, in pico-dollars. */
  readonly unknownPico: number;
  /** Output tokens that are billed beyond those that passed when the call is cut. */
  readonly tokensPastCut: number;
}

export interface CallSize {
  /** Nano-dollars. */
  readonly hold: number;
  readonly price: ModelPrice | null;
  readonly tokens: number;
  readonly bound: number;
  /** The most output tokens, over all answers, that the request allows. */
  readonly mostOutput: number;
  readonly isStream: boolean;
}

const STATUSES: readonly [number, ...number[]] = [302, 400, 404, 408, 429, 500, 503, 504];

/** A call that does what it should. */
export const FAULTLESS: ProviderFaults = {
  connect: 0,
  silent: 0,
  reset: 0,
  errorStatus: 0,
  broken: 0,
  stalled: 0,
  usageMissing: 0,
  usageZero: 0,
  usageExcessive: 0,
  reportsCost: 0,
  billsPastCut: 0,
  hiddenExcess: 0,
};

function openingOf(chance: Chance, faults: ProviderFaults): CallPlan['opening'] {
  if (chance.happens(faults.connect)) return chance.happens(0.9) ? 'connect' : 'untranslatable';
  if (chance.happens(faults.silent)) return 'silent';
  return chance.happens(faults.reset) ? 'reset' : 'answer';
}

function endingOf(chance: Chance, faults: ProviderFaults): CallPlan['ending'] {
  if (chance.happens(faults.stalled)) return 'stalled';
  if (chance.happens(faults.broken)) return chance.happens(0.5) ? 'broken' : 'cut short';
  return 'complete';
}

/** Splits the output over a few pieces; some say nothing yet. */
function portions(chance: Chance, output: number, isStream: boolean): number[] {
  const count = isStream ? chance.below(4) : 1;
  const tokens: number[] = [];
  let left = output;
  for (let at = 1; at <= count; at += 1) {
    const own = at === count ? left : chance.below(left + 1);
    tokens.push(own);
    left -= own;
  }
  return tokens;
}

/** The usage that the provider reports, or null where it reports none. */
function usageOf(chance: Chance, faults: ProviderFaults, size: CallSize): TokenUsage | null {
  const { price, bound, mostOutput } = size;
  if (chance.happens(faults.usageMissing)) return null;
  if (chance.happens(faults.usageZero)) return NO_USAGE;
  const isExcessive = chance.happens(faults.usageExcessive);
  const input = chance.between(1, isExcessive ? bound * 2 : bound);
  const output = chance.below((isExcessive ? mostOutput * 3 + 100 : mostOutput) + 1);
  const usage: TokenUsage = {
    ...NO_USAGE,
    input,
    cachedInput: chance.happens(0.3) ? chance.below(input + 1) : 0,
    output,
    reasoning: chance.happens(0.3) ? chance.below(output + 1) : 0,
  };
  if (price === null || !chance.happens(faults.reportsCost)) return usage;
  const most = isExcessive ? size.hold * 2000 : size.hold * 1000;
  return { ...usage, reportedCostUsd: usdText(Math.floor(chance.next() * most)) };
}

/** The same usage at an earlier moment, when only so many tokens had passed. */
function soFar(usage: TokenUsage, passed: number): TokenUsage {
  const output = Math.min(usage.output, passed);
  const { reportedCostUsd: _later, ...counts } = usage;
  return { ...counts, output, reasoning: Math.min(usage.reasoning, output) };
}

function piecesOf(chance: Chance, faults: ProviderFaults, size: CallSize): readonly Piece[] {
  const usage = usageOf(chance, faults, size);
  // Without a usage, too much may come all the same.
  const most =
    usage === null && chance.happens(faults.usageExcessive) ? size.mostOutput * 3 : size.mostOutput;
  const output = chance.below(Math.min(usage?.output ?? most, most) + 1);
  const tokens = portions(chance, output, size.isStream);
  if (!size.isStream) return [{ tokens: tokens[0] ?? 0, usage }];
  const isContinuous = chance.happens(0.2);
  let passed = 0;
  const pieces = tokens.map((own): Piece => {
    passed += own;
    return { tokens: own, usage: usage && isContinuous ? soFar(usage, passed) : null };
  });
  return usage === null ? pieces : [...pieces, { tokens: 0, usage }];
}

/** Some calls end before all of their pieces came. */
function cutAt(chance: Chance, ending: CallPlan['ending'], pieces: readonly Piece[]): number {
  return ending === 'complete' ? pieces.length : chance.below(pieces.length + 1);
}

export function planCall(chance: Chance, faults: ProviderFaults, size: CallSize): CallPlan {
  const opening = openingOf(chance, faults);
  const ending = endingOf(chance, faults);
  const pieces = piecesOf(chance, faults, size);
  const isHidden = chance.happens(faults.hiddenExcess);
  const most = size.hold * 1000 * (isHidden ? 2 : 1);
  return {
    opening,
    status: chance.happens(faults.errorStatus) ? chance.pick(STATUSES) : 200,
    pieces: pieces.slice(0, cutAt(chance, ending, pieces)),
    ending,
    unknownPico: chance.happens(0.3) ? 0 : Math.floor(chance.next() * most),
    tokensPastCut: chance.happens(faults.billsPastCut) ? chance.below(size.mostOutput + 1) : 0,
  };
}
