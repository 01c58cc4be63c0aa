/**
 * What providers bill for the tools that they run themselves. The packaged list has the fees for some models; for the
 * others of the same provider the published ones stand here. Their tokens are priced as tokens, beside the fee.
 *
 * Sources, read 2026-11-29, USD per 1,000: OpenAI's page "Pricing", built-in tools (web search 10, file search 2.50; for
 * the search models of Chat Completions, which search once for each request, 25 and 10); Anthropic's page "Pricing" (web
 * search 10; web fetch is free); xAI's page "Pricing", tools (web and X search 5, code execution 5, collections 2.50) and
 * its live search (25 for the sources).
 */
import type { NanoUsd } from '../core/money.ts';
import type { ToolFees } from '../core/prices.ts';
import type { TokenUsage } from '../core/usage.ts';
import { MARGIN_PERCENT, timesPercent } from './rates.ts';

export const TOOL_FEE_NAMES = [
  'webSearch',
  'fileSearch',
  'codeExecution',
  'searchSource',
] as const satisfies readonly (keyof ToolFees)[];

/** Nano-dollars for each call. */
const PUBLISHED: Readonly<Record<string, ToolFees>> = {
  openai: { webSearch: 10_000_000, fileSearch: 2_500_000 },
  anthropic: { webSearch: 10_000_000 },
  'x-ai': {
    webSearch: 5_000_000,
    fileSearch: 2_500_000,
    codeExecution: 5_000_000,
    searchSource: 25_000_000,
  },
};

/** The published fees of a provider of the list. */
export function publishedFees(providerId: string): ToolFees {
  return PUBLISHED[providerId] ?? {};
}

/** Models that search once for each request and bill it, whatever the request says. */
const SEARCHING_MODELS: readonly (readonly [RegExp, NanoUsd])[] = [
  [/^gpt-4o(-mini)?-search-preview/, 25_000_000],
  [/^gpt-5-search-api/, 10_000_000],
];

/** The fee that a model adds to each request; 0 for nearly all. */
export function searchFeeOf(modelId: string): NanoUsd {
  return SEARCHING_MODELS.find(([pattern]) => pattern.test(modelId))?.[1] ?? 0;
}

/** The dearer of two, fee by fee. */
export function dearerFees(a: ToolFees, b: ToolFees): ToolFees {
  const fees: Partial<Record<keyof ToolFees, NanoUsd>> = {};
  for (const name of TOOL_FEE_NAMES) {
    const fee = Math.max(a[name] ?? 0, b[name] ?? 0);
    if (fee > 0) fees[name] = fee;
  }
  return fees;
}

/** Fees for a model whose price is not known, with the margin of its rates. */
export function timesMargin(fees: ToolFees): ToolFees {
  return Object.fromEntries(
    Object.entries(fees).map(([name, fee]) => [name, timesPercent(fee, MARGIN_PERCENT)]),
  );
}

type Calls = Pick<TokenUsage, 'webSearches' | 'fileSearches' | 'codeExecutions' | 'searchSources'>;

const MAX_CALLS = 1_000_000;

function feeOf(fee: NanoUsd | undefined, count: number | undefined): bigint {
  if (fee === undefined || count === undefined || !(count > 0)) return 0n;
  return BigInt(fee) * BigInt(Math.min(Math.ceil(count), MAX_CALLS));
}

/** Nano-dollars of these calls, exactly: the product of two safe integers need not be one. */
export function costOfCalls(fees: ToolFees, calls: Calls): bigint {
  return (
    feeOf(fees.webSearch, calls.webSearches) +
    feeOf(fees.fileSearch, calls.fileSearches) +
    feeOf(fees.codeExecution, calls.codeExecutions) +
    feeOf(fees.searchSource, calls.searchSources)
  );
}
