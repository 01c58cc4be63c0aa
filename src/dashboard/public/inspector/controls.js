/** The controls of the simulation: what a person does becomes an action, a step in time or another start. */
import { element } from '../dashboard-elements.js';
import { describeAction } from './scenario.js';
import { DEFAULT_SETUP, writeLink } from './scenario-link.js';
import { dateText } from './words.js';

const EXAMPLES = [
  {
    name: 'A month: Normal, soft limit, hard limit, next month',
    actions: [
      ['spend', '40'],
      ['spend', '36'],
      ['request', 'mixtral', '0.50'],
      ['spend', '24'],
      ['request', 'gpt-4-turbo', '0.50'],
      ['request', 'llama3', '0.50'],
      ['month'],
    ],
  },
  {
    name: 'A request is refused although money is left',
    actions: [
      ['use', '99.95'],
      ['request', 'gpt-4-turbo', '0.50'],
      ['request', 'gpt-4-turbo', '0.01'],
      ['limit', '120'],
    ],
  },
  {
    name: 'Everything is blocked',
    actions: [
      ['action', 'block_all'],
      ['use', '100'],
      ['request', 'llama3', '0.50'],
      ['action', 'block_cloud'],
      ['request', 'llama3', '0.50'],
    ],
  },
  {
    name: 'The local backend fails while the budget is used up',
    actions: [
      ['use', '100'],
      ['request', 'mixtral', '0.50'],
      ['down', 'local'],
      ['request', 'mixtral', '0.50'],
      ['up', 'local'],
    ],
  },
];

const byId = (id) => document.getElementById(id);

function examples() {
  return EXAMPLES.map(({ name, actions }) => {
    const link = writeLink({ setup: DEFAULT_SETUP, actions, at: actions.length });
    return element('li', {}, element('a', { href: `#${link}` }, name));
  });
}

/** Wires the controls once. `on` is told what a person wants. */
export function wireControls(on) {
  byId('examples').append(...examples());
  for (const form of document.querySelectorAll('form[data-do]')) {
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const words = [...form.querySelectorAll('input, select')].map(({ value }) => value.trim());
      on.action([form.dataset.do, ...words]);
    });
  }
  for (const button of document.querySelectorAll('button[data-do]'))
    button.addEventListener('click', () => on.action([button.dataset.do]));
  byId('first').addEventListener('click', () => on.go(0));
  byId('back').addEventListener('click', () => on.move(-1));
  byId('forth').addEventListener('click', () => on.move(1));
  byId('last').addEventListener('click', () => on.go(Infinity));
  byId('setup').addEventListener('submit', (event) => {
    event.preventDefault();
    on.start(Object.fromEntries(new FormData(event.target)));
  });
  byId('copy').addEventListener('click', () => void copyLink());
  document.addEventListener('keydown', (event) => stepByKey(event, on));
}

/** The address may not be written to the clipboard everywhere; it can always be copied by hand. */
async function copyLink() {
  const copied = byId('copied');
  try {
    await navigator.clipboard.writeText(location.href);
    copied.textContent = 'Copied.';
  } catch {
    copied.textContent = 'This browser does not allow it: copy the address of the page.';
  }
}

/** Where arrows and Home have a meaning of their own they keep it. */
function stepByKey(event, on) {
  const isTaken = event.target.closest('input, select, textarea, .scroll, a, summary') !== null;
  if (isTaken || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
  const steps = {
    ArrowLeft: () => on.move(-1),
    ArrowRight: () => on.move(1),
    Home: () => on.go(0),
    End: () => on.go(Infinity),
  };
  const step = Object.hasOwn(steps, event.key) ? steps[event.key] : undefined;
  if (step === undefined || !on.isSimulating()) return;
  event.preventDefault();
  step();
}

function stepItem(text, at, shownAt, on) {
  const button = element(
    'button',
    { type: 'button', 'aria-current': at === shownAt ? 'step' : null },
    text,
  );
  button.addEventListener('click', () => on.go(at));
  return element('li', { class: at > shownAt ? 'later' : null }, button);
}

function backendButtons(view, on) {
  return view.backends.map(({ name, health }) => {
    const isDown = health === 'unhealthy';
    const button = element(
      'button',
      { type: 'button', 'data-backend': name },
      isDown ? `Bring ${name} back` : `Take ${name} down`,
    );
    button.addEventListener('click', () => on.action([isDown ? 'up' : 'down', name]));
    return button;
  });
}

/** Replacing a button would take the focus away from who uses the keyboard. */
function keepingFocus(place, nodes, key) {
  const focused = place.contains(document.activeElement) ? key(document.activeElement) : null;
  place.replaceChildren(...nodes);
  if (focused === null) return;
  [...place.querySelectorAll('button')].find((button) => key(button) === focused)?.focus();
}

function fillModels(view) {
  const select = byId('request-model');
  const models = [...new Set(view.backends.flatMap((backend) => backend.models))];
  const kindsOf = (model) => [
    ...new Set(
      view.backends.filter((backend) => backend.models.includes(model)).map(({ kind }) => kind),
    ),
  ];
  const chosen = select.value;
  const signature = models.join(' ');
  if (select.dataset.models === signature) return;
  select.dataset.models = signature;
  select.replaceChildren(
    ...models.map((model) =>
      element('option', { value: model }, `${model} (${kindsOf(model).join(' and ')})`),
    ),
  );
  if (models.includes(chosen)) select.value = chosen;
}

function fillSetup(setup) {
  const form = byId('setup');
  for (const name of ['limit', 'soft', 'action', 'spent', 'day', 'zone', 'start'])
    form.elements.namedItem(name).value = setup[name] ?? '';
}

/** Shows where the scenario stands. */
export function showControls(scenario, on) {
  const { actions, at, view, setup } = scenario;
  const { zone } = setup;
  const texts = ['Start', ...actions.map((action) => describeAction(action, zone))];
  const steps = texts.map((text, step) => stepItem(text, step, at, on));
  keepingFocus(byId('steps'), steps, (button) => button.textContent);
  byId('steps')
    .querySelector('[aria-current]')
    ?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  keepingFocus(byId('backends'), backendButtons(view, on), (button) => button.dataset.backend);
  byId('position').textContent = `Step ${at} of ${actions.length}: ${texts[at]}`;
  byId('back').disabled = byId('first').disabled = at === 0;
  byId('forth').disabled = byId('last').disabled = at === actions.length;
  fillModels(view);
  fillSetup(setup);
  if (byId('jump').value === '') byId('jump').value = dateText(view.nowMs + 7 * 86_400_000, 'UTC');
}
