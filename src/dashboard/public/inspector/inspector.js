/** The page: views in, from the running gateway or from a simulation, and everything on the page out of them. */
import { Charts, lastOfEach } from './charts.js';
import { showControls, wireControls } from './controls.js';
import { EventLog } from './event-log.js';
import { explain } from './explain.js';
import { openLive } from './live-source.js';
import { Scenario, setupFrom } from './scenario.js';
import { DEFAULT_SETUP, readLink, writeLink } from './scenario-link.js';
import { statusBadge, verdictPanel } from './verdict-panel.js';
import { money } from './words.js';

const KEY_NAME = 'nexus-key';
const CONNECTION_WORDS = {
  live: 'live',
  waiting: 'connection lost, trying again',
  locked: 'waiting for the key',
};

const byId = (id) => document.getElementById(id);
const charts = new Charts(byId('cards'), byId('root-card'));
const log = new EventLog(byId('events'), byId('log-all'));

let setup = { version: '', live: false };
let scenario = null;
let liveView = null;
let closeLive = null;
let shownPanel = '';
/** One thing after the other: an action that is under way is not overtaken by the next click. */
let queue = Promise.resolve();

function showPanel(view) {
  // What is not in the panel must not make it anew: a selection or a scroll position would be lost.
  const text = JSON.stringify({
    ...view,
    records: null,
    actors: view.actors.filter(({ id }) => id === 'budget-reconciler'),
  });
  if (text === shownPanel) return;
  shownPanel = text;
  byId('panel').replaceChildren(...verdictPanel(view));
  const { budget, totals } = view;
  const spent = money(totals.settled + totals.suspense);
  byId('standing').replaceChildren(
    statusBadge(view),
    budget === null ? ` ${spent}` : ` ${spent} of ${money(budget.limit)}`,
  );
  const { verdict } = explain(view);
  // Said once when it changes, not with every cent.
  if (byId('verdict').textContent !== verdict) byId('verdict').textContent = verdict;
}

function showLive(view) {
  const isFirst = liveView === null;
  liveView = view;
  showPanel(view);
  charts.show(view, lastOfEach(view.records));
  if (isFirst) log.clear();
  log.add(view.records, view.cycle.timezone);
  byId('main').hidden = false;
}

function showScenario() {
  const { view, viewBefore, setup: start, actions, at } = scenario;
  const lastBefore = Math.max(0, ...(viewBefore?.records ?? []).map(({ seq }) => seq));
  const followed = viewBefore === null ? [] : view.records.filter(({ seq }) => seq > lastBefore);
  showPanel(view);
  charts.show(view, followed);
  log.show(view.records, viewBefore === null ? Infinity : lastBefore + 1, start.zone);
  showControls(scenario, on);
  byId('main').hidden = false;
  history.replaceState(null, '', `#${writeLink({ setup: start, actions, at })}`);
}

function showMode(mode) {
  for (const button of document.querySelectorAll('button[data-mode]'))
    button.setAttribute('aria-pressed', String(button.dataset.mode === mode));
  document.body.dataset.mode = mode;
  byId('modes').hidden = !setup.live;
  byId('simulation').hidden = byId('strip').hidden = mode !== 'simulation';
  byId('rehearse').hidden = mode !== 'live';
  byId('key-form').hidden = true;
  if (mode === 'simulation')
    byId('connection').textContent = setup.live ? '' : 'no gateway behind this page';
}

function showState(state) {
  const place = byId('connection');
  place.dataset.state = state;
  place.textContent = CONNECTION_WORDS[state];
  const isLocked = state === 'locked';
  byId('key-form').hidden = !isLocked;
  if (!isLocked) return;
  byId('key-note').textContent =
    sessionStorage.getItem(KEY_NAME) === null ? '' : 'That is not the key.';
  byId('main').hidden = true;
  byId('key').focus();
}

function goLive() {
  closeLive?.();
  liveView = null;
  showMode('live');
  history.replaceState(null, '', location.pathname);
  closeLive = openLive({
    view: showLive,
    state: showState,
    key: () => sessionStorage.getItem(KEY_NAME),
  });
}

function leaveLive() {
  closeLive?.();
  closeLive = null;
  delete byId('connection').dataset.state;
}

function showProblem(error) {
  byId('problem').textContent = error === null ? '' : error.message;
}

/** Runs in turn; what goes wrong is said on the page. */
function inTurn(work) {
  queue = queue.then(work).then(
    () => showProblem(null),
    (error) => {
      showProblem(error);
      // A fault of ours: the browser's own report says where.
      if (error.name !== 'ActionError' && error.name !== 'LinkError') reportError(error);
    },
  );
}

async function simulate({ setup: start, actions = [], at }) {
  const next = await Scenario.start(start, actions, at);
  scenario?.stop();
  scenario = next;
  leaveLive();
  showMode('simulation');
  showScenario();
}

const on = {
  isSimulating: () => document.body.dataset.mode === 'simulation',
  action: (action) =>
    inTurn(async () => {
      await scenario.do(action);
      showScenario();
    }),
  go: (at) =>
    inTurn(() => {
      scenario.goTo(at);
      showScenario();
    }),
  move: (by) => on.go(scenario.at + by),
  start: ({ limit, soft, day, ...rest }) => {
    const { backends } = scenario.setup;
    const budget = {
      limit: limit.trim() === '' ? null : limit,
      soft: Number(soft),
      day: Number(day),
    };
    inTurn(() => simulate({ setup: { ...rest, ...budget, backends } }));
  },
};

/** A link that was followed or written into the address. */
function followLink() {
  inTurn(async () => {
    const linked = readLink(location.hash.slice(1));
    if (linked !== null) await simulate(linked);
  });
}

async function begin() {
  setup = await (await fetch('/inspector/setup')).json();
  byId('footer').textContent = `Nexus ${setup.version}.`;
  byId('dashboard').hidden = !setup.live;
  wireControls(on);
  for (const button of document.querySelectorAll('button[data-mode]'))
    button.addEventListener('click', () => {
      if (button.dataset.mode === 'live') goLive();
      else inTurn(() => simulate(scenario ?? { setup: DEFAULT_SETUP }));
    });
  byId('rehearse-here').addEventListener('click', () =>
    inTurn(() => simulate(setupFrom(liveView))),
  );
  byId('key-form').addEventListener('submit', (event) => {
    event.preventDefault();
    // Kept for this tab only, and gone when it closes.
    sessionStorage.setItem(KEY_NAME, byId('key').value.trim());
    byId('key').value = '';
    goLive();
  });
  addEventListener('hashchange', followLink);
  if (location.hash.length > 1) {
    followLink();
    await queue;
    if (scenario !== null) return;
  }
  // A link that can not be followed says so beside what is shown in its place.
  const problem = byId('problem').textContent;
  if (setup.live && problem === '') goLive();
  else {
    inTurn(() => simulate({ setup: DEFAULT_SETUP }));
    await queue;
    byId('problem').textContent = problem;
  }
}

await begin();
