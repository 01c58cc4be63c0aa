/** Axes: from values to places on the page, and the ticks between. */

export interface Scale {
  readonly from: number;
  readonly to: number;
  /** The place of a value, in pixels with one decimal. */
  readonly at: (value: number) => number;
}

export interface Tick {
  readonly value: number;
  readonly label: string;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const WITHIN_DAY = [1, 5, 15, 30, 60, 120, 180, 360, 720].map((minutes) => minutes * MINUTE_MS);
const DAYS = [1, 2, 3, 5, 7, 14];
const MONTH_STEPS = [1, 3, 6, 12, 24, 60, 120];

/** A place or a length in pixels, with one decimal. */
export function tenths(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}

export function linear(from: number, to: number, start: number, end: number): Scale {
  const span = to - from || 1;
  return { from, to, at: (value) => tenths(start + ((value - from) / span) * (end - start)) };
}

/** Round values from 0 to `most`, about `count` of them. */
export function roundValues(most: number, count: number): readonly number[] {
  const rough = most / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5].map((factor) => factor * power).find((size) => size >= rough);
  const size = step ?? 10 * power;
  return Array.from({ length: Math.floor(most / size) + 1 }, (_, at) => at * size);
}

/** The same for whole things. */
export function roundWholes(most: number, count: number): readonly number[] {
  return roundValues(most, count).filter((value) => Number.isInteger(value));
}

function day(date: Date): string {
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
}

function withinDay(from: number, to: number, stepMs: number): readonly Tick[] {
  const ticks: Tick[] = [];
  for (let value = Math.ceil(from / stepMs) * stepMs; value <= to; value += stepMs) {
    const date = new Date(value);
    const label = value % DAY_MS === 0 ? day(date) : date.toISOString().slice(11, 16);
    ticks.push({ value, label });
  }
  return ticks;
}

/** Every `days` days from the first of each month on; one right before the next first would touch it. */
function byDay(from: number, to: number, days: number): readonly Tick[] {
  const ticks: Tick[] = [];
  for (let value = Math.ceil(from / DAY_MS) * DAY_MS; value <= to; value += DAY_MS) {
    const date = new Date(value);
    const next = new Date(value + days * 0.7 * DAY_MS);
    const isTooLate = days > 1 && next.getUTCMonth() !== date.getUTCMonth();
    if ((date.getUTCDate() - 1) % days === 0 && !isTooLate) ticks.push({ value, label: day(date) });
  }
  return ticks;
}

/** @param month counted from the year 0. `Date.UTC` takes years below 100 for those of the last century. */
function startOfMonth(month: number): number {
  return Date.UTC(1970, month - 1970 * 12);
}

function byMonth(from: number, to: number, months: number): readonly Tick[] {
  const ticks: Tick[] = [];
  const start = new Date(from);
  const first = Math.floor((start.getUTCFullYear() * 12 + start.getUTCMonth()) / months) * months;
  for (let month = first; startOfMonth(month) <= to; month += months) {
    const value = startOfMonth(month);
    const label = month % 12 === 0 ? `Jan ${month / 12}` : (MONTHS[month % 12] ?? '');
    if (value >= from) ticks.push({ value, label });
  }
  return ticks;
}

/** Ticks at times that people count in, at most `most` of them. Times are UTC. */
export function timeTicks(from: number, to: number, most: number): readonly Tick[] {
  const span = to - from;
  const within = WITHIN_DAY.find((stepMs) => span / stepMs <= most);
  if (within !== undefined) return withinDay(from, to, within);
  const days = DAYS.find((step) => span / (step * DAY_MS) <= most);
  if (days !== undefined) return byDay(from, to, days);
  const months = MONTH_STEPS.find((step) => span / (step * 30 * DAY_MS) <= most) ?? 240;
  return byMonth(from, to, months);
}
