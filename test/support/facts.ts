/** Facts of the request path for tests: a chat that a cloud backend served, unless a test says otherwise. */
import type { RequestEnded } from '../../src/core/facts.ts';
import type { MonthTotals } from '../../src/core/ledger.ts';
import { NO_USAGE } from '../../src/core/usage.ts';

export function aRequestEnded(facts: Partial<RequestEnded> = {}): RequestEnded {
  return {
    id: 'req_1',
    atMs: Date.parse('2026-11-10T12:00:00Z'),
    route: 'chat',
    stream: false,
    modelRequested: 'gpt-4-turbo',
    modelServed: 'gpt-4-turbo',
    backend: 'openai',
    backendKind: 'cloud',
    routeReason: 'capability-match',
    attempts: 1,
    status: 200,
    errorCode: null,
    clientGone: false,
    usage: { ...NO_USAGE, input: 120, output: 30 },
    basis: 'provider',
    cost: 2_100_000,
    estimate: 2_400_000,
    excess: 0,
    priceSource: 'list',
    durationMs: 1250,
    firstByteMs: 300,
    overheadMs: 1.25,
    budgetStatus: 'Normal',
    ...facts,
  };
}

/** A request that nobody served. */
export function aRefusal(facts: Partial<RequestEnded> = {}): RequestEnded {
  return aRequestEnded({
    modelServed: null,
    backend: null,
    backendKind: null,
    routeReason: null,
    attempts: 0,
    status: 503,
    errorCode: 'budget_exhausted',
    usage: null,
    basis: null,
    cost: 0,
    estimate: null,
    priceSource: null,
    durationMs: 2,
    firstByteMs: null,
    ...facts,
  });
}

export function someTotals(totals: Partial<MonthTotals> = {}): MonthTotals {
  return {
    month: '2026-11',
    settled: 0,
    suspense: 0,
    held: 0,
    excess: 0,
    openHolds: 0,
    ...totals,
  };
}
