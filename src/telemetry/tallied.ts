/**
 * Counters and histograms that are cheap to count with. prom-client makes, checks and hashes an object of labels with
 * each observation, which took seven percent of a request; here a series is found by its label values, and is written
 * out by prom-client like any other when it is asked what it has.
 */
import { Counter, Gauge } from 'prom-client';

type Labels<Label extends string> = Readonly<Record<Label, string>>;

interface TallyConfig<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames: Label[];
  readonly registers: NonNullable<ConstructorParameters<typeof Gauge>[0]['registers']>;
}

/** One label value, and what follows it. */
interface Branch<Series> {
  readonly next: Map<string, Branch<Series>>;
  series: Series | null;
}

function branch<Series>(): Branch<Series> {
  return { next: new Map(), series: null };
}

/** Series by their label values, one after the other: to join them into one key would cost more than to count. */
class SeriesMap<Label extends string, Series> {
  readonly #names: readonly Label[];
  readonly #begin: (labels: Labels<Label>) => Series;
  #root: Branch<Series> = branch();
  #series: Series[] = [];

  constructor(names: readonly Label[], begin: (labels: Labels<Label>) => Series) {
    this.#names = names;
    this.#begin = begin;
  }

  of(labels: Labels<Label>): Series {
    let at = this.#root;
    for (const name of this.#names) {
      const value = labels[name];
      let next = at.next.get(value);
      if (next === undefined) {
        next = branch();
        at.next.set(value, next);
      }
      at = next;
    }
    if (at.series === null) {
      at.series = this.#begin({ ...labels });
      this.#series.push(at.series);
    }
    return at.series;
  }

  all(): readonly Series[] {
    return this.#series;
  }

  clear(): void {
    this.#root = branch();
    this.#series = [];
  }
}

interface CountSeries<Label extends string> {
  readonly labels: Labels<Label>;
  value: number;
}

/** A counter. */
export class Tally<Label extends string> extends Counter<Label> {
  readonly #counts: SeriesMap<Label, CountSeries<Label>>;

  constructor(config: TallyConfig<Label>) {
    super(config);
    this.#counts = new SeriesMap(config.labelNames, (labels) => ({ labels, value: 0 }));
    // A counter without labels is there from the start, with 0.
    if (config.labelNames.length === 0) this.add({} as Labels<Label>, 0);
  }

  /** Counts `by` more, in the series of these labels. */
  add(labels: Labels<Label>, by = 1): void {
    this.#counts.of(labels).value += by;
  }

  /** Begins anew, without any series. */
  clear(): void {
    this.#counts.clear();
  }

  override async get(): ReturnType<Counter<Label>['get']> {
    const values = this.#counts.all().map(({ labels, value }) => ({ labels, value }));
    return Object.assign(await super.get(), { values });
  }
}

interface Distribution<Label extends string> {
  readonly labels: Labels<Label>;
  /** Observations by the first bound that takes them; the last is beyond every bound. */
  readonly counts: number[];
  sum: number;
}

/** A histogram: a gauge to prom-client, which writes out what `get` says. */
export class TalliedHistogram<Label extends string> extends Gauge<Label> {
  readonly #name: string;
  readonly #bounds: readonly number[];
  readonly #distributions: SeriesMap<Label, Distribution<Label>>;

  constructor(config: TallyConfig<Label>, bounds: readonly number[]) {
    super(config);
    this.#name = config.name;
    this.#bounds = bounds;
    this.#distributions = new SeriesMap(config.labelNames, (labels) => ({
      labels,
      counts: Array.from({ length: bounds.length + 1 }, () => 0),
      sum: 0,
    }));
    if (config.labelNames.length === 0) this.#distributions.of({} as Labels<Label>);
  }

  observe(labels: Labels<Label>, value: number): void {
    const distribution = this.#distributions.of(labels);
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] ?? 0)) at += 1;
    distribution.counts[at] = (distribution.counts[at] ?? 0) + 1;
    distribution.sum += value;
  }

  override async get(): ReturnType<Gauge<Label>['get']> {
    const values = this.#distributions.all().flatMap((each) => this.#samplesOf(each));
    return Object.assign(await super.get(), { type: 'histogram', values });
  }

  #samplesOf({ labels, counts, sum }: Distribution<Label>): object[] {
    let count = 0;
    const buckets = counts.map((own, at) => {
      count += own;
      const le = this.#bounds[at] ?? '+Inf';
      return { metricName: `${this.#name}_bucket`, labels: { le, ...labels }, value: count };
    });
    return [
      ...buckets,
      { metricName: `${this.#name}_sum`, labels, value: sum },
      { metricName: `${this.#name}_count`, labels, value: count },
    ];
  }
}
