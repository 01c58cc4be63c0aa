/** The metrics of the table as instruments of prom-client. */
import { Gauge, type Registry } from 'prom-client';
import { unreachable } from '../core/assert.ts';
import { METRICS, type AnyMetric, type MetricTable } from './metric-table.ts';
import { TalliedHistogram, Tally } from './tallied.ts';

type InstrumentOf<Row extends AnyMetric> = Row['kind'] extends 'counter'
  ? Tally<Row['labels'][number]>
  : Row['kind'] extends 'histogram'
    ? TalliedHistogram<Row['labels'][number]>
    : Gauge<Row['labels'][number]>;

export type Instruments = { readonly [Key in keyof MetricTable]: InstrumentOf<MetricTable[Key]> };

/** prom-client knows no untyped metrics, but writes what `get` says. */
class Untyped extends Gauge {
  override async get(): ReturnType<Gauge['get']> {
    return Object.assign(await super.get(), { type: 'untyped' });
  }
}

function instrument(
  row: AnyMetric,
  registry: Registry,
  hasBudget: boolean,
): Tally<string> | TalliedHistogram<string> | Gauge {
  const isExported = hasBudget || !('budgetOnly' in row);
  const config = {
    name: row.name,
    help: row.help,
    labelNames: [...row.labels],
    // What is not exported still exists, so that no code has to ask whether there is a budget.
    registers: isExported ? [registry] : [],
  };
  switch (row.kind) {
    case 'counter':
      return new Tally<string>(config);
    case 'histogram':
      return new TalliedHistogram<string>(config, row.buckets);
    case 'gauge':
      return new Gauge(config);
    case 'untyped':
      return new Untyped(config);
    default:
      return unreachable(row);
  }
}

/** Makes every metric of the table. Budget metrics are left out of the registry where there is no budget. */
export function createInstruments(registry: Registry, hasBudget: boolean): Instruments {
  return Object.fromEntries(
    Object.entries(METRICS).map(([key, row]) => [key, instrument(row, registry, hasBudget)]),
  ) as unknown as Instruments;
}
