/** The axes of a picture of the month: days across, dollars up. */
import { shape } from './dashboard-elements.js';

const DAY_MS = 86_400_000;
const LEAST_LABEL_PX = 64;

/** A step of 1, 2 or 5 times a power of ten, so that there are about four of them up to `top`. */
function stepFor(top) {
  const rough = top / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5, 10].find((times) => times * power >= rough) ?? 10);
}

function dollars(step) {
  const digits = Math.min(6, Math.max(0, -Math.floor(Math.log10(step))));
  return (value) => `$${value.toFixed(digits)}`;
}

/**
 * @param {object} month with its bounds and its zone
 * @param {object} scale from instants and dollars to pixels
 */
export function monthAxis(month, scale) {
  return [...valueLines(scale), ...dayMarks(month, scale)];
}

function valueLines({ y, top, left, right }) {
  const step = stepFor(top);
  const write = dollars(step);
  const lines = [];
  for (let at = 0; at * step <= top; at += 1) {
    const value = at * step;
    lines.push(
      shape('line', { x1: left, x2: right, y1: y(value), y2: y(value), class: 'grid' }),
      shape('text', { x: left - 6, y: y(value) + 4, class: 'end quiet-text' }, write(value)),
    );
  }
  return lines;
}

function dayMarks({ starts_at_ms: startsAtMs, ends_at_ms: endsAtMs, timezone }, scale) {
  const { x, bottom, left, right } = scale;
  const format = new Intl.DateTimeFormat(undefined, {
    timeZone: timezone,
    day: 'numeric',
    month: 'short',
  });
  const days = Math.round((endsAtMs - startsAtMs) / DAY_MS);
  const room = Math.floor((right - left) / LEAST_LABEL_PX);
  const every = [1, 2, 3, 5, 7, 10, 15].find((step) => days / step <= room) ?? 15;
  const marks = [];
  for (let day = 0; day < days; day += every) {
    // Noon, so that an hour more or less of a summer time stays within the day.
    const atMs = startsAtMs + day * DAY_MS;
    marks.push(
      shape('line', { x1: x(atMs), x2: x(atMs), y1: bottom, y2: bottom + 4, class: 'tick' }),
      shape(
        'text',
        { x: x(atMs), y: bottom + 18, class: day === 0 ? 'begin quiet-text' : 'middle quiet-text' },
        format.format(atMs + DAY_MS / 2),
      ),
    );
  }
  return marks;
}
