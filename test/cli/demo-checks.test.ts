import { describe, expect, it } from '@jest/globals';
import { Answer } from '../../src/cli/answer.ts';
import { runPhases, type Phase } from '../../src/cli/demo/phases.ts';
import { Progress } from '../../src/cli/demo/progress.ts';
import type { Reading } from '../../src/cli/demo/reading.ts';
import { makeReport } from '../../src/cli/demo/report.ts';
import { GatewayClient } from '../../src/cli/gateway-client.ts';
import { Output } from '../../src/cli/output.ts';
import { startStandIn } from '../support/stand-in-gateway.ts';

type Served = Phase['outcomes'][number]['served'];

const LAST: Reading = {
  status: 'Normal',
  month: '2026-12',
  spent: 0.25,
  limit: 1,
  held: 0,
  utilisation: 25,
  nextReset: '2027-01-01',
  requests: 8,
};

function phase(name: Phase['name'], month: string, served: readonly Served[]): Phase {
  const outcomes = served.map((by, at) => ({ requestId: `${name}-${at}`, model: 'm', served: by }));
  return { name, month, outcomes };
}

function charge(month: string, requestId: string, settled: string): Answer {
  const entry = {
    kind: 'charge',
    billing_month: month,
    request_id: requestId,
    backend: 'cloud',
    backend_type: 'cloud',
    model: 'm',
    settled_usd: settled,
    suspense_usd: '0',
    usage: { input_tokens: 1, output_tokens: 2 },
  };
  return new Answer(entry, 'an entry');
}

const PHASES = [
  phase('Normal', '2026-11', ['cloud', 'local']),
  phase('SoftLimit', '2026-11', ['local', 'cloud']),
  phase('HardLimit', '2026-11', ['local', 'refused']),
  phase('Next month', '2026-12', ['cloud', 'local']),
];
const ENTRIES = [
  charge('2026-11', 'Normal-0', '0.8'),
  charge('2026-11', 'SoftLimit-1', '0.2'),
  charge('2026-12', 'Next month-0', '0.25'),
];

describe("the demo's account of what happened", () => {
  it('finds nothing wrong with a month that went as it should', () => {
    const { problems, phases } = makeReport(PHASES, ENTRIES, LAST, 1);

    expect(problems).toEqual([]);
    expect(phases.map(({ spent }) => spent)).toEqual([800_000_000, 200_000_000, 0, 250_000_000]);
  });

  it('says it when a month was overspent by a nano-dollar', () => {
    const entries = [...ENTRIES, charge('2026-11', 'HardLimit-1', '0.000000001')];

    expect(makeReport(PHASES, entries, LAST, 1).problems).toEqual([
      '2026-11 was overspent: 1.000000001 USD',
    ]);
  });

  it('says it when ledger and statistics do not agree', () => {
    const last = { ...LAST, spent: 0.24, held: 0.01, requests: 7 };

    expect(makeReport(PHASES, ENTRIES, last, 1).problems).toEqual([
      'the ledger says 0.25 USD in 2026-12, /v1/stats says 0.24',
      '0.01 USD are still held although nothing is in flight',
      '8 requests were sent, /v1/stats counted 7',
    ]);
  });

  it('says it when a phase did not show what it is there to show', () => {
    const phases = [
      phase('Normal', '2026-11', ['local']),
      phase('SoftLimit', '2026-11', ['cloud', 'cloud']),
      phase('HardLimit', '2026-11', ['cloud', 'cloud']),
      phase('Next month', '2026-11', ['local', 'local', 'local']),
    ];

    expect(makeReport(phases, [], { ...LAST, spent: 0 }, 1).problems).toEqual([
      'no cloud backend was used in Normal',
      'no local backend was used in SoftLimit',
      'a cloud backend was used at HardLimit',
      'no local backend was used at HardLimit',
      'nothing was refused at HardLimit',
      'no cloud backend was used in the next month',
      'the requests fell into 1 billing months instead of 2',
    ]);
  });

  it('gives up on a budget that never leaves Normal', async () => {
    const budget = {
      status: 'Normal',
      billing_month: '2026-11',
      current_spending_usd: 0,
      monthly_limit_usd: 1,
      held_usd: 0,
      utilization_percent: 0,
      next_reset_date: '2026-12-01',
    };
    const standIn = await startStandIn(({ url }) =>
      url === '/v1/stats'
        ? { body: { requests: { total: 0 }, budget } }
        : { body: {}, headers: { 'x-nexus-request-id': 'r', 'x-nexus-backend-type': 'cloud' } },
    );
    const stage = {
      url: standIn.url,
      client: new GatewayClient(standIn.url),
      progress: new Progress(new Output(process.stderr, {}), true),
      signal: new AbortController().signal,
      speed: 100,
    };

    await expect(runPhases(stage)).rejects.toThrow(
      'Normal did not end after 500 requests; the budget stands at Normal',
    );
    await standIn.stop();
  });
});
