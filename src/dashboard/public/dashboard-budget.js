/** The budget: where it stands, in figures, as a bar, and as the chart that decides. */
import { element, facts, STATUS_TONES, time, usd } from './dashboard-elements.js';
import { statechart } from './dashboard-statechart.js';

const ACTION_WORDS = {
  Warn: 'warn, refuse nothing',
  BlockCloud: 'block cloud backends',
  BlockAll: 'block everything',
};

export function budgetSection({ budget, spent, day, inspector }) {
  if (budget === undefined) {
    return [
      element(
        'p',
        {},
        'No budget is configured, so nothing is limited. Set ',
        element('code', {}, 'monthly_limit_usd'),
        ' under ',
        element('code', {}, '[routing.budget]'),
        ' to have one.',
      ),
      facts([
        ['Last 24 hours', usd(spent.last_24h_usd)],
        ['Today', usd(spent.today_usd)],
      ]),
    ];
  }
  return [
    element(
      'p',
      { class: 'headline' },
      element('strong', {}, usd(budget.current_spending_usd)),
      ` of ${usd(budget.monthly_limit_usd)} in ${budget.billing_month} (${budget.utilization_percent.toFixed(1)}\u00a0%)`,
    ),
    budgetBar(budget),
    statechart(budget, inspector),
    facts([
      ['Remaining', usd(budget.remaining_usd)],
      [keyed('held', 'Held for requests in flight'), usd(budget.held_usd)],
      [keyed('suspense', 'In suspense, outcome unknown'), usd(budget.suspense_usd)],
      ['Last 24 hours', usd(spent.last_24h_usd)],
      ['Today', usd(spent.today_usd)],
      ...forecastFacts(budget.forecast),
      ['At the hard limit', ACTION_WORDS[budget.hard_limit_action]],
      ['Next reset', budget.next_reset_date],
      [
        'Reconciled',
        budget.last_reconciliation === null ? 'not yet' : time(budget.last_reconciliation, day),
      ],
    ]),
  ];
}

/** A name with the pattern that stands for it in the bar. */
function keyed(kind, name) {
  return element(
    'span',
    {},
    element('span', { class: `swatch ${kind}`, 'aria-hidden': 'true' }),
    name,
  );
}

function forecastFacts(forecast) {
  if (forecast.status !== 'ok') return [['Pace', 'too early to say']];
  return [
    ['Pace of the month', `${usd(forecast.burn_rate_usd_per_day)} a day`],
    ['The month at this pace', usd(forecast.projected_month_end_usd)],
  ];
}

/** Spending and what is held on one scale with the two limits. */
function budgetBar(budget) {
  const { current_spending_usd: spent, suspense_usd: suspense, held_usd: held } = budget;
  const limit = budget.monthly_limit_usd;
  const soft = (limit * budget.soft_limit_threshold) / 100;
  const end = Math.max(limit, spent + held) * 1.04;
  const percent = (value) => `${(value / end) * 100}%`;
  const part = (kind, from, amount) => {
    const fill = element('span', { class: kind });
    fill.style.left = percent(from);
    fill.style.width = percent(amount);
    return fill;
  };
  const mark = (kind, name, value) => {
    const words = element('span', { class: 'mark-name' }, name);
    const line = element('span', { class: `mark ${kind}` }, words);
    line.style.left = percent(value);
    return line;
  };
  const text = `${usd(spent)} spent, of which ${usd(suspense)} in suspense, and ${usd(held)} held, soft limit ${usd(soft)}, hard limit ${usd(limit)}`;
  return element(
    'div',
    { class: 'budget-bar', role: 'img', 'aria-label': text },
    element(
      'div',
      { class: 'track' },
      part(`spent ${STATUS_TONES[budget.status]}`, 0, spent - suspense),
      part('suspense', spent - suspense, suspense),
      part('held', spent, held),
    ),
    soft < limit ? mark('above', `soft ${usd(soft)}`, soft) : null,
    mark('below', `hard ${usd(limit)}`, limit),
  );
}
