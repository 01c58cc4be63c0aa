/** The month as a picture: spending against the limits with its forecast, and the status of every instant below it. */
import { element, shape, STATUS_TONES, STATUS_WORDS, usd } from './dashboard-elements.js';
import { monthAxis } from './dashboard-axis.js';

const TOP = 22;
const PLOT_HEIGHT = 190;
const BAND_TOP = TOP + PLOT_HEIGHT + 34;
const BAND_HEIGHT = 22;
const LEFT = 58;
const RIGHT = 14;

/**
 * @param {object} data
 * @param {object} data.month as in a frame
 * @param {object | undefined} data.budget as in `/v1/stats`
 * @param {number} data.now Unix milliseconds, to the minute
 * @param {number} data.width pixels that there are
 */
export function monthSection({ month, budget, now, width }) {
  const limits = limitsOf(budget);
  const spent = budget?.current_spending_usd ?? month.points.at(-1)[1];
  const forecast = budget?.forecast.status === 'ok' ? budget.forecast : null;
  // At a limit that blocks, the pace of before leads nowhere.
  const isBlocked = budget?.status === 'HardLimit' && budget.hard_limit_action !== 'Warn';
  const picture = {
    month,
    limits,
    spent,
    forecast: isBlocked ? null : forecast,
    now: Math.min(now, month.ends_at_ms),
    width,
  };
  return [
    element('p', {}, ...forecastWords({ ...picture, forecast }, budget)),
    element(
      'div',
      { role: 'img', class: 'picture', 'aria-label': pictureWords(picture) },
      drawing(picture),
    ),
    month.bands.length > 0 ? bandList(month) : null,
    ...notes(month),
  ].filter((node) => node !== null);
}

function limitsOf(budget) {
  if (budget === undefined) return null;
  const hard = budget.monthly_limit_usd;
  return { hard, soft: (hard * budget.soft_limit_threshold) / 100 };
}

function notes(month) {
  const lines = [];
  if (!month.is_complete) lines.push('The ledger of this month is still being read.');
  if (month.not_itemised_usd > 0)
    lines.push(
      `${usd(month.not_itemised_usd)} of the spending has no entries in this ledger any more.`,
    );
  return lines.map((line) => element('p', { class: 'quiet' }, line));
}

function dateIn(timezone) {
  const format = new Intl.DateTimeFormat(undefined, {
    timeZone: timezone,
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  });
  return (instant) =>
    element(
      'time',
      { datetime: new Date(instant).toISOString() },
      format.format(new Date(instant)),
    );
}

/** What is to be expected, in a sentence with its dates. */
function forecastWords({ month, limits, spent, forecast }, budget) {
  if (limits === null)
    return [`${usd(spent)} spent in ${month.month}. There is no limit to reach.`];
  if (forecast === null)
    return [`${usd(spent)} spent in ${month.month}. It is too early to say where this leads.`];
  const end = forecast.projected_month_end_usd;
  const isStopped = end > limits.hard && budget.hard_limit_action !== 'Warn';
  return [
    `At ${usd(forecast.burn_rate_usd_per_day)} a day the month ${isStopped ? 'would end' : 'ends'} at `,
    element('strong', {}, usd(end)),
    '. ',
    ...crossingWords(forecast, budget, dateIn(month.timezone)),
    '.',
  ];
}

function crossingWords({ soft_limit_at: soft, hard_limit_at: hard }, { status }, date) {
  if (status === 'HardLimit') return ['The hard limit is reached'];
  if (soft === null && hard === null)
    return [
      status === 'SoftLimit'
        ? 'The soft limit is reached, the hard limit is not expected'
        : 'No limit is expected to be reached',
    ];
  const softWords = soft === null ? [] : ['The soft limit is expected on ', date(soft)];
  if (hard === null) return softWords;
  const hardWords = soft === null ? 'The hard limit is expected on ' : ', the hard limit on ';
  return [...softWords, hardWords, date(hard)];
}

function pictureWords({ month, limits, spent, forecast }) {
  const parts = [`Spending in ${month.month}: ${usd(spent)} so far`];
  if (limits !== null) parts.push(`soft limit ${usd(limits.soft)}, hard limit ${usd(limits.hard)}`);
  if (forecast !== null) parts.push(`${usd(forecast.projected_month_end_usd)} expected at the end`);
  return parts.join(', ');
}

/** What must be seen, and a little air. A forecast far above the limit leaves the picture instead of flattening it. */
function topOf({ limits, spent, forecast }) {
  const expected = forecast?.projected_month_end_usd ?? 0;
  if (limits === null) return Math.max(spent, 0.000001) * 1.15;
  return Math.max(limits.hard, spent, Math.min(expected, limits.hard * 1.5)) * 1.12;
}

function drawing(picture) {
  const { month, width } = picture;
  const top = topOf(picture);
  const span = month.ends_at_ms - month.starts_at_ms;
  const x = (atMs) => LEFT + ((atMs - month.starts_at_ms) / span) * (width - LEFT - RIGHT);
  const y = (value) => TOP + PLOT_HEIGHT * (1 - Math.min(value, top) / top);
  const scale = { x, y, top, width, bottom: TOP + PLOT_HEIGHT, left: LEFT, right: width - RIGHT };
  const height = BAND_TOP + (month.bands.length > 0 ? BAND_HEIGHT + 4 : -10);
  return shape(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, width, height, 'aria-hidden': 'true' },
    ...monthAxis(month, scale),
    ...limitLines(picture, scale),
    ...spendingLines(picture, scale),
    ...statusBand(picture, scale),
  );
}

function limitLines({ limits }, { y, left, right }) {
  if (limits === null) return [];
  const line = (value, kind, words) => [
    shape('line', { x1: left, x2: right, y1: y(value), y2: y(value), class: `limit ${kind}` }),
    shape('text', { x: right, y: y(value) - 5, class: `end ${kind}-text` }, words),
  ];
  const isOne = limits.soft >= limits.hard;
  return [
    ...(isOne ? [] : line(limits.soft, 'soft', `soft ${usd(limits.soft)}`)),
    ...line(limits.hard, 'hard', `hard ${usd(limits.hard)}`),
  ];
}

/** Money is spent in steps: the line stays level until the hour in which it rose. */
function stepsOf({ month, spent, now }, { x, y }) {
  const [first, ...points] = month.points;
  let path = `M${x(first[0])} ${y(first[1])}`;
  for (const [atMs, usdThen] of points) path += `H${x(Math.min(atMs, now))}V${y(usdThen)}`;
  return `${path}H${x(now)}V${y(spent)}`;
}

function spendingLines(picture, scale) {
  const { month, spent, forecast, now } = picture;
  const { x, y, bottom } = scale;
  const steps = stepsOf(picture, scale);
  const area = `${steps}V${bottom}H${x(month.starts_at_ms)}Z`;
  return [
    shape('path', { d: area, class: 'spending-area' }),
    shape('path', { d: steps, class: 'spending' }),
    forecast === null ? null : forecastLine(picture, scale),
    shape('line', { x1: x(now), x2: x(now), y1: TOP, y2: bottom, class: 'now' }),
    shape('circle', { cx: x(now), cy: y(spent), r: 4, class: 'dot' }),
    shape('text', { x: x(now), y: TOP - 8, class: edgeOf(x(now), scale) }, `now ${usd(spent)}`),
  ].filter((node) => node !== null);
}

/** Text near an end of the picture would leave it. */
function edgeOf(at, { left, right }) {
  if (at - left < 60) return 'begin';
  return right - at < 60 ? 'end' : 'middle';
}

function forecastLine({ month, spent, forecast, now }, { x, y, top }) {
  const end = forecast.projected_month_end_usd;
  // Where it leaves the picture.
  const share = end > top ? (top - spent) / (end - spent) : 1;
  const toMs = now + share * (month.ends_at_ms - now);
  const crossings = [forecast.soft_limit_at, forecast.hard_limit_at].filter((at) => at !== null);
  const value = (atMs) => spent + ((end - spent) * (atMs - now)) / (month.ends_at_ms - now);
  return shape(
    'g',
    {},
    shape('path', {
      d: `M${x(now)} ${y(spent)}L${x(toMs)} ${y(Math.min(end, top))}`,
      class: 'forecast',
    }),
    ...crossings.map((at) =>
      shape('circle', {
        cx: x(Date.parse(at)),
        cy: y(value(Date.parse(at))),
        r: 4,
        class: 'crossing',
      }),
    ),
  );
}

/** Each status with the instant at which the next one began; the last goes on until now. */
function bandsOf(month, now) {
  return month.bands.map(({ status, from_ms: fromMs }, at) => ({
    status,
    fromMs: Math.min(fromMs, now),
    toMs: month.bands[at + 1]?.from_ms ?? now,
  }));
}

function statusBand({ month, now }, { x, left, right }) {
  if (month.bands.length === 0) return [];
  const rest = shape('rect', {
    x: left,
    y: BAND_TOP,
    width: right - left,
    height: BAND_HEIGHT,
    class: 'band-rest',
  });
  const bands = bandsOf(month, now).flatMap(({ status, fromMs, toMs }) => {
    const width = Math.max(x(toMs) - x(fromMs), 2);
    const rect = shape('rect', {
      x: x(fromMs),
      y: BAND_TOP,
      width,
      height: BAND_HEIGHT,
      class: `band ${STATUS_TONES[status]}`,
    });
    if (width < 78) return [rect];
    const at = { x: x(fromMs) + width / 2, y: BAND_TOP + 15, class: 'middle band-text' };
    return [rect, shape('text', at, STATUS_WORDS[status])];
  });
  return [rest, ...bands];
}

/** The same in words, for those who can not see the bands, or want the minute. */
function bandList(month) {
  const date = dateIn(month.timezone);
  const items = month.bands.map(({ status, from_ms: fromMs }) =>
    element('li', {}, `${STATUS_WORDS[status]} since `, date(fromMs)),
  );
  return element(
    'details',
    {},
    element('summary', {}, 'Status of the budget over the month, by the limits of now'),
    element('ul', {}, ...items),
  );
}
