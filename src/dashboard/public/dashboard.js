/** The page: frames in, sections out. */
import { budgetSection } from './dashboard-budget.js';
import { daysSection } from './dashboard-days.js';
import { openFeed } from './dashboard-feed.js';
import { uptime } from './dashboard-elements.js';
import { monthSection } from './dashboard-month.js';
import {
  backendsSection,
  eventsSection,
  inFlightSection,
  modelsSection,
  requestsSection,
  sharesSection,
  statusLine,
  tiersSection,
} from './dashboard-sections.js';

const KEY_NAME = 'nexus-key';
const CONNECTION_WORDS = {
  live: 'live',
  waiting: 'connection lost, trying again',
  locked: 'waiting for the key',
};

const byId = (id) => document.getElementById(id);
const shown = new Map();

/** Replaces what a place shows only when its data changed: a selection survives other frames. */
function show(place, data, section) {
  const text = JSON.stringify(data);
  if (shown.get(place) === text) return;
  shown.set(place, text);
  const restore = remember(place);
  place.replaceChildren(...section(data));
  restore();
}

/** What somebody did in a place: opened details, scrolled, came there with the keyboard. Returns how to do it again. */
function remember(place) {
  const all = (selector) => [...place.querySelectorAll(selector)];
  const open = all('details').map((details) => details.open);
  const scrolled = all('.scroll').map(({ scrollLeft, scrollTop }) => [scrollLeft, scrollTop]);
  const focused = all('a, summary, [tabindex]').indexOf(document.activeElement);
  return () => {
    for (const [at, details] of all('details').entries()) details.open = open[at] ?? false;
    for (const [at, region] of all('.scroll').entries())
      region.scrollTo(...(scrolled[at] ?? [0, 0]));
    if (focused !== -1) all('a, summary, [tabindex]')[focused]?.focus({ preventScroll: true });
  };
}

function content(id) {
  return byId(id).querySelector('.content');
}

const MINUTE_MS = 60_000;
let latest = null;

/** Pixels that a picture in this place may be wide. */
function widthOf(id) {
  return Math.max(280, Math.floor(content(id).clientWidth));
}

function render(view) {
  latest = view;
  const { version, now, posture, inspector, stats, month, tiers, recent, events } = view;
  // Shown first: a hidden place has no width.
  byId('main').hidden = false;
  // The day decides how times are written; the second does not.
  const day = new Date(now).toDateString();
  const { budget, backends, requests } = stats;
  const status = { posture, stats: { budget: budget && { status: budget.status } } };
  show(byId('status'), status, statusLine);
  const spent = { last_24h_usd: month.last_24h_usd, today_usd: todayUsd(month, now) };
  show(content('budget'), { budget, spent, day, inspector }, budgetSection);
  const minute = Math.floor(Date.parse(now) / MINUTE_MS) * MINUTE_MS;
  show(content('month'), { month, budget, now: minute, width: widthOf('month') }, monthSection);
  show(content('in-flight'), { in_flight: view.in_flight }, inFlightSection);
  show(content('backends'), { stats: { backends } }, backendsSection);
  show(content('requests'), { stats: { requests }, recent, day }, requestsSection);
  show(content('days'), { month, width: widthOf('days') }, daysSection);
  show(content('models'), { models: month.by_model }, modelsSection);
  show(content('shares'), { backends: month.by_backend }, sharesSection);
  show(content('tiers'), { tiers }, tiersSection);
  show(content('events'), { events, day }, eventsSection);
  byId('footer').textContent =
    `Nexus ${version}, up ${uptime(stats.uptime_seconds)}. The same figures: /v1/stats, /v1/budget, /v1/ledger, /metrics.`;
}

/** Days begin where the zone of the budget says so. */
function todayUsd({ by_day: days, timezone }, now) {
  const format = new Intl.DateTimeFormat('en-CA', { timeZone: timezone, dateStyle: 'short' });
  const today = format.format(new Date(now));
  return days.find(({ name }) => name === today)?.cost_usd ?? 0;
}

// Pictures are drawn for the width that there is, so that their texts keep their size.
new ResizeObserver(() => {
  if (latest !== null) render(latest);
}).observe(byId('main'));

function showState(state) {
  const place = byId('connection');
  place.dataset.state = state;
  place.textContent = CONNECTION_WORDS[state];
  const form = byId('key-form');
  form.hidden = state !== 'locked';
  if (state !== 'locked') return;
  byId('key-note').textContent =
    sessionStorage.getItem(KEY_NAME) === null ? '' : 'That is not the key.';
  byId('main').hidden = true;
  byId('key').focus();
}

const again = openFeed({
  view: render,
  state: showState,
  key: () => sessionStorage.getItem(KEY_NAME),
});

byId('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  // Kept for this tab only, and gone when it closes.
  sessionStorage.setItem(KEY_NAME, byId('key').value.trim());
  byId('key').value = '';
  again();
});
