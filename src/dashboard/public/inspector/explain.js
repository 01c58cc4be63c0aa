/**
 * What happens to a request now, why, and what would change it, in words for somebody who never saw this project. Takes
 * a view as the gateway and the simulation make it; knows no browser.
 */
import { instant, money, percent, span, STATUS_TONES } from './words.js';

function spendingOf({ totals }) {
  return totals.settled + totals.suspense;
}

function budgetContext({ actors }) {
  return actors.find(({ id }) => id === 'budget-reconciler')?.context ?? null;
}

function verdictOf({ budget, posture, backends }) {
  if (backends.length === 0) return 'No backend is configured, so no request can be served.';
  if (backends.every(({ health }) => health === 'unhealthy')) {
    return 'Every request is refused with 503 no_available_backend: no backend is healthy.';
  }
  if (budget === null)
    return 'Requests are served. No budget is configured, so nothing is refused for money.';
  switch (posture) {
    case 'closed':
      return 'Every request is refused with budget_exhausted: the budget is used up.';
    case 'localOnly':
      return 'Requests are served by local backends only. What only a cloud backend could serve is refused with budget_exhausted.';
    case 'preferLocal':
      return budget.status === 'HardLimit'
        ? 'Requests are served, although the budget is used up: its action is to warn. Local backends go first.'
        : 'Requests are served. Local backends go first, to save money; cloud backends serve what no local one can.';
    default:
      return 'Requests are served by the best backend, local or cloud.';
  }
}

function toneOf({ budget, posture, backends }) {
  if (backends.every(({ health }) => health === 'unhealthy')) return 'error';
  if (posture === 'closed' || posture === 'localOnly') return 'error';
  return budget === null ? 'plain' : STATUS_TONES[budget.status];
}

function whyLevel(view, context) {
  const { budget } = view;
  const { softLimitNano, softLimitPercent, nothingFitsAtNano } = context;
  const spent = spendingOf(view);
  const soft = `${money(softLimitNano)} (${softLimitPercent} % of the limit)`;
  if (budget.status === 'Normal') return `That is below the soft limit of ${soft}.`;
  if (budget.status === 'SoftLimit') return `That has reached the soft limit of ${soft}.`;
  if (spent >= budget.limit) return `That has reached the limit of ${money(budget.limit)}.`;
  return `That is below the limit, but at ${money(nothingFitsAtNano ?? spent)} an ordinary request was refused although no other was in flight: the rest is too small to be used.`;
}

const ACTION_WORDS = {
  warn: 'At the limit the action is "warn": it is logged, and nothing is refused.',
  block_cloud:
    'At the limit the action is "block_cloud": cloud backends are no longer used, local ones are.',
  block_all: 'At the limit the action is "block_all": no request to a model is served.',
};

function whyOf(view) {
  const { budget, totals, period } = view;
  const spent = spendingOf(view);
  if (budget === null) {
    return [
      `${money(spent)} was spent in ${period.month}. Without a limit there is nothing to compare it with.`,
    ];
  }
  const share = percent((spent / budget.limit) * 100);
  const sentences = [
    `In the billing month ${period.month}, ${money(spent)} of ${money(budget.limit)} is spent: ${share}.`,
  ];
  const context = budgetContext(view);
  if (context !== null) sentences.push(whyLevel(view, context));
  sentences.push(ACTION_WORDS[budget.action]);
  if (totals.held > 0) {
    sentences.push(
      `${money(totals.held)} more is set aside for ${totals.openHolds} requests in flight; until they end it counts as if it were spent.`,
    );
  }
  if (totals.suspense > 0) {
    sentences.push(
      `${money(totals.suspense)} of the spending is in suspense: requests that were sent before a crash, whose real cost is not known.`,
    );
  }
  return sentences;
}

/** The smallest limit at which the spending is below the soft limit. */
function limitForNormal(spent, softLimitPercent) {
  return Math.floor((spent / softLimitPercent) * 100) + 1;
}

function changesOfBudget(view) {
  const { budget, totals } = view;
  const context = budgetContext(view);
  if (context === null) return [];
  const { softLimitNano, softLimitPercent } = context;
  const spent = spendingOf(view);
  const left = Math.max(0, budget.limit - spent - totals.held);
  const enforced =
    budget.action === 'warn'
      ? ''
      : ` A request that can cost more than the ${money(left)} that is left is shortened, sent to a local backend, or refused.`;
  if (budget.status === 'Normal') {
    return [`${money(softLimitNano - spent)} more spending leads to the soft limit.${enforced}`];
  }
  const normal = `With a limit above ${money(limitForNormal(spent, softLimitPercent))} it would be Normal again`;
  if (budget.status === 'SoftLimit') {
    return [
      `${money(Math.max(0, budget.limit - spent))} more spending leads to the limit.${enforced}`,
      `${normal}.`,
    ];
  }
  const least = spent >= budget.limit ? money(spent) : money(budget.limit);
  const changes = [
    `A limit above ${least} ends the hard limit at once: monthly_limit_usd in [routing.budget]. ${normal}.`,
  ];
  if (budget.action !== 'warn')
    changes.push(
      'With hard_limit_action = "warn" nothing would be refused; the spending would go on.',
    );
  if (budget.action === 'block_all')
    changes.push('With hard_limit_action = "block_cloud" local backends would serve.');
  return changes;
}

function changesOf(view) {
  const { budget, period, nowMs, cycle, backends } = view;
  const changes = [];
  if (budget !== null) {
    const inTime = period.endsAtMs > nowMs ? ` That is in ${span(period.endsAtMs - nowMs)}.` : '';
    changes.push(
      ...changesOfBudget(view),
      `At ${instant(period.endsAtMs, cycle.timezone)} the next billing month begins with nothing spent.${inTime}`,
    );
  }
  for (const { name, healthReason } of backends.filter(({ health }) => health === 'unhealthy')) {
    changes.push(
      `${name} is used again when its probes succeed a few times in a row${healthReason === null ? '' : ` (now: ${healthReason})`}.`,
    );
  }
  return changes;
}

function useOf({ health, healthReason, kind }, { posture, budget }) {
  if (health === 'unhealthy') {
    return {
      tone: 'error',
      word: 'not used',
      why: `unhealthy${healthReason === null ? '' : `: ${healthReason}`}`,
    };
  }
  if (posture === 'closed')
    return { tone: 'error', word: 'blocked', why: 'by the budget: block_all' };
  if (posture === 'localOnly' && kind === 'cloud') {
    return { tone: 'error', word: 'blocked', why: 'by the budget: block_cloud' };
  }
  if (posture === 'preferLocal') {
    return kind === 'local'
      ? { tone: 'good', word: 'first', why: 'money is short, and it is local' }
      : { tone: 'warning', word: 'last', why: 'only where no local backend can serve' };
  }
  if (health === 'unknown') return { tone: 'good', word: 'used', why: 'not heard of yet' };
  if (budget === null) return { tone: 'good', word: 'used', why: 'no budget is configured' };
  const isLocalOnly = posture === 'localOnly';
  const why = isLocalOnly ? 'the budget blocks cloud backends only' : 'money is no concern yet';
  return { tone: 'good', word: 'used', why };
}

/**
 * @param {object} view as `src/dashboard/inspector-view.ts` makes it
 * @returns {{tone: string, verdict: string, why: string[], changes: string[], backends: object[]}}
 */
export function explain(view) {
  return {
    tone: toneOf(view),
    verdict: verdictOf(view),
    why: whyOf(view),
    changes: changesOf(view),
    backends: view.backends.map((backend) => ({ ...backend, use: useOf(backend, view) })),
  };
}

const CODE_WORDS = {
  budget_exhausted:
    "This month's money is used up for it: a hard limit blocks the backends that serve the model, or what is left is less than the request can cost. Sending it again does not help before the month turns or the limit is raised.",
  budget_reserved:
    'It would fit, but requests in flight hold the rest of the money. It can be sent again in a moment.',
  no_available_backend:
    'Backends that serve the model exist, but none can be used now: look at the health of each.',
  model_not_found: 'No backend serves a model of that name. Money has nothing to do with it.',
  price_unknown:
    'No price is known for the model, and unknown_price = "deny" sends nothing whose cost is not known.',
  unauthorized: 'The gateway asks for a key, and the request had none, or a wrong one.',
  overloaded: 'More requests were in flight than the gateway takes at a time.',
  backend_error: 'Every backend that was tried failed before it answered.',
  backend_timeout: 'No backend answered in time.',
  invalid_request_error:
    'The request itself is not what the route takes. Money has nothing to do with it.',
  request_too_large: 'The request has more bytes than the gateway takes.',
  ledger_unavailable:
    'The ledger can not be written, so nothing that costs money is sent until it can.',
};

const REASON_WORDS = {
  'capability-match': 'the best backend for it',
  'capacity-overflow': 'the best one had more to do',
  'privacy-requirement': 'a policy keeps the model on local backends',
  failover: 'the one before it failed',
  'budget-soft-limit': 'money is short, so a local backend went first',
  'budget-hard-limit': 'the budget is used up, so a local backend serves',
};

/** How one request ended, and why, in words. */
export function explainAnswer({
  status,
  code,
  message,
  backend,
  backendKind,
  reason,
  model,
  modelServed,
  costNano,
}) {
  if (code !== null) {
    return {
      tone: 'error',
      title: `${status} ${code}`,
      text: message ?? CODE_WORDS[code] ?? '',
      more: message === null ? '' : (CODE_WORDS[code] ?? ''),
    };
  }
  if (backend === null)
    return {
      tone: 'plain',
      title: String(status),
      text: 'It ended without an answer of a backend.',
      more: '',
    };
  const other = modelServed !== null && modelServed !== model ? ` with ${modelServed}` : '';
  return {
    tone: 'good',
    title: `${status} by ${backend} (${backendKind})${other}`,
    text: `${REASON_WORDS[reason] ?? 'served'}; it cost ${money(costNano)}`,
    more: '',
  };
}
