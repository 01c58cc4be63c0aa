import { open, rename, rm } from 'node:fs/promises';
import type { Answer } from '../answer.ts';
import { command } from '../command.ts';
import { CommandFailure } from '../failure.ts';
import { connect, GATEWAY_FLAGS } from '../gateway-client.ts';
import { allEntries, FILTER_FLAGS, filterOf } from '../ledger-pages.ts';

/** Columns of the CSV: the fields of an entry, then those of its usage. */
const ENTRY_FIELDS = [
  'seq',
  'kind',
  'time',
  'billing_month',
  'hold_id',
  'request_id',
  'attempt',
  'backend',
  'backend_type',
  'model',
  'held_usd',
  'suspense_usd',
  'settled_usd',
  'excess_usd',
  'basis',
  'exact_pico_usd',
  'price_version',
  'note',
] as const;
const USAGE_FIELDS = [
  'input_tokens',
  'cached_input_tokens',
  'cache_write_tokens',
  'cache_write_1h_tokens',
  'input_audio_tokens',
  'output_tokens',
  'reasoning_tokens',
  'output_audio_tokens',
] as const;

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
  if (format === 'csv') await write(`${[...ENTRY_FIELDS, ...USAGE_FIELDS].join(',')}\r\n`);
  for await (const entry of entries) {
    await write(format === 'csv' ? csvRow(entry) : `${JSON.stringify(entry.raw)}\n`);
    count += 1;
  }
  return count;
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
    'Writes every entry of a running gateway, oldest first, as CSV (RFC 4180) or JSON lines. Amounts are exact decimal strings in USD: the change that the entry makes to what is held, in suspense and settled.',
  flags: {
    format: {
      value: 'FORMAT',
      help: 'csv or jsonl; by default what the name of --out ends in, or csv.',
    },
    out: { value: 'FILE', help: 'File to write; standard output by default.' },
    ...FILTER_FLAGS,
    ...GATEWAY_FLAGS,
  },
  examples: [
    'nexus ledger export --out ledger.csv',
    'nexus ledger export --format jsonl --month 2026-11 | jq .settled_usd',
  ],
  async run(flags, session) {
    const out = flags.text('out');
    const format =
      flags.oneOf('format', ['csv', 'jsonl']) ?? (out?.endsWith('.jsonl') ? 'jsonl' : 'csv');
    const entries = allEntries(connect(flags, session), filterOf(flags));
    const fill = (write: Write): Promise<number> => writeEntries(entries, format, write);
    if (out === undefined) {
      await fill((text) => session.out.write(text));
      return 0;
    }
    const count = await writeToFile(out, fill);
    await session.err.line(`${count} entries in ${out}`);
    return 0;
  },
});
