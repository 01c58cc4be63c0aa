/** What happens to a request now, in words, with the money as a bar and what each backend may do. */
import { badge, element, table } from '../dashboard-elements.js';
import { explain, explainAnswer } from './explain.js';
import { instant, money, stamp, STATUS_TONES, STATUS_WORDS } from './words.js';

const TONES = { good: 'good', warning: 'warning', error: 'error', plain: 'plain' };

function moneyBar({ budget, totals, actors }) {
  if (budget === null) return null;
  const context = actors.find(({ id }) => id === 'budget-reconciler')?.context;
  const spent = totals.settled + totals.suspense;
  const end = Math.max(budget.limit, spent + totals.held) * 1.02;
  const share = (nano) => `${(nano / end) * 100}%`;
  const spentFill = element('span', { class: `spent ${STATUS_TONES[budget.status]}` });
  spentFill.style.width = share(spent);
  const heldFill = element('span', { class: 'held' });
  heldFill.style.left = share(spent);
  heldFill.style.width = share(totals.held);
  const mark = (name, nano) => {
    const line = element(
      'span',
      { class: `mark ${name}` },
      element('span', {}, `${name} ${money(nano)}`),
    );
    line.style.left = share(nano);
    return line;
  };
  const soft = context?.softLimitNano ?? null;
  const hasSoft = soft !== null && soft < budget.limit;
  const label = `${money(spent)} spent, ${money(totals.held)} held, ${hasSoft ? `soft limit ${money(soft)}, ` : ''}limit ${money(budget.limit)}`;
  return element(
    'div',
    { class: 'money-bar', role: 'img', 'aria-label': label },
    element('div', { class: 'track' }, spentFill, heldFill),
    hasSoft ? mark('soft', soft) : null,
    mark('limit', budget.limit),
  );
}

function list(title, sentences) {
  return element(
    'div',
    {},
    element('h3', {}, title),
    element('ul', {}, ...sentences.map((sentence) => element('li', {}, sentence))),
  );
}

function modelsText({ models, modelCount }) {
  const shown = models.slice(0, 4).join(', ');
  return modelCount > 4 ? `${shown} and ${modelCount - 4} more` : shown;
}

function backendTable(backends) {
  const columns = [{ title: 'Backend' }, { title: 'Now' }, { title: 'Why' }, { title: 'Models' }];
  const rows = backends.map((backend) => [
    element('span', {}, backend.name, ' ', element('span', { class: 'quiet' }, backend.kind)),
    badge(backend.use.word, TONES[backend.use.tone]),
    backend.use.why,
    modelsText(backend),
  ]);
  return element(
    'div',
    {},
    element('h3', {}, 'What each backend may do now'),
    table('What each backend may do now', columns, rows),
  );
}

function answerItem(answer, zone) {
  const { tone, title, text, more } = explainAnswer(answer);
  return element(
    'li',
    {},
    element(
      'span',
      { class: 'head' },
      element('b', {}, answer.model),
      element('time', { class: 'quiet' }, stamp(answer.atMs, zone)),
    ),
    element('span', {}, badge(title, TONES[tone]), ' ', text),
    more === '' ? null : element('span', { class: 'quiet' }, more),
  );
}

function answers(view) {
  const { answers: rows, cycle } = view;
  const none = element('p', { class: 'quiet' }, 'No request yet.');
  return element(
    'div',
    {},
    element('h3', {}, 'The latest requests, and why they ended so'),
    rows.length === 0
      ? none
      : element(
          'div',
          { class: 'scroll', role: 'region', tabindex: '0', 'aria-label': 'Latest requests' },
          element(
            'ol',
            { class: 'answers' },
            ...rows.map((row) => answerItem(row, cycle.timezone)),
          ),
        ),
  );
}

/** The level of the budget as a badge. */
export function statusBadge({ budget }) {
  return budget === null
    ? badge('No budget', 'plain')
    : badge(STATUS_WORDS[budget.status], STATUS_TONES[budget.status]);
}

/** The nodes of the panel for a view. */
export function verdictPanel(view) {
  const { tone, verdict, why, changes, backends } = explain(view);
  return [
    element('p', { class: `verdict ${tone}` }, statusBadge(view), ' ', verdict),
    element(
      'p',
      { class: 'quiet' },
      `It is ${instant(view.nowMs, view.cycle.timezone)}; billing month ${view.period.month}.`,
    ),
    moneyBar(view),
    element('div', { class: 'halves' }, list('Why', why), list('What would change it', changes)),
    element('div', { class: 'halves' }, backendTable(backends), answers(view)),
  ].filter((node) => node !== null);
}
