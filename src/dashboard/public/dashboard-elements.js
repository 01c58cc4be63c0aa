/** Elements and texts. Everything that comes from the gateway becomes text nodes, never markup. */

export const STATUS_WORDS = { Normal: 'Normal', SoftLimit: 'Soft limit', HardLimit: 'Hard limit' };
export const STATUS_TONES = { Normal: 'good', SoftLimit: 'warning', HardLimit: 'error' };

/** @returns {HTMLElement} */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) made.setAttribute(key, String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A part of a drawing. Colours and fonts come from classes: the policy of the page allows no style attribute. */
export function shape(name, attributes = {}, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) made.setAttribute(key, String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/**
 * A table in a region that can be scrolled with the keyboard where it is too wide.
 *
 * @param {string} caption
 * @param {{title: string | Node, right?: boolean}[]} columns
 * @param {(string | Node)[][]} rows
 */
export function table(caption, columns, rows) {
  const head = columns.map(({ title, right }) =>
    element('th', { scope: 'col', class: right ? 'right' : null }, title),
  );
  const body = rows.map((cells) =>
    element(
      'tr',
      {},
      ...cells.map((cell, i) =>
        i === 0
          ? element('th', { scope: 'row' }, cell)
          : element('td', { class: columns[i].right ? 'right' : null }, cell),
      ),
    ),
  );
  return element(
    'div',
    { class: 'scroll', role: 'region', 'aria-label': caption, tabindex: '0' },
    element(
      'table',
      {},
      element('caption', { class: 'unseen' }, caption),
      element('thead', {}, element('tr', {}, ...head)),
      element('tbody', {}, ...body),
    ),
  );
}

/** A word with a tone: never a colour alone. */
export function badge(text, tone) {
  return element('span', { class: `badge ${tone}` }, text);
}

/** A bar of a share of 1, for the eye only; the figure stands beside it. */
export function bar(share) {
  const fill = element('span', { class: 'fill' });
  fill.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return element('span', { class: 'bar', 'aria-hidden': 'true' }, fill);
}

/** @param {[string, string | Node | null][]} entries those with null are left out */
export function facts(entries) {
  const kept = entries.filter(([, value]) => value !== null);
  return element(
    'dl',
    {},
    ...kept.map(([name, value]) =>
      element('div', {}, element('dt', {}, name), element('dd', {}, value)),
    ),
  );
}

const dollars = { style: 'currency', currency: 'USD' };
const cents = new Intl.NumberFormat('en-US', dollars);
const finer = new Intl.NumberFormat('en-US', { ...dollars, maximumFractionDigits: 4 });
const small = new Intl.NumberFormat('en-US', { ...dollars, maximumSignificantDigits: 3 });
const numbers = new Intl.NumberFormat('en-US');

/** `$12.30`; below a dollar up to four decimals, below a cent three digits that matter: `$0.000123`. */
export function usd(value) {
  if (Math.abs(value) >= 1 || value === 0) return cents.format(value);
  return (Math.abs(value) < 0.01 ? small : finer).format(value);
}

export function count(value) {
  return value === null ? '' : numbers.format(value);
}

export function duration(ms) {
  if (ms === null) return '-';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

/** How long something has run, in its two largest units. */
export function uptime(seconds) {
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [Math.floor(seconds) % 60, 's'],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first === -1) return '0 s';
  return parts
    .slice(first, first + 2)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ');
}

const clockTime = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const dayTime = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});

/** A time element. `day` is today by `toDateString`; the day of any other day is written out. */
export function time(instant, day) {
  const date = new Date(instant);
  const format = date.toDateString() === day ? clockTime : dayTime;
  return element('time', { datetime: instant, title: instant }, format.format(date));
}
