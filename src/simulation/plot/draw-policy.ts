/** One policy's month or months: spending against its limits, requests by where they went, refusals. */
import { softLimitOf } from '../../../machines/budget-reconciler.machine.ts';
import type { NanoUsd } from '../../core/money.ts';
import type { MonthOutcome, SimulationOutcome } from '../outcome.ts';
import { stepName } from '../time-steps.ts';
import { binsOf, type Bin } from './bins.ts';
import { linear, roundValues, roundWholes, tenths, timeTicks, type Scale } from './scales.ts';
import { element, label, line, title } from './svg.ts';
import { count, grouped, minute, short, usd } from './words.ts';

/** What the drawings of several policies share, so that they can be compared. */
export interface Frame {
  readonly width: number;
  readonly fromMs: number;
  readonly toMs: number;
  /** Highest spending that is shown, in nano-dollars. */
  readonly mostSpending: NanoUsd;
  readonly binMs: number;
  /** Highest bars. */
  readonly mostServed: number;
  readonly mostRefused: number;
}

interface Panel {
  readonly top: number;
  readonly bottom: number;
}

const LEFT = 70;
const RIGHT = 18;
const SPENDING: Panel = { top: 92, bottom: 352 };
const SERVED: Panel = { top: 412, bottom: 562 };
const REFUSED: Panel = { top: 612, bottom: 682 };
export const DRAWING_HEIGHT = 734;
const GAP_BETWEEN_BARS = 1;
const TICK_WIDTH = 88;
const MONTH_WIDTH = 56;

class Drawing {
  readonly #outcome: SimulationOutcome;
  readonly #frame: Frame;
  readonly #x: Scale;
  readonly #right: number;

  constructor(outcome: SimulationOutcome, frame: Frame) {
    this.#outcome = outcome;
    this.#frame = frame;
    this.#right = frame.width - RIGHT;
    this.#x = linear(frame.fromMs, frame.toMs, LEFT, this.#right);
  }

  draw(name: string): string {
    return [
      this.#heading(name),
      this.#spendingPanel(),
      this.#servedPanel(),
      this.#refusedPanel(),
      this.#months(),
      this.#timeAxis(),
    ].join('\n');
  }

  #heading(name: string): string {
    const { total } = this.#outcome;
    const words = [
      `${count(total.requests)} requests`,
      `${usd(total.spending)} spent`,
      `${usd(total.savedByLocal)} saved by local`,
      `${count(total.refused)} refused`,
    ];
    return label(LEFT, 30, name, 'heading') + label(LEFT, 52, words.join('  ·  '), 'value');
  }

  /** Caption, horizontal grid with its ticks, and the ground line of a panel. */
  #ground(
    { top, bottom }: Panel,
    caption: string,
    y: Scale,
    values: readonly number[],
    name: (value: number) => string,
  ): string {
    const grid = values.map((value) => {
      const place = y.at(value);
      const look = value === 0 ? 'axis' : 'grid';
      return (
        line(LEFT, place, this.#right, place, look) +
        label(LEFT - 8, place + 4, name(value), 'tick', 'end')
      );
    });
    const ticks = timeTicks(this.#frame.fromMs, this.#frame.toMs, this.#mostTicks());
    const columns = ticks.map(({ value }) =>
      line(this.#x.at(value), top, this.#x.at(value), bottom, 'grid'),
    );
    return [label(LEFT, top - 12, caption, 'caption'), ...columns, ...grid].join('');
  }

  #mostTicks(): number {
    return Math.floor((this.#right - LEFT) / TICK_WIDTH);
  }

  #spendingPanel(): string {
    const { mostSpending } = this.#frame;
    const y = linear(0, mostSpending, SPENDING.bottom, SPENDING.top);
    const values = roundValues(mostSpending / 1e9, 5).map((value) => value * 1e9);
    return [
      this.#outcome.months.map((month) => this.#bands(month)).join(''),
      this.#ground(SPENDING, 'Spending of the month, USD', y, values, plainUsd),
      ...this.#outcome.months.map((month) => this.#curve(month, y)),
      this.#limits(y),
      ...this.#outcome.months.map((month) => this.#crossings(month, y)),
    ].join('\n');
  }

  /** The part of the month that is drawn: where the traffic ends, nothing more is known. */
  #shown({ period }: MonthOutcome): { readonly fromMs: number; readonly toMs: number } {
    const { fromMs, toMs } = this.#frame;
    const { lastAtMs } = this.#outcome;
    return {
      fromMs: Math.max(period.startsAtMs, fromMs),
      toMs: Math.min(period.endsAtMs, toMs, Math.max(lastAtMs, period.startsAtMs)),
    };
  }

  /** The times in which the budget was at its soft or hard limit, as coloured ground. */
  #bands(month: MonthOutcome): string {
    const { toMs } = this.#shown(month);
    const { softLimitAtMs, hardLimitAtMs } = month;
    const band = (fromMs: number, endMs: number, status: string, look: string): string => {
      const x = this.#x.at(fromMs);
      const width = Math.max(0, tenths(this.#x.at(endMs) - x));
      const { top, bottom } = SPENDING;
      const words = `${status} from ${minute(fromMs)}`;
      return element('rect', { x, y: top, width, height: bottom - top, class: look }, title(words));
    };
    const soft =
      softLimitAtMs === null
        ? ''
        : band(softLimitAtMs, hardLimitAtMs ?? toMs, 'SoftLimit', 'soft-band');
    const hard = hardLimitAtMs === null ? '' : band(hardLimitAtMs, toMs, 'HardLimit', 'hard-band');
    return soft + hard;
  }

  #limits(y: Scale): string {
    const { budget } = this.#outcome;
    if (budget === null) return label(LEFT + 8, SPENDING.top + 16, 'no budget', 'tick');
    const { monthlyLimit, softLimitPercent, hardLimitAction } = budget;
    if (monthlyLimit > y.to) {
      const words = `the limit of ${usd(monthlyLimit)} is above this range`;
      return label(LEFT + 8, SPENDING.top + 16, words, 'tick');
    }
    const softLimit = softLimitOf(monthlyLimit, softLimitPercent);
    const one = (value: NanoUsd, words: string, look: string): string => {
      const place = y.at(value);
      const text = label(LEFT + 8, place - 5, words, `${look}-text`);
      return line(LEFT, place, this.#right, place, `${look}-line`) + text;
    };
    const hard = one(monthlyLimit, `hard limit ${usd(monthlyLimit)} (${hardLimitAction})`, 'hard');
    return softLimit === monthlyLimit
      ? hard
      : one(softLimit, `soft limit ${usd(softLimit)}`, 'soft') + hard;
  }

  #curve(month: MonthOutcome, y: Scale): string {
    const { stepMs, steps } = this.#outcome.timeline;
    const { fromMs, toMs } = this.#shown(month);
    const points = [`${this.#x.at(fromMs)},${y.at(0)}`];
    let before = 0;
    for (const step of steps) {
      if (step.month !== month.period.month) continue;
      const startsAtMs = Math.max(step.startsAtMs, fromMs);
      const endsAtMs = Math.min(step.startsAtMs + stepMs, toMs);
      points.push(`${this.#x.at(startsAtMs)},${y.at(before)}`);
      points.push(`${this.#x.at(endsAtMs)},${y.at(step.spending)}`);
      before = step.spending;
    }
    points.push(`${this.#x.at(toMs)},${y.at(month.spending)}`);
    const path = `M${points.join('L')}`;
    const area = `${path}L${this.#x.at(toMs)},${y.at(0)}Z`;
    const words = title(`${month.period.month}: ${usd(month.spending)}`);
    return (
      element('path', { d: area, class: 'area' }) +
      element('path', { d: path, class: 'spend' }, words)
    );
  }

  #crossings({ softLimitAtMs, hardLimitAtMs, period }: MonthOutcome, y: Scale): string {
    const { steps, stepMs } = this.#outcome.timeline;
    const dot = (atMs: number | null, look: string, words: string): string => {
      if (atMs === null) return '';
      const step = steps.find(
        ({ month, startsAtMs }) => month === period.month && startsAtMs + stepMs > atMs,
      );
      const spending = step?.spending ?? 0;
      const place = { cx: this.#x.at(atMs), cy: y.at(spending), r: 4.5, class: look };
      return element('circle', place, title(`${words} at ${minute(atMs)}`));
    };
    return (
      dot(softLimitAtMs, 'soft-dot', 'soft limit reached') +
      dot(hardLimitAtMs, 'hard-dot', 'hard limit reached')
    );
  }

  #servedPanel(): string {
    const { mostServed, binMs } = this.#frame;
    const y = linear(0, mostServed, SERVED.bottom, SERVED.top);
    const caption = `Requests served, per ${stepName(binMs)}`;
    const bars = this.#bins().map((bin) =>
      this.#bar(bin, SERVED, [
        ['local', bin.local, y],
        ['cloud', bin.cloud, y],
      ]),
    );
    return [
      this.#ground(SERVED, caption, y, roundWholes(mostServed, 4), short),
      this.#legend(SERVED.top - 12),
      ...bars,
    ].join('\n');
  }

  #legend(y: number): string {
    const key = (x: number, look: string, words: string): string =>
      element('rect', { x, y: y - 9, width: 10, height: 10, rx: 2, class: look }) +
      label(x + 15, y, words, 'tick');
    return key(this.#right - 128, 'local', 'local') + key(this.#right - 58, 'cloud', 'cloud');
  }

  #refusedPanel(): string {
    const { mostRefused, binMs } = this.#frame;
    const y = linear(0, mostRefused, REFUSED.bottom, REFUSED.top);
    const { refused } = this.#outcome.total;
    const caption =
      refused === 0 ? 'Requests refused: none' : `Requests refused, per ${stepName(binMs)}`;
    const bars = this.#bins().map((bin) => this.#bar(bin, REFUSED, [['refused', bin.refused, y]]));
    const values = refused === 0 ? [0] : roundWholes(mostRefused, 2);
    return [this.#ground(REFUSED, caption, y, values, short), ...bars].join('\n');
  }

  #bins(): readonly Bin[] {
    return binsOf(this.#outcome, this.#frame.binMs);
  }

  /** Parts of a bar, one on top of the other. */
  #bar(
    { startsAtMs }: Bin,
    { bottom }: Panel,
    parts: readonly (readonly [string, number, Scale])[],
  ): string {
    const { fromMs, toMs, binMs } = this.#frame;
    const x = this.#x.at(Math.max(startsAtMs, fromMs));
    const end = this.#x.at(Math.min(startsAtMs + binMs, toMs));
    const width = Math.max(1, tenths(end - x - GAP_BETWEEN_BARS));
    let base = bottom;
    const drawn: string[] = [];
    for (const [look, value, scale] of parts) {
      const height = tenths(bottom - scale.at(value));
      if (value === 0) continue;
      base = tenths(base - height);
      const words = `${count(value)} ${look}, from ${minute(startsAtMs)}`;
      drawn.push(element('rect', { x, y: base, width, height, class: look }, title(words)));
    }
    return drawn.join('');
  }

  /** Where months turn, and their names; what the whole axis spans, where there is only one. */
  #months(): string {
    const { months } = this.#outcome;
    const y = REFUSED.bottom + 38;
    const { fromMs, toMs } = this.#frame;
    if (months.length < 2) return label(LEFT, y, `${minute(fromMs)} to ${minute(toMs)}`, 'tick');
    return months
      .map(({ period }) => {
        const start = this.#x.at(Math.max(period.startsAtMs, fromMs));
        const end = this.#x.at(Math.min(period.endsAtMs, toMs));
        const middle = Math.round((start + end) / 2);
        const name =
          end - start > MONTH_WIDTH ? label(middle, y, period.month, 'caption', 'middle') : '';
        return line(start, SPENDING.top, start, REFUSED.bottom, 'turn') + name;
      })
      .join('');
  }

  #timeAxis(): string {
    const y = REFUSED.bottom + 20;
    const ticks = timeTicks(this.#frame.fromMs, this.#frame.toMs, this.#mostTicks());
    const labels = ticks.map(({ value, label: words }) => {
      const x = this.#x.at(value);
      return label(x, y, words, 'tick', x > this.#right - TICK_WIDTH / 4 ? 'end' : 'middle');
    });
    return labels.join('') + label(8, y, 'UTC', 'tick');
  }
}

/** For ticks: as few digits as it has. */
function plainUsd(amount: NanoUsd): string {
  return grouped(String(Math.round(amount / 1e3) / 1e6));
}

/** The inside of an `<svg>` of `frame.width` by `DRAWING_HEIGHT`. */
export function drawPolicy(name: string, outcome: SimulationOutcome, frame: Frame): string {
  return new Drawing(outcome, frame).draw(name);
}
