import { expect } from '@jest/globals';
import { periodAt, type BillingPeriod } from '../../src/core/billing-period.ts';
import type { Charge, Hold, HoldRequest } from '../../src/core/ledger.ts';
import { toPico, type NanoUsd } from '../../src/core/money.ts';
import { NO_USAGE } from '../../src/core/usage.ts';
import type { LedgerAlarm } from '../../src/ledger/holds.ts';
import { openLedger, type LedgerOptions, type OpenLedger } from '../../src/ledger/ledger.ts';
import type { LedgerStore } from '../../src/ledger/store.ts';
import { HandClock } from './hand-clock.ts';
import { recordingLog } from './recording-log.ts';

/** The billing month of an instant, for a plain UTC cycle. */
export function monthOf(instant: string | number): BillingPeriod {
  const atMs = typeof instant === 'string' ? Date.parse(instant) : instant;
  return periodAt(atMs, { billingCycleDay: 1, timezone: 'UTC' });
}

export function holdRequest(amount: NanoUsd, more: Partial<HoldRequest> = {}): HoldRequest {
  return {
    requestId: 'req-1',
    attempt: 1,
    backend: 'openai',
    backendKind: 'cloud',
    model: 'gpt-4-turbo',
    amount,
    priceVersion: 'list 2026-11-01',
    ...more,
  };
}

/** A charge of whole nano-dollars, unless an exact cost is given. */
export function charge(amount: NanoUsd, more: Partial<Charge> = {}): Charge {
  return {
    amount,
    exactPico: toPico(amount).toString(),
    basis: 'provider',
    usage: { ...NO_USAGE, input: 100, output: 10 },
    ...more,
  };
}

/** A ledger whose time and turns of the event loop are moved by the test. */
export function testLedger(
  store: LedgerStore,
  clock = new HandClock(),
  firstId = 1,
  options: Pick<LedgerOptions, 'costOf' | 'scheduleLater'> = {},
) {
  const log = recordingLog();
  const alarms: LedgerAlarm[] = [];
  let turn: (() => void)[] = [];
  let nextId = firstId;
  const ledger: OpenLedger = openLedger({
    store,
    clock,
    period: monthOf(clock.now()),
    newId: () => `hold-${nextId++}`,
    log,
    scheduleFlush: (flush) => turn.push(flush),
    onAlarm: (alarm) => alarms.push(alarm),
    ...options,
  });
  /** Ends a turn of the event loop: what it left to do is done. */
  function endTurn(): void {
    const work = turn;
    turn = [];
    for (const flush of work) flush();
  }
  /** Reserves what must fit. */
  function hold(amount: NanoUsd, more: Partial<HoldRequest> = {}): Hold {
    const reserved = ledger.reserve(holdRequest(amount, more));
    if (reserved.kind !== 'held') throw new Error(`the hold was ${reserved.kind}`);
    return reserved.hold;
  }
  /** Balances and entries tell one story, in every month. */
  function expectExact(): void {
    expect(ledger.audit().drift).toBe(0);
    for (const report of ledger.verify()) expect(report).toMatchObject({ drift: 0, problems: [] });
  }
  return { ledger, clock, log, alarms, endTurn, hold, expectExact };
}
