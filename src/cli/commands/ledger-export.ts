import { open, rename, rm } from 'node:fs/promises';
import { COUNT_NAMES, SERVICE_NAMES } from '../../core/usage-names.ts';
import type { Answer } from '../answer.ts';
import { command } from '../command.ts';
import { CommandFailure } from '../failure.ts';
import { connect, GATEWAY_FLAGS, type GatewayClient } from '../gateway-client.ts';
import { allEntries, FILTER_FLAGS, filterOf } from '../ledger-pages.ts';

/** Columns of the CSV: the fields of an entry, then those of its usage. A later version adds its own behind them. */
const ENTRY_FIELDS = [
  'seq',
  'kind',
  'time',
  'billing_month',
  'hold_id',
  'request_id',
  'attempt',
  'route',
  'backend',
  'backend_type',
  'model',
  'held_usd',
  'suspense_usd',
  'settled_usd',
  'excess_usd',
  'basis',
  'exact_pico_usd',
  'exact_cost_usd',
  'price_version',
  'price_id',
  'note',
  'estimated_input_tokens',
] as const;
const USAGE_FIELDS = [
  'reported_cost_usd',
  ...COUNT_NAMES.map(([, name]) => name),
  ...SERVICE_NAMES,
];
const COLUMNS = [...ENTRY_FIELDS, ...USAGE_FIELDS];

type Write = (text: string) => Promise<void>;

/** RFC 4180: quoted where it must be, quotes doubled. */
function csvCell(value: unknown): string {
  const text = typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csvRow(entry: Answer): string {
  const usage = entry.has('usage') ? entry.object('usage') : null;
  const cells = [
    ...ENTRY_FIELDS.map((field) => entry.field(field)),
    ...USAGE_FIELDS.map((field) => usage?.field(field) ?? null),
  ];
  return `${cells.map(csvCell).join(',')}\r\n`;
}

async function writeEntries(
  entries: AsyncIterable<Answer>,
  format: 'csv' | 'jsonl',
  write: Write,
): Promise<number> {
  let count = 0;
  if (format === 'csv') await write(`${COLUMNS.join(',')}\r\n`);
  for await (const entry of entries) {
    await write(format === 'csv' ? csvRow(entry) : `${JSON.stringify(entry.raw)}\n`);
    count += 1;
  }
  return count;
}

async function writePrices(client: GatewayClient, write: Write): Promise<number> {
  const prices = (await client.get('/v1/ledger/prices')).list('data');
  for (const price of prices) await write(`${JSON.stringify(price.raw)}\n`);
  return prices.length;
}

/** Writes beside the target and renames at the end, so that a failed export never looks like a whole one. */
async function writeToFile(
  target: string,
  fill: (write: Write) => Promise<number>,
): Promise<number> {
  const partial = `${target}.partial`;
  const file = await open(partial, 'w').catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandFailure(`cannot write ${target}: ${why}`);
  });
  try {
    const count = await fill(async (text) => {
      await file.write(text);
    });
    await file.sync();
    await file.close();
    await rename(partial, target);
    return count;
  } catch (thrown) {
    await file.close().catch(() => undefined);
    await rm(partial, { force: true });
    throw thrown;
  }
}

export const ledgerExport = command({
  synopsis: '[options]',
  about:
    'Writes every entry of a running gateway, oldest first, as CSV (RFC 4180) or JSON lines. Amounts are exact decimal strings in USD: the change that the entry makes to what is held, in suspense and settled. ' +
    `The columns of the CSV, in this order: ${COLUMNS.join(', ')}. A JSON line has the same names, those of the tokens inside usage. ` +
    'A charge is its tokens at the rates that price_id stands for (--prices writes them down), or reported_cost_usd where the provider said what it cost, or the hold where the basis is assumed: exact_cost_usd before, settled_usd after it was rounded up to a nano-dollar.',
  flags: {
    format: {
      value: 'FORMAT',
      help: 'csv or jsonl; by default what the name of --out ends in, or csv.',
    },
    out: { value: 'FILE', help: 'File to write; standard output by default.' },
    prices: {
      value: 'FILE',
      help: 'Also write the prices behind the charges, a JSON line each: rates in pico-USD per token (micro-USD per million), per_request in nano-USD.',
    },
    ...FILTER_FLAGS,
    ...GATEWAY_FLAGS,
  },
  examples: [
    'nexus ledger export --out ledger.csv',
    'nexus ledger export --format jsonl --month 2026-11 | jq .settled_usd',
    'nexus ledger export --out ledger.csv --prices prices.jsonl',
  ],
  async run(flags, session) {
    const out = flags.text('out');
    const format =
      flags.oneOf('format', ['csv', 'jsonl']) ?? (out?.endsWith('.jsonl') ? 'jsonl' : 'csv');
    const client = connect(flags, session);
    const entries = allEntries(client, filterOf(flags));
    const fill = (write: Write): Promise<number> => writeEntries(entries, format, write);
    if (out === undefined) await fill((text) => session.out.write(text));
    else {
      const count = await writeToFile(out, fill);
      await session.err.line(`${count} entries in ${out}`);
    }
    const pricesOut = flags.text('prices');
    if (pricesOut === undefined) return 0;
    // After the entries, so that no price of theirs can be missing.
    const count = await writeToFile(pricesOut, (write) => writePrices(client, write));
    await session.err.line(`${count} prices in ${pricesOut}`);
    return 0;
  },
});
