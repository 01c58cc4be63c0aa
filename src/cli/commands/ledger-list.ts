import type { Answer } from '../answer.ts';
import { command } from '../command.ts';
import { connect, GATEWAY_FLAGS } from '../gateway-client.ts';
import { FILTER_FLAGS, filterOf } from '../ledger-pages.ts';
import { JSON_FLAG } from '../shared-flags.ts';
import { tableLines, type Column } from '../table.ts';

const DEFAULT_LIMIT = 20;

const COLUMNS: readonly Column[] = [
  { title: 'SEQ', align: 'right' },
  { title: 'TIME' },
  { title: 'KIND' },
  { title: 'BACKEND' },
  { title: 'MODEL' },
  { title: 'HELD', align: 'right' },
  { title: 'SETTLED', align: 'right' },
  { title: 'NOTE' },
];

function row(entry: Answer): readonly string[] {
  return [
    String(entry.number('seq')),
    entry.text('time').replace(/\.\d+Z$/, 'Z'),
    entry.text('kind'),
    entry.text('backend'),
    entry.text('model'),
    entry.text('held_usd'),
    entry.text('settled_usd'),
    entry.textOr('note', ''),
  ];
}

export const ledgerList = command({
  synopsis: '[options]',
  about:
    'Asks a running gateway for the entries of its ledger, newest first. Amounts are exact, in USD, as the change that the entry makes.',
  flags: {
    limit: { value: 'N', help: `How many entries, 1 to 1000; ${DEFAULT_LIMIT} by default.` },
    before: { value: 'SEQ', help: 'Only entries before this one: the next page.' },
    ...FILTER_FLAGS,
    ...GATEWAY_FLAGS,
    ...JSON_FLAG,
  },
  examples: ['nexus ledger list --limit 50', 'nexus ledger list --kind charge --month 2026-11'],
  async run(flags, session) {
    const answer = await connect(flags, session).get('/v1/ledger', {
      ...filterOf(flags),
      before: flags.whole('before', 1, Number.MAX_SAFE_INTEGER),
      limit: flags.whole('limit', 1, 1000) ?? DEFAULT_LIMIT,
    });
    if (flags.isSet('json')) {
      await session.out.json(answer.raw);
      return 0;
    }
    const entries = answer.list('data');
    if (entries.length === 0) await session.out.line('No entries.');
    else await session.out.line(tableLines(COLUMNS, entries.map(row)).join('\n'));
    if (answer.has('next')) {
      const before = answer.object('next').number('before');
      await session.err.line(`More entries: add --before ${before}`);
    }
    return 0;
  },
});
