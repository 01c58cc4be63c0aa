/** One function for each section: a frame in, nodes out. */
import {
  badge,
  bar,
  count,
  duration,
  element,
  STATUS_TONES,
  STATUS_WORDS,
  table,
  time,
  usd,
} from './dashboard-elements.js';

const POSTURE_WORDS = {
  open: 'the best backend wins',
  preferLocal: 'local backends go first',
  localOnly: 'local backends only',
  closed: 'no request is served',
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
    modelName(request.model_requested, request.model_served, request.id),
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

function modelName(requested, served, id) {
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

/** Cost in this month under each name, with a bar beside the dearest. */
function costTable(caption, title, rows, cells) {
  const most = Math.max(...rows.map(({ cost_usd: cost }) => cost)) || 1;
  const columns = [
    { title },
    { title: 'Charges', right: true },
    { title: 'Cost', right: true },
    { title: element('span', { class: 'unseen' }, 'Compared with the dearest') },
  ];
  const filled = rows.map((row) => [
    cells(row),
    count(row.charges),
    usd(row.cost_usd),
    bar(row.cost_usd / most),
  ]);
  return table(caption, columns, filled);
}

export function modelsSection({ models }) {
  if (models.length === 0) return [element('p', {}, 'No charge yet this month.')];
  return [costTable('Cost by model in this month', 'Model', models, ({ name }) => name)];
}

function nameWithKind({ name, kind }) {
  return element('span', {}, name, element('span', { class: 'quiet reason' }, kind));
}

export function sharesSection({ backends }) {
  if (backends.length === 0) return [element('p', {}, 'No charge yet this month.')];
  const rows = backends.toSorted((a, b) => b.cost_usd - a.cost_usd || b.charges - a.charges);
  return [costTable('Cost by backend in this month', 'Backend', rows, nameWithKind)];
}

export function inFlightSection({ in_flight: { total, requests } }) {
  if (total === 0) return [element('p', {}, 'Nothing is under way.')];
  const columns = [
    { title: 'Model' },
    { title: 'Backend' },
    { title: 'Why there' },
    { title: 'Kind' },
    { title: 'Held', right: true },
    { title: 'For', right: true },
  ];
  const rows = requests.map((request) => [
    modelName(request.model_requested, request.model, request.id),
    `${request.backend} (${request.backend_type})`,
    request.attempt > 1
      ? `${request.route_reason}, attempt ${request.attempt}`
      : request.route_reason,
    request.stream ? 'stream' : 'one answer',
    usd(request.held_usd),
    `${count(request.seconds)} s`,
  ]);
  const more = total - requests.length;
  return [
    table('Requests under way, longest first', columns, rows),
    more > 0 ? element('p', { class: 'quiet' }, `and ${count(more)} more`) : null,
  ].filter((node) => node !== null);
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
