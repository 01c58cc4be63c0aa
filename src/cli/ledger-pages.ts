/** Entries of a running gateway's ledger, by filter and page by page. */
import type { Answer } from './answer.ts';
import type { FlagSpec, Flags } from './flags.ts';
import type { GatewayClient, Query } from './gateway-client.ts';

const PAGE = 1000;

export const FILTER_FLAGS = {
  month: { value: 'YYYY-MM', help: 'Only entries of this billing month.' },
  kind: { value: 'KIND', help: 'Only hold, void, charge, suspend, resolve or adjust entries.' },
  model: { value: 'MODEL', help: 'Only entries of this model.' },
  backend: { value: 'NAME', help: 'Only entries of this backend.' },
  'request-id': { value: 'ID', help: 'Only entries of this request.' },
} as const satisfies Readonly<Record<string, FlagSpec>>;

export function filterOf(flags: Flags<keyof typeof FILTER_FLAGS>): Query {
  const kinds = ['hold', 'void', 'charge', 'suspend', 'resolve', 'adjust'] as const;
  return {
    month: flags.text('month'),
    kind: flags.oneOf('kind', kinds),
    model: flags.text('model'),
    backend: flags.text('backend'),
    request_id: flags.text('request-id'),
  };
}

/** All entries that match, oldest first. */
export async function* allEntries(client: GatewayClient, filter: Query): AsyncGenerator<Answer> {
  let after = 0;
  for (;;) {
    const page = await client.get('/v1/ledger', { ...filter, after, limit: PAGE });
    const entries = page.list('data');
    yield* entries;
    const last = entries.at(-1);
    if (last === undefined || entries.length < PAGE) return;
    after = last.number('seq');
  }
}
