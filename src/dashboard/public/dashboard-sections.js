/** One function for each section: a frame in, nodes out. */
import {
  badge,
  bar,
  count,
  duration,
  element,
  facts,
  table,
  time,
  usd,
} from './dashboard-elements.js';

const STATUS_WORDS = { Normal: 'Normal', SoftLimit: 'Soft limit', HardLimit: 'Hard limit' };
const STATUS_TONES = { Normal: 'good', SoftLimit: 'warning', HardLimit: 'error' };
const POSTURE_WORDS = {
  open: 'the best backend wins',
  preferLocal: 'local backends go first',
  localOnly: 'local backends only',
  closed: 'no request is served',
};
const ACTION_WORDS = {
  Warn: 'warn, refuse nothing',
  BlockCloud: 'block cloud backends',
  BlockAll: 'block everything',
};

/** The line under the title. */
export function statusLine({ stats, posture }) {
  const { budget } = stats;
  const word =
    budget === undefined
      ? badge('No budget', 'plain')
      : badge(STATUS_WORDS[budget.status], STATUS_TONES[budget.status]);
  return [word, ` ${POSTURE_WORDS[posture]}`];
}

export function budgetSection({ stats, day }) {
  const { budget } = stats;
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
    ];
  }
  return [
    element(
      'p',
      { class: 'headline' },
      element('strong', {}, usd(budget.current_spending_usd)),
      ` of ${usd(budget.monthly_limit_usd)} in ${budget.billing_month} (${budget.utilization_percent.toFixed(1)} %)`,
    ),
    budgetBar(budget),
    facts([
      ['Remaining', usd(budget.remaining_usd)],
      ['Held for requests in flight', usd(budget.held_usd)],
      ['In suspense', budget.suspense_usd > 0 ? usd(budget.suspense_usd) : null],
      ['At the hard limit', ACTION_WORDS[budget.hard_limit_action]],
      ['Next reset', budget.next_reset_date],
      ...forecastFacts(budget.forecast, day),
      [
        'Reconciled',
        budget.last_reconciliation === null ? 'not yet' : time(budget.last_reconciliation, day),
      ],
    ]),
  ];
}

function forecastFacts(forecast, day) {
  if (forecast.status !== 'ok') return [['Forecast', 'too early to say']];
  return [
    ['Pace', `${usd(forecast.burn_rate_usd_per_day)} a day`],
    ['Expected at the end of the month', usd(forecast.projected_month_end_usd)],
    [
      'Soft limit expected',
      forecast.soft_limit_at === null ? null : time(forecast.soft_limit_at, day),
    ],
    [
      'Hard limit expected',
      forecast.hard_limit_at === null ? null : time(forecast.hard_limit_at, day),
    ],
  ];
}

/** Spending and what is held on one scale with the two limits. */
function budgetBar(budget) {
  const { current_spending_usd: spent, held_usd: held, monthly_limit_usd: limit } = budget;
  const soft = (limit * budget.soft_limit_threshold) / 100;
  const end = Math.max(limit, spent + held) * 1.04;
  const percent = (value) => `${(value / end) * 100}%`;
  const spentFill = element('span', { class: `spent ${STATUS_TONES[budget.status]}` });
  spentFill.style.width = percent(spent);
  const heldFill = element('span', { class: 'held' });
  heldFill.style.left = percent(spent);
  heldFill.style.width = percent(held);
  const mark = (name, value) => {
    const line = element('span', { class: 'mark' }, element('span', { class: 'mark-name' }, name));
    line.style.left = percent(value);
    return line;
  };
  const text = `${usd(spent)} spent and ${usd(held)} held, soft limit ${usd(soft)}, hard limit ${usd(limit)}`;
  return element(
    'div',
    { class: 'budget-bar', role: 'img', 'aria-label': text },
    element('div', { class: 'track' }, spentFill, heldFill),
    soft < limit ? mark(`soft ${usd(soft)}`, soft) : null,
    mark(`hard ${usd(limit)}`, limit),
  );
}

const HEALTH_TONES = { healthy: 'good', unhealthy: 'error', unknown: 'plain' };

export function backendsSection({ stats }) {
  if (stats.backends.length === 0) return [element('p', {}, 'No backend is configured.')];
  const columns = [
    { title: 'Name' },
    { title: 'Where' },
    { title: 'Health' },
    { title: 'Latency', right: true },
    { title: 'In flight', right: true },
    { title: 'Served', right: true },
    { title: 'Failures', right: true },
    { title: 'Models', right: true },
  ];
  const rows = stats.backends.map((backend) => [
    backend.name,
    `${backend.kind}, ${backend.type}`,
    element(
      'span',
      {},
      badge(backend.status, HEALTH_TONES[backend.status]),
      backend.reason === null ? null : element('span', { class: 'quiet reason' }, backend.reason),
    ),
    duration(backend.latency_ms),
    count(backend.pending),
    count(backend.requests),
    count(backend.failures),
    count(backend.models),
  ]);
  return [table('Backends with health and latency', columns, rows)];
}

export function requestsSection({ stats, recent, day }) {
  const { total, errors } = stats.requests;
  const summary = `${count(total)} requests since the start, ${count(errors)} with an error.`;
  if (recent.length === 0) return [element('p', {}, 'No request yet.')];
  const columns = [
    { title: 'Time' },
    { title: 'Model' },
    { title: 'Backend' },
    { title: 'Why there' },
    { title: 'Status' },
    { title: 'Tokens in', right: true },
    { title: 'Tokens out', right: true },
    { title: 'Cost', right: true },
    { title: 'Time taken', right: true },
  ];
  const rows = recent.map((request) => [
    time(request.time, day),
    modelCell(request),
    request.backend === null ? '' : `${request.backend} (${request.backend_type})`,
    request.route_reason ?? '',
    statusCell(request),
    count(request.input_tokens),
    count(request.output_tokens),
    usd(request.cost_usd),
    duration(request.duration_ms),
  ]);
  return [
    element('p', { class: 'quiet' }, summary),
    table('Recent requests, newest first', columns, rows),
  ];
}

function modelCell({ model_requested: requested, model_served: served, id }) {
  const isOther = served !== null && served !== requested;
  return element(
    'span',
    { title: id },
    served ?? requested,
    isOther ? element('span', { class: 'quiet reason' }, `asked for ${requested}`) : null,
  );
}

function statusCell({ status, error }) {
  return element(
    'span',
    {},
    badge(String(status), status < 400 ? 'good' : 'error'),
    error === null ? null : element('span', { class: 'quiet reason' }, error),
  );
}

const EVENT_WORDS = { info: 'note', warning: 'warning', error: 'alarm' };
const EVENT_TONES = { info: 'plain', warning: 'warning', error: 'error' };

export function eventsSection({ events, day }) {
  if (events.length === 0) return [element('p', {}, 'Nothing has happened yet.')];
  const items = events.map(({ time: at, tone, text }) =>
    element(
      'li',
      {},
      badge(EVENT_WORDS[tone], EVENT_TONES[tone]),
      ' ',
      text,
      ' ',
      element('span', { class: 'quiet' }, time(at, day)),
    ),
  );
  return [element('ol', { class: 'events', reversed: '' }, ...items)];
}

export function modelsSection({ stats }) {
  const models = stats.models.toSorted((a, b) => b.cost_usd - a.cost_usd).slice(0, 12);
  if (models.length === 0) return [element('p', {}, 'No request yet.')];
  const most = Math.max(...models.map(({ cost_usd: cost }) => cost)) || 1;
  const columns = [
    { title: 'Model' },
    { title: 'Requests', right: true },
    { title: 'Cost', right: true },
    { title: element('span', { class: 'unseen' }, 'Compared with the dearest') },
  ];
  const rows = models.map(({ name, requests, cost_usd: cost }) => [
    name,
    count(requests),
    usd(cost),
    bar(cost / most),
  ]);
  return [table('Cost by model since the start of the gateway', columns, rows)];
}

const TIER_WORDS = [
  ['exact', "the model's own encoding"],
  ['approximation', 'the nearest encoding'],
  ['heuristic', 'by the number of characters'],
];

export function tiersSection({ tiers }) {
  const total = tiers.exact + tiers.approximation + tiers.heuristic;
  const columns = [
    { title: 'Tier' },
    { title: 'Requests', right: true },
    { title: 'Share', right: true },
    { title: element('span', { class: 'unseen' }, 'Share as a bar') },
  ];
  const rows = TIER_WORDS.map(([tier, meaning]) => {
    const share = total === 0 ? 0 : tiers[tier] / total;
    return [
      element('span', {}, tier, element('span', { class: 'quiet reason' }, meaning)),
      count(tiers[tier]),
      total === 0 ? '' : `${(share * 100).toFixed(0)} %`,
      bar(share),
    ];
  });
  return [table('Token counting by tier', columns, rows)];
}
