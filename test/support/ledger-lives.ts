/** Short lives of a process that spends money, over a store that fails, each ended by a crash. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { FaultyStore } from './faulty-store.ts';
import { HandClock } from './hand-clock.ts';
import { charge, holdRequest, testLedger } from './test-ledger.ts';

const STEPS = 25;
export const LIMIT = 2000;
const FAULTS = ['none', 'none', 'none', 'append', 'reply', 'everything', 'lost reply'] as const;

export interface Sent {
  readonly id: string;
  readonly amount: number;
  /** Reported durable, so that it was sent. */
  wasSent: boolean;
  /** What the provider really billed. */
  billed: number;
  outcome: 'none' | 'charged' | 'released' | 'suspended';
}

/** One life of a process: it reserves, sends what is durable, learns what that cost, and dies at any moment. */
export async function live(
  store: FaultyStore,
  random: () => number,
  firstId: number,
): Promise<Sent[]> {
  const below = (bound: number) => Math.floor(random() * bound);
  store.fault = 'none';
  const { ledger, clock, endTurn } = testLedger(store, new HandClock(), firstId);
  ledger.setBudget({ limit: LIMIT, enforce: true });
  const holds: Sent[] = [];
  for (let step = 0; step < STEPS; step += 1) {
    const dice = random();
    if (dice < 0.4) {
      const amount = below(150);
      const result = ledger.reserve(holdRequest(amount));
      if (result.kind !== 'held') continue;
      const sent: Sent = {
        id: result.hold.id,
        amount,
        wasSent: amount === 0,
        billed: 0,
        outcome: 'none',
      };
      holds.push(sent);
      ledger.committed().then(
        () => (sent.wasSent = true),
        () => undefined,
      );
    } else if (dice < 0.7) {
      const known = holds[below(holds.length)];
      if (known === undefined || !known.wasSent || known.outcome !== 'none') continue;
      if (random() < 0.7) {
        known.billed = below(known.amount + 1);
        known.outcome = 'charged';
        ledger.settle(known.id, charge(known.billed));
      } else if (random() < 0.5) {
        known.outcome = 'released';
        ledger.release(known.id, 'refused');
      } else {
        known.billed = below(known.amount + 1);
        known.outcome = 'suspended';
        ledger.suspend(known.id, 'timeout');
      }
    } else if (dice < 0.85) {
      endTurn();
      await nextTurn();
    } else if (dice < 0.95) store.fault = FAULTS[below(FAULTS.length)] ?? 'none';
    else clock.advance(below(3000));
    // The bound: whatever was sent is covered by what counts.
    const { settled, suspense, held } = ledger.totals();
    expect(settled + suspense + held).toBeLessThanOrEqual(LIMIT);
  }
  return holds;
}

/** Everything that was sent counts at least what it was billed; nothing counts more than its hold. */
export function expectCovered(store: FaultyStore, holds: readonly Sent[]): void {
  for (const { id, amount, wasSent, billed, outcome } of holds) {
    let counted = 0;
    for (const entry of store.entriesOfHold(id)) {
      counted += entry.settledChange + entry.suspenseChange + entry.heldChange;
    }
    if (wasSent) expect(counted).toBeGreaterThanOrEqual(billed);
    if (wasSent && outcome !== 'released' && counted < amount) expect(counted).toBe(billed);
    expect(counted).toBeLessThanOrEqual(amount);
  }
}
