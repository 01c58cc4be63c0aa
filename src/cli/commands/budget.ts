import type { Answer } from '../answer.ts';
import { command } from '../command.ts';
import { connect, GATEWAY_FLAGS } from '../gateway-client.ts';
import { JSON_FLAG } from '../shared-flags.ts';
import { factLines } from '../table.ts';

const ACTION_WORDS: Readonly<Record<string, string>> = {
  Warn: 'at the limit a warning',
  BlockCloud: 'at the limit no cloud',
  BlockAll: 'at the limit nothing',
};

function usd(budget: Answer, name: string): string {
  return `${budget.text(`${name}_usd_exact`)} USD`;
}

function whenSpent(forecast: Answer): string {
  if (forecast.text('status') !== 'ok') return 'too little was seen yet';
  const pace = forecast.number('burn_rate_usd_per_day').toFixed(2);
  const end = forecast.number('projected_month_end_usd').toFixed(2);
  const limitAt = forecast.textOr('hard_limit_at', '');
  const limit = limitAt === '' ? 'the limit is not reached' : `the limit is reached at ${limitAt}`;
  return `${pace} USD a day, ${end} USD at the month's end; ${limit}`;
}

function lines(budget: Answer): readonly string[] {
  const action = budget.text('hard_limit_action');
  const open = budget.number('open_holds');
  return factLines([
    ['status', `${budget.text('status')}, routing ${budget.text('posture')}`],
    ['month', `${budget.text('billing_month')}, until ${budget.text('period_ends_at')}`],
    [
      'spent',
      `${usd(budget, 'spent')} of ${usd(budget, 'monthly_limit')} (${budget.number('utilization_percent').toFixed(1)} %)`,
    ],
    ...(budget.number('suspense_usd') === 0
      ? []
      : ([['in suspense', `${usd(budget, 'suspense')} of it: outcome unknown`]] as const)),
    ['held', `${usd(budget, 'held')} by ${open} ${open === 1 ? 'attempt' : 'attempts'} in flight`],
    ['free', usd(budget, 'headroom')],
    [
      'rules',
      `local first from ${budget.number('soft_limit_threshold')} % on, ${ACTION_WORDS[action] ?? action}`,
    ],
    ['forecast', whenSpent(budget.object('forecast'))],
  ]);
}

export const budget = command({
  synopsis: '[options]',
  about:
    "Asks a running gateway for this month's budget: what was spent, what requests in flight hold, what is free, and where the month is heading.",
  flags: { ...GATEWAY_FLAGS, ...JSON_FLAG },
  examples: ['nexus budget', 'nexus budget --json | jq -r .headroom_usd_exact'],
  async run(flags, session) {
    const answer = await connect(flags, session).get('/v1/budget');
    if (flags.isSet('json')) await session.out.json(answer.raw);
    else await session.out.line(lines(answer).join('\n'));
    return 0;
  },
});
