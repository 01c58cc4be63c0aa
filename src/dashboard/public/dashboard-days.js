/** Cost of each day: columns for the eye, and a table. */
import { monthAxis } from './dashboard-axis.js';
import { element, shape, table, usd } from './dashboard-elements.js';

const DAY_MS = 86_400_000;
const TOP = 12;
const COLUMNS_HEIGHT = 130;
const LEFT = 58;
const RIGHT = 14;

/**
 * @param {object} data
 * @param {object} data.month as in a frame
 * @param {number} data.width pixels that there are
 */
export function daysSection({ month, width }) {
  const { by_day: days } = month;
  if (days.length === 0) return [element('p', {}, 'No charge yet this month.')];
  const rows = days.map(({ name, cost_usd: cost, charges }) => [name, String(charges), usd(cost)]);
  const columns = [
    { title: 'Day' },
    { title: 'Charges', right: true },
    { title: 'Cost', right: true },
  ];
  const dearest = days.reduce((a, b) => (b.cost_usd > a.cost_usd ? b : a));
  const words = `Cost of each day; the dearest was ${dearest.name} with ${usd(dearest.cost_usd)}`;
  return [
    element(
      'div',
      { role: 'img', class: 'picture', 'aria-label': words },
      dayColumns(month, width),
    ),
    element(
      'details',
      {},
      element('summary', {}, 'As a table'),
      table('Cost by day in this month', columns, rows),
    ),
  ];
}

function dayColumns(month, width) {
  const most = Math.max(...month.by_day.map(({ cost_usd: cost }) => cost)) || 1;
  const count = Math.round((month.ends_at_ms - month.starts_at_ms) / DAY_MS);
  const step = (width - LEFT - RIGHT) / count;
  const first = firstDay(month);
  const bottom = TOP + COLUMNS_HEIGHT;
  const columns = month.by_day.map(({ name, cost_usd: cost }) => {
    const at = Math.min(count - 1, Math.max(0, Math.round((Date.parse(name) - first) / DAY_MS)));
    const height = Math.max((cost / most) * COLUMNS_HEIGHT, cost > 0 ? 1.5 : 0);
    return shape(
      'rect',
      {
        x: LEFT + at * step + step * 0.12,
        y: bottom - height,
        width: step * 0.76,
        height,
        class: 'column',
      },
      shape('title', {}, `${name}: ${usd(cost)}`),
    );
  });
  const span = month.ends_at_ms - month.starts_at_ms;
  const x = (atMs) => LEFT + ((atMs - month.starts_at_ms) / span) * (width - LEFT - RIGHT);
  const y = (value) => TOP + COLUMNS_HEIGHT * (1 - value / most);
  const scale = { x, y, top: most, width, bottom, left: LEFT, right: width - RIGHT };
  const height = bottom + 26;
  return shape(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, width, height, 'aria-hidden': 'true' },
    ...monthAxis(month, scale),
    ...columns,
  );
}

/** Midnight UTC of the date on which the month begins in its zone: dates are counted from it, whatever the offset. */
function firstDay({ starts_at_ms: startsAtMs, timezone }) {
  const format = new Intl.DateTimeFormat('en-CA', { timeZone: timezone, dateStyle: 'short' });
  return Date.parse(format.format(startsAtMs + 1));
}
