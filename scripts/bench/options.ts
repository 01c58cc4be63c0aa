/** The command line of `npm run bench`. */
import { parseArgs } from 'node:util';

export const PARTS = ['http', 'rate', 'stream', 'memory', 'pause', 'decide', 'ledger'] as const;
export type Part = (typeof PARTS)[number];

export interface BenchOptions {
  readonly parts: ReadonlySet<Part>;
  readonly isQuick: boolean;
  readonly rounds: number;
  /** One round of one target, in milliseconds. */
  readonly roundMs: number;
  /**
   * Each target before it is measured. V8 goes on compiling the gateway's code for the first 12,000 requests, which then
   * cost a third more.
   */
  readonly warmUp: { readonly requests: number; readonly ms: number };
  readonly memoryRequests: number;
  readonly ledgerSizes: readonly number[];
  /** Results are kept under `scripts/bench/results/`. */
  readonly isKept: boolean;
}

export const HELP = `npm run bench -- [flags]

What the gateway costs, with budget, ledger file, metrics and JSON log on, beside a direct call, the barest
node:http proxy on the same Node ("raw"), nginx (when installed) and @portkey-ai/gateway (without any of these).
Correctness first: nothing is measured when answers differ. Then interleaved rounds; medians and ratios.

  --only LIST        parts, by commas: ${PARTS.join(', ')}
                       http    requests/s, p50, p99, CPU at 1, 10 and 64 connections
                       rate    p50 and p99 at a fixed rate of requests
                       stream  chunks/s and CPU per chunk of paced streams
                       memory  resident memory over 100,000 requests
                       pause   event-loop delay while long and hostile prompts are counted
                       decide  decide + hold + settle by number of backends
                       ledger  start, reconciliation and stats by size of the ledger
  --quick            all parts in short, about a minute; too short for figures to be quoted
  --rounds N         interleaved rounds (default 7, quick 3)
  --ledger-sizes L   entries, by commas (default 0,100000,1000000; quick 0,20000); 10000000 takes minutes to fill
  --no-results       do not keep the results under scripts/bench/results/
  --help             this text

Example: npm run bench -- --only http,stream --rounds 5
`;

export class UsageError extends Error {}

function wholeNumber(text: string, flag: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least)
    throw new UsageError(`${flag} must be a whole number from ${least} on, not "${text}"`);
  return value;
}

function partsOf(list: string | undefined): ReadonlySet<Part> {
  if (list === undefined) return new Set(PARTS);
  const names = list.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !PARTS.some((part) => part === name));
  if (unknown !== undefined)
    throw new UsageError(`--only does not know "${unknown}"; parts are ${PARTS.join(', ')}`);
  return new Set(PARTS.filter((part) => names.includes(part)));
}

/** Null: the help was asked for. Throws `UsageError`. */
export function readOptions(args: readonly string[]): BenchOptions | null {
  const { values } = parseValues(args);
  if (values.help) return null;
  const isQuick = values.quick;
  const sizes = values['ledger-sizes'] ?? (isQuick ? '0,20000' : '0,100000,1000000');
  return {
    parts: partsOf(values.only),
    isQuick,
    rounds: wholeNumber(values.rounds ?? (isQuick ? '3' : '7'), '--rounds', 1),
    roundMs: isQuick ? 300 : 1500,
    warmUp: isQuick ? { requests: 2000, ms: 800 } : { requests: 12_000, ms: 40_000 },
    memoryRequests: isQuick ? 4000 : 100_000,
    ledgerSizes: sizes.split(',').map((size) => wholeNumber(size, '--ledger-sizes', 0)),
    isKept: !values['no-results'] && !isQuick,
  };
}

function parseValues(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string' },
        quick: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        'ledger-sizes': { type: 'string' },
        'no-results': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(Error.isError(error) ? error.message : String(error));
  }
}
