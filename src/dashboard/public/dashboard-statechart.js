/** The chart of the budget in small: three states, the active one lit. The whole of it is at /inspector. */
import { element, shape, STATUS_TONES, STATUS_WORDS } from './dashboard-elements.js';

const STATES = ['Normal', 'SoftLimit', 'HardLimit'];
const BOX = { width: 112, height: 38, top: 24 };
const GAP = 76;
const WIDTH = 3 * BOX.width + 2 * GAP + 2;
const HEIGHT = 88;

function leftOf(at) {
  return 1 + at * (BOX.width + GAP);
}

function state(name, at, isActive) {
  const tone = isActive ? ` active ${STATUS_TONES[name]}` : '';
  return shape(
    'g',
    { class: `state${tone}` },
    shape('rect', {
      x: leftOf(at),
      y: BOX.top,
      width: BOX.width,
      height: BOX.height,
      rx: 9,
    }),
    shape(
      'text',
      { x: leftOf(at) + BOX.width / 2, y: BOX.top + BOX.height / 2 + 5, class: 'middle' },
      STATUS_WORDS[name],
    ),
  );
}

function head(x, y, way) {
  return `M${x - 6 * way} ${y - 4} L${x} ${y} L${x - 6 * way} ${y + 4}`;
}

/** There and back between two neighbours, with what leads there. */
function arrows(at, there, back) {
  const from = leftOf(at) + BOX.width + 3;
  const to = leftOf(at + 1) - 3;
  const middle = (from + to) / 2;
  const upper = BOX.top + 12;
  const lower = BOX.top + BOX.height - 12;
  return shape(
    'g',
    { class: 'arrow' },
    shape('path', { d: `M${from} ${upper} H${to} ${head(to, upper, 1)}` }),
    shape('path', { d: `M${to} ${lower} H${from} ${head(from, lower, -1)}` }),
    shape('text', { x: middle, y: upper - 8, class: 'middle' }, there),
    shape('text', { x: middle, y: lower + 18, class: 'middle' }, back),
  );
}

/**
 * @param {object} budget as in `/v1/stats`
 * @param {boolean} inspector whether the page with the charts is served
 */
export function statechart(budget, inspector) {
  const percent = `${Number(budget.soft_limit_threshold.toFixed(2))} %`;
  const drawing = shape(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: 'statechart', 'aria-hidden': 'true' },
    ...STATES.map((name, at) => state(name, at, name === budget.status)),
    arrows(0, `from ${percent}`, 'below'),
    arrows(1, 'from 100 %', 'below'),
  );
  return inspector
    ? element(
        'a',
        { href: '/inspector', class: 'chart-link' },
        drawing,
        element('span', {}, 'Open this chart in the inspector'),
      )
    : element('div', { class: 'chart-link' }, drawing);
}
