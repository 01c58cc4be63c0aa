/** What happened in a world, or in all of them together. */
export interface Counts {
  /** Requests of which an attempt was held. */
  admissions: number;
  /** Attempts that were sent. */
  attempts: number;
  served: number;
  /** Requests refused for lack of money. */
  refused: number;
  /** Requests refused because the ledger could not be written. */
  unavailable: number;
  /** Requests that found no backend, or that no backend answered. */
  unanswered: number;
  clients_gone: number;
  gateway_starts: number;
  failed_starts: number;
  stops: number;
  crashes: number;
  storage_faults: number;
  clock_jumps: number;
  months: number;
  limit_changes: number;
  /** Charges told a second time, late, or differently. */
  told_again: number;
  rests: number;
  steps: number;
  /** What providers billed beyond their holds, as the ledger declares it. */
  excess_nano_usd: number;
  /** What they billed where nobody on the gateway's side could know. */
  unseen_nano_usd: number;
}

export function noCounts(): Counts {
  return {
    admissions: 0,
    attempts: 0,
    served: 0,
    refused: 0,
    unavailable: 0,
    unanswered: 0,
    clients_gone: 0,
    gateway_starts: 0,
    failed_starts: 0,
    stops: 0,
    crashes: 0,
    storage_faults: 0,
    clock_jumps: 0,
    months: 0,
    limit_changes: 0,
    told_again: 0,
    rests: 0,
    steps: 0,
    excess_nano_usd: 0,
    unseen_nano_usd: 0,
  };
}

export function addCounts(sum: Counts, more: Counts): void {
  for (const name of Object.keys(more) as (keyof Counts)[]) sum[name] += more[name];
}
