/** The budget as `GET /v1/stats` shows it, in the demo's words. */
import type { GatewayClient } from '../gateway-client.ts';

export interface Reading {
  readonly status: string;
  readonly month: string;
  /** USD, for showing; what is compared comes from the ledger. */
  readonly spent: number;
  readonly limit: number;
  readonly held: number;
  readonly utilisation: number;
  /** `YYYY-MM-DD`. */
  readonly nextReset: string;
  readonly requests: number;
}

export async function readBudget(client: GatewayClient): Promise<Reading> {
  const stats = await client.get('/v1/stats');
  const budget = stats.object('budget');
  return {
    status: budget.text('status'),
    month: budget.text('billing_month'),
    spent: budget.number('current_spending_usd'),
    limit: budget.number('monthly_limit_usd'),
    held: budget.number('held_usd'),
    utilisation: budget.number('utilization_percent'),
    nextReset: budget.text('next_reset_date'),
    requests: stats.object('requests').number('total'),
  };
}
