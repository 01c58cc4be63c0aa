/** Money, dates and states in words. Everything that a person reads of the charts' numbers is made here. */
import { formatUsd, formatUsdExact } from '../../../core/money.ts';

const TEN_USD = 10_000_000_000;
const HUNDRED_USD = 100_000_000_000;

/** What is left of a small budget must not be rounded away. */
function decimalsFor(magnitude) {
  if (magnitude < TEN_USD) return 6;
  return magnitude < HUNDRED_USD ? 4 : 2;
}

export const STATUS_WORDS = { Normal: 'Normal', SoftLimit: 'Soft limit', HardLimit: 'Hard limit' };
export const STATUS_TONES = { Normal: 'good', SoftLimit: 'warning', HardLimit: 'error' };

/** `$1,234.50`, `$12.3456`, `$0.000012`; what would round to nothing is written exactly. */
export function money(nano) {
  const magnitude = Math.abs(nano);
  const rounded = formatUsd(magnitude, decimalsFor(magnitude));
  const text = Number(rounded) === 0 && nano !== 0 ? formatUsdExact(magnitude) : rounded;
  const [whole, decimals = ''] = text.split('.');
  const grouped = whole.replaceAll(/\B(?=(\d{3})+$)/g, ',');
  return `${nano < 0 ? '-' : ''}$${grouped}.${decimals.replace(/0+$/, '').padEnd(2, '0')}`;
}

/** `75 %`, `75.02 %`: at most two decimals, and never rounded over a limit that is not reached. */
export function percent(share) {
  return `${Number((Math.floor(share * 100 + 1e-9) / 100).toFixed(2))} %`;
}

const formatters = new Map();

function formatter(zone, options) {
  const key = JSON.stringify([zone, options]);
  if (!formatters.has(key)) {
    formatters.set(key, new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone }));
  }
  return formatters.get(key);
}

/** `10 November 2026, 12:00 UTC`: in the zone that months are counted in. */
export function instant(atMs, zone) {
  const day = { day: 'numeric', month: 'long', year: 'numeric' };
  const text = formatter(zone, { ...day, hour: '2-digit', minute: '2-digit' }).format(atMs);
  return `${text.replace(' at ', ', ')} ${zone}`;
}

/** `10 Nov, 12:00:05` */
export function stamp(atMs, zone) {
  const options = { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' };
  return formatter(zone, { ...options, second: '2-digit' }).format(atMs);
}

/** `2026-11-10`, for fields of forms. */
export function dateText(atMs, zone) {
  const parts = formatter(zone, { day: '2-digit', month: '2-digit', year: 'numeric' });
  const found = Object.fromEntries(
    parts.formatToParts(atMs).map(({ type, value }) => [type, value]),
  );
  return `${found.year}-${found.month}-${found.day}`;
}

const UNITS = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
];

/** `20 days`, `1 hour`; in its largest whole unit. */
export function span(ms) {
  for (const [unitMs, name] of UNITS) {
    const amount = Math.floor(ms / unitMs);
    if (amount > 0) return `${amount} ${name}${amount === 1 ? '' : 's'}`;
  }
  return 'less than a minute';
}

/** `$3.00 spent`, `limit $100.00`: names of fields as charts write them, without their unit. */
export function fieldName(name) {
  const words = name.replace(/(?:Nano|AtMs|Ms)$/, '').replaceAll(/([A-Z])/g, ' $1');
  return (words || name).toLowerCase().trim();
}

/** The value of a field of a chart, by the unit in its name. Objects are not for this. */
export function fieldValue(name, value, zone) {
  if (value === null) return 'none';
  if (typeof value === 'number') {
    if (name.endsWith('Nano')) return money(value);
    if (/^(?:nowMs|atMs|fromMs|.*AtMs)$/.test(name)) return instant(value, zone);
    if (name.endsWith('Ms'))
      return value >= 60_000 ? span(value) : `${Number(value.toFixed(1))} ms`;
    if (name.endsWith('Percent')) return `${value} %`;
  }
  return String(value);
}

/** `softLimit` as people say it. */
export function stateWords(name) {
  const words = name.replaceAll(/([A-Z])/g, ' $1').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The names of the active states, outermost first: `running`, `running.lifecycle`, `running.lifecycle.serving`. */
export function activePaths(state, above = '') {
  if (typeof state === 'string') return state === '' ? [] : [above + state];
  return Object.entries(state).flatMap(([name, inner]) => [
    above + name,
    ...activePaths(inner, `${above}${name}.`),
  ]);
}

/** The innermost of them in words: `Soft limit`, `Serving, up, up, all watched`. */
export function shortState(state) {
  const paths = activePaths(state);
  const leaves = paths.filter((path) => !paths.some((other) => other.startsWith(`${path}.`)));
  return leaves.map((path) => stateWords(path.split('.').at(-1))).join(', ');
}
