/** One chart on the page: the drawing, what its arrows wait for, and what its actor remembers. */
import { element, shape } from '../dashboard-elements.js';
import { BOX, layoutOf } from './chart-layout.js';
import { chartModel } from './chart-model.js';
import { contextKey, contextList } from './context-list.js';
import { shortState, stateWords } from './words.js';

const NUMBER_RADIUS = 9;

function edgeKey({ from, to }) {
  return `${from} ${to}`;
}

function conditionWords({ trigger, guard }) {
  const words = [trigger, guard === null ? '' : `${trigger === '' ? 'when ' : 'if '}${guard}`];
  return words.filter((word) => word !== '').join(', ') || 'otherwise, at once';
}

function boxShape({ path, name, x, y, isStart, isFinal }) {
  const middle = x + BOX.width / 2;
  return shape(
    'g',
    { class: `state${isFinal ? ' final' : ''}`, 'data-path': path },
    shape('rect', { x, y, width: BOX.width, height: BOX.height, rx: 10 }),
    isStart ? shape('circle', { cx: x + 13, cy: y + 13, r: 4, class: 'start' }) : null,
    shape('text', { x: middle, y: y + BOX.height / 2 + 5, class: 'name' }, stateWords(name)),
    shape('text', { x: middle, y: y + BOX.height - 7, class: 'who' }),
  );
}

function arrowShape(arrow, number) {
  const { path, head, number: place } = arrow;
  return shape(
    'g',
    { class: 'arrow', 'data-edge': edgeKey(arrow) },
    shape('path', { d: path }),
    shape('path', { d: head, class: 'head' }),
    shape('circle', { cx: place.x, cy: place.y, r: NUMBER_RADIUS }),
    shape('text', { x: place.x, y: place.y + 4 }, String(number)),
  );
}

function legendItem(edge, drawing) {
  const nameOf = (path) => stateWords(drawing.nodes.find((node) => node.path === path).name);
  return element(
    'li',
    { 'data-edge': edgeKey(edge) },
    element('strong', {}, `${nameOf(edge.from)} to ${nameOf(edge.to).toLowerCase()}`),
    ...edge.conditions.map((condition) =>
      element(
        'span',
        { 'data-edge': `${edgeKey(edge)} ${condition.guard ?? ''}` },
        conditionWords(condition),
      ),
    ),
  );
}

/** A drawing with its list of arrows; `mark` lights what is active. */
class DrawingView {
  constructor(drawing, isNamed) {
    const layout = layoutOf(drawing);
    this.svg = shape(
      'svg',
      {
        viewBox: `0 0 ${layout.width} ${layout.height}`,
        width: layout.width,
        height: layout.height,
        role: 'img',
      },
      ...layout.arrows.map((arrow, at) => arrowShape(arrow, at + 1)),
      ...layout.boxes.map(boxShape),
    );
    const legend = element(
      'ol',
      { class: 'legend' },
      ...drawing.edges.map((edge) => legendItem(edge, drawing)),
    );
    this.about = element('dl', { class: 'states' });
    this.drawing = drawing;
    this.node = element(
      'div',
      { class: 'drawing' },
      element(
        'div',
        { class: 'figure' },
        isNamed ? element('h4', {}, stateWords(drawing.name || 'the whole')) : null,
        this.svg,
      ),
      element('div', { class: 'reading' }, this.about, legend),
    );
  }

  /**
   * @param {Map<string, string[]>} lit paths of active states, with the names of the actors in them
   * @param {Set<string>} taken `from to` of arrows that were followed, and `from to guard` of their conditions
   */
  mark(lit, taken, label) {
    for (const box of this.svg.querySelectorAll('.state')) {
      const names = lit.get(box.dataset.path);
      box.classList.toggle('active', names !== undefined);
      box.classList.toggle('shared', (names ?? []).length > 0);
      box.querySelector('.who').textContent = shortList(names ?? []);
    }
    for (const part of this.node.querySelectorAll('[data-edge]'))
      part.classList.toggle('taken', taken.has(part.dataset.edge));
    const active = this.drawing.nodes.filter(({ path }) => lit.has(path));
    const described = active.filter(({ description }) => description !== '');
    this.about.replaceChildren(
      ...described.map(({ name, description }) =>
        element('div', {}, element('dt', {}, stateWords(name)), element('dd', {}, description)),
      ),
    );
    const states = active.map(({ name, path }) =>
      [stateWords(name), ...(lit.get(path) ?? [])].join(' '),
    );
    this.svg.setAttribute('aria-label', `${label}: ${states.join(', ') || 'not active'}`);
  }
}

function shortList(names) {
  const text = names.join(', ');
  return text.length <= 22 ? text : `${names.length} backends`;
}

function hearing({ event, description, guard }) {
  const condition = guard === null ? '' : ` Only if ${guard}.`;
  return element(
    'div',
    {},
    element('dt', {}, event),
    element('dd', {}, `${description}${condition}`),
  );
}

/** A card for all actors that run one chart. */
export class ChartCard {
  #drawings;
  #contexts = element('div', { class: 'contexts' });
  #state = element('p', { class: 'now' });
  #shown = '';

  /** @param {object} machine the chart, as its file exports it @param {string} title */
  constructor(machine, title) {
    const model = chartModel(machine);
    this.id = model.id;
    this.#drawings = model.drawings.map(
      (drawing) => new DrawingView(drawing, model.drawings.length > 1),
    );
    this.node = element(
      'section',
      { class: 'card chart', 'aria-labelledby': `chart-${model.id}` },
      element('h3', { id: `chart-${model.id}` }, title),
      element('p', { class: 'quiet' }, model.description),
      this.#state,
      ...this.#drawings.map(({ node }) => node),
      element(
        'details',
        { class: 'hears' },
        element('summary', {}, 'Events that it hears'),
        element('dl', {}, ...model.hears.map(hearing)),
      ),
    );
    // Beside the drawing where there is room; below the drawings where there are many.
    (this.#drawings.length === 1 ? this.#drawings[0].node : this.node).append(this.#contexts);
  }

  /**
   * @param {object[]} actors that run this chart: {name, state, context, paths}
   * @param {Set<string>} taken arrows that were followed last
   */
  show(actors, taken, zone) {
    const text = JSON.stringify([actors, [...taken], zone]);
    if (text === this.#shown) return;
    this.#shown = text;
    const lit = new Map();
    for (const { name, paths } of actors)
      for (const path of paths)
        lit.set(path, [...(lit.get(path) ?? []), ...(name === '' ? [] : [name])]);
    for (const drawing of this.#drawings) drawing.mark(lit, taken, this.id);
    this.#state.replaceChildren(
      ...actors.map(({ name, state }) =>
        element(
          'span',
          {},
          name === '' ? 'Now: ' : `${name}: `,
          element('strong', {}, shortState(state)),
        ),
      ),
    );
    const isFirst = this.#contexts.childElementCount === 0;
    const open = new Set(
      [...this.#contexts.querySelectorAll('details[open]')].map((node) => node.dataset.name),
    );
    // One actor has room for what it remembers; of many a person unfolds one.
    if (isFirst && actors.length === 1) open.add(contextKey(actors[0].name));
    this.#contexts.replaceChildren(
      ...actors.map(({ name, context }) => contextList(name, context, zone, open)),
    );
  }
}
