/**
 * What an outsider knows of the ledger: entries that `/v1/ledger` has shown, bills of the provider, answers that clients
 * got. After each restart the one is held against the others.
 */
import { attemptKey, RATES } from './setting.ts';
import type { Bill } from './provider-process.ts';

/** One row of `GET /v1/ledger`, as far as the books read it. */
interface ShownEntry {
  readonly seq: number;
  readonly kind: string;
  readonly billing_month: string;
  readonly request_id: string;
  readonly backend: string;
  readonly held_usd: string;
  readonly suspense_usd: string;
  readonly settled_usd: string;
  readonly excess_usd: string;
  readonly basis: string | null;
}

interface Page {
  readonly data: readonly ShownEntry[];
  readonly has_more: boolean;
  readonly next: { readonly after: number } | null;
}

/** The figures of `GET /v1/budget` that are checked. */
interface ShownBudget {
  readonly billing_month: string;
  readonly spent_usd_exact: string;
  readonly held_usd_exact: string;
  readonly monthly_limit_usd_exact: string;
  readonly open_holds: number;
}

/** A whole answer that a client has in hand. */
export interface SettledAnswer {
  readonly requestId: string;
  readonly backend: string;
  readonly model: string;
  /** Null when the provider gave no usage. */
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number } | null;
}

interface AttemptState {
  held: number;
  suspense: number;
  settled: number;
  basis: string | null;
  billed: number;
}

interface Sums {
  held: number;
  suspense: number;
  settled: number;
}

/** Whole nano-dollars of a decimal amount. */
export function nanoOf(usd: string): number {
  const parts = /^(-?)(\d+)(?:\.(\d{1,9}))?$/.exec(usd);
  if (parts === null) throw new Error(`"${usd}" is no amount of money`);
  const [, sign, whole = '0', fraction = ''] = parts;
  const nano = Number(BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0')));
  return sign === '-' ? 0 - nano : nano;
}

async function getJson<Body>(url: string): Promise<Body> {
  const answer = await fetch(url);
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}`);
  return (await answer.json()) as Body;
}

async function readBudget(url: string): Promise<ShownBudget> {
  return getJson<ShownBudget>(`${url}/v1/budget`);
}

export class Books {
  /** Every entry that was ever shown, as its text; the index is `seq - 1`. */
  readonly #shown: string[] = [];
  readonly #attempts = new Map<string, AttemptState>();
  readonly #months = new Map<string, Sums>();
  readonly #answers: SettledAnswer[] = [];
  readonly violations: string[] = [];
  /** Entries up to this `seq` were there after a restart, and are summed. */
  #confirmed = 0;
  billed = 0;
  #spentShown = 0;
  #spentAtStart: number | null = null;
  #monthShown = '';
  lost = 0;

  get entriesShown(): number {
    return this.#shown.length;
  }

  get attemptsBilled(): number {
    return [...this.#attempts.values()].filter(({ billed }) => billed > 0).length;
  }

  /** Sums over all months, in nano-dollars. */
  get totals(): Sums {
    const totals: Sums = { held: 0, suspense: 0, settled: 0 };
    for (const { held, suspense, settled } of this.#months.values()) {
      totals.held += held;
      totals.suspense += suspense;
      totals.settled += settled;
    }
    return totals;
  }

  fail(rule: string): void {
    this.violations.push(rule);
  }

  /** Reads what is new in the ledger of a running gateway: from now on it must never be missed. */
  async watchLedger(url: string): Promise<void> {
    for (;;) {
      const page = await getJson<Page>(`${url}/v1/ledger?after=${this.#shown.length}&limit=1000`);
      for (const entry of page.data) this.#note(entry);
      if (!page.has_more) return;
    }
  }

  /** Reads the budget of a running gateway. What it shows as spent must not become less, nor pass the limit. */
  async watchBudget(url: string): Promise<void> {
    const budget = await readBudget(url);
    const spent = nanoOf(budget.spent_usd_exact);
    const held = nanoOf(budget.held_usd_exact);
    const limit = nanoOf(budget.monthly_limit_usd_exact);
    this.#spentAtStart ??= spent;
    // A limit may have been set below what was spent already: then nothing may be added.
    if (spent + held > Math.max(limit, this.#spentAtStart))
      this.fail(`spent ${spent} and held ${held} are together more than the limit of ${limit}`);
    if (budget.billing_month === this.#monthShown && spent < this.#spentShown)
      this.fail(`spent went back from ${this.#spentShown} to ${spent}`);
    this.#monthShown = budget.billing_month;
    this.#spentShown = spent;
  }

  noteAnswer(answer: SettledAnswer): void {
    this.#answers.push(answer);
  }

  noteBills(bills: readonly Bill[]): void {
    for (const { key, nanoUsd, times } of bills) {
      if (times > 1) this.fail(`${key} was sent ${times} times under one hold`);
      this.#attempt(key).billed += nanoUsd;
      this.billed += nanoUsd;
    }
  }

  /** All checks on a gateway that was just started and has no request in flight. */
  async checkRestart(url: string): Promise<void> {
    this.#spentAtStart = null;
    await this.#confirmEntries(url);
    await this.watchBudget(url);
    await this.#checkBalance(url);
    this.#checkAttempts();
    this.#checkAnswers();
    const { settled, suspense } = this.totals;
    if (settled + suspense < this.billed) {
      this.fail(`the ledger has ${settled} + ${suspense}, and ${this.billed} was billed`);
    }
  }

  /** Reads the whole ledger once more and compares every entry with what was shown at any time before. */
  async checkWholeLedger(url: string): Promise<void> {
    let seq = 0;
    for (;;) {
      const page = await getJson<Page>(`${url}/v1/ledger?after=${seq}&limit=1000`);
      for (const entry of page.data) {
        seq += 1;
        this.#compare(entry, seq);
      }
      if (!page.has_more) break;
    }
    if (seq < this.#shown.length) this.#lose(seq + 1);
  }

  #note(entry: ShownEntry): void {
    if (entry.seq !== this.#shown.length + 1)
      this.fail(`entry ${entry.seq} came after entry ${this.#shown.length}`);
    this.#shown.push(JSON.stringify(entry));
  }

  #compare(entry: ShownEntry, seq: number): void {
    const before = this.#shown[seq - 1];
    if (entry.seq === seq && before === JSON.stringify(entry)) return;
    this.lost += 1;
    this.fail(`entry ${seq} was ${String(before)} and is ${JSON.stringify(entry)}`);
  }

  #lose(from: number): void {
    const count = this.#shown.length - from + 1;
    this.lost += count;
    this.fail(
      `${count} entries that were shown are gone, from ${String(this.#shown[from - 1])} on`,
    );
  }

  /** Compares what was shown in the last life, and takes over what nobody had seen of it. */
  async #confirmEntries(url: string): Promise<void> {
    const known = this.#shown.length;
    for (;;) {
      const page = await getJson<Page>(`${url}/v1/ledger?after=${this.#confirmed}&limit=1000`);
      for (const entry of page.data) {
        this.#confirmed += 1;
        if (this.#confirmed <= known) this.#compare(entry, this.#confirmed);
        else this.#note(entry);
        this.#sum(entry);
      }
      if (!page.has_more) break;
    }
    if (this.#confirmed < known) this.#lose(this.#confirmed + 1);
  }

  #sum(entry: ShownEntry): void {
    const held = nanoOf(entry.held_usd);
    const suspense = nanoOf(entry.suspense_usd);
    const settled = nanoOf(entry.settled_usd);
    const month = this.#months.get(entry.billing_month) ?? { held: 0, suspense: 0, settled: 0 };
    this.#months.set(entry.billing_month, month);
    const attempt = this.#attempt(attemptKey(entry.request_id, entry.backend));
    for (const sums of [month, attempt]) {
      sums.held += held;
      sums.suspense += suspense;
      sums.settled += settled;
    }
    attempt.basis = entry.basis ?? attempt.basis;
    if (nanoOf(entry.excess_usd) !== 0) this.fail(`entry ${entry.seq} charges more than was held`);
  }

  /** Balances that the gateway shows are the sums of the entries that it shows, and nothing is held. */
  async #checkBalance(url: string): Promise<void> {
    const budget = await readBudget(url);
    const month = this.#months.get(budget.billing_month) ?? { held: 0, suspense: 0, settled: 0 };
    const spent = nanoOf(budget.spent_usd_exact);
    if (spent !== month.settled + month.suspense)
      this.fail(`spent is ${spent}, and the entries say ${month.settled + month.suspense}`);
    if (nanoOf(budget.held_usd_exact) !== 0 || budget.open_holds !== 0)
      this.fail(`held is ${budget.held_usd_exact} in ${budget.open_holds} holds after a restart`);
    if (this.totals.held !== 0) this.fail(`the entries hold ${this.totals.held} after a restart`);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const drift = /^nexus_budget_drift_usd(?:\{[^}]*\})? (\S+)$/m.exec(metrics)?.[1];
    if (drift !== '0') this.fail(`the drift is ${String(drift)}`);
  }

  #checkAttempts(): void {
    for (const [key, { settled, suspense, billed, basis }] of this.#attempts) {
      if (settled + suspense < billed)
        this.fail(`${key} has ${settled} + ${suspense}, and ${billed} was billed for it`);
      if (basis === 'provider' && settled !== billed)
        this.fail(`${key} was charged ${settled} on the provider's word, who billed ${billed}`);
    }
  }

  #checkAnswers(): void {
    for (const { requestId, backend, model, usage } of this.#answers.splice(0)) {
      const attempt = this.#attempts.get(attemptKey(requestId, backend));
      const rate = RATES[model];
      if (attempt === undefined) this.fail(`the ledger has nothing of the answered ${requestId}`);
      else if (usage !== null && rate !== undefined) {
        const cost = usage.prompt_tokens * rate.input + usage.completion_tokens * rate.output;
        if (attempt.settled + attempt.suspense < cost)
          this.fail(`${requestId} was answered for ${cost} and the ledger has less`);
      }
    }
  }

  #attempt(key: string): AttemptState {
    let attempt = this.#attempts.get(key);
    if (attempt === undefined) {
      attempt = { held: 0, suspense: 0, settled: 0, basis: null, billed: 0 };
      this.#attempts.set(key, attempt);
    }
    return attempt;
  }
}
