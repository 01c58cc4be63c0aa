/** The page: frames in, sections out. */
import { openFeed } from './dashboard-feed.js';
import { uptime } from './dashboard-elements.js';
import {
  backendsSection,
  budgetSection,
  eventsSection,
  modelsSection,
  requestsSection,
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

/** Replaces what a place shows only when its data changed: a selection or a scroll position survives other frames. */
function show(place, data, section) {
  const text = JSON.stringify(data);
  if (shown.get(place) === text) return;
  shown.set(place, text);
  place.replaceChildren(...section(data));
}

function content(id) {
  return byId(id).querySelector('.content');
}

function render({ version, now, posture, stats, tiers, recent, events }) {
  // The day decides how times are written; the second does not.
  const day = new Date(now).toDateString();
  const { budget, backends, models, requests } = stats;
  show(
    byId('status'),
    { posture, stats: { budget: budget && { status: budget.status } } },
    statusLine,
  );
  show(content('budget'), { stats: { budget }, day }, budgetSection);
  show(content('backends'), { stats: { backends } }, backendsSection);
  show(content('requests'), { stats: { requests }, recent, day }, requestsSection);
  show(content('events'), { events, day }, eventsSection);
  show(content('models'), { stats: { models } }, modelsSection);
  show(content('tiers'), { tiers }, tiersSection);
  byId('footer').textContent =
    `Nexus ${version}, up ${uptime(stats.uptime_seconds)}. The same figures: /v1/stats, /v1/budget, /metrics.`;
  byId('main').hidden = false;
}

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
