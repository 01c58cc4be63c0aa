import { command } from '../command.ts';
import { connect, GATEWAY_FLAGS } from '../gateway-client.ts';
import { JSON_FLAG } from '../shared-flags.ts';
import { tableLines, type Column } from '../table.ts';

const COLUMNS: readonly Column[] = [
  { title: 'MODEL' },
  { title: 'CONTEXT', align: 'right' },
  { title: 'BACKENDS' },
];

export const models = command({
  synopsis: '[options]',
  about: 'Asks a running gateway for the models that can be asked for, and who serves them.',
  flags: { ...GATEWAY_FLAGS, ...JSON_FLAG },
  examples: ['nexus models', "nexus models --json | jq -r '.data[].id'"],
  async run(flags, session) {
    const answer = await connect(flags, session).get('/v1/models');
    if (flags.isSet('json')) {
      await session.out.json(answer.raw);
      return 0;
    }
    const rows = answer
      .list('data')
      .map((model) => [
        model.text('id'),
        String(model.numberOr('context_length', '-')),
        model.texts('backends').join(', '),
      ]);
    await session.out.line(
      rows.length === 0
        ? "No models: no backend is healthy. 'nexus backends' says why."
        : tableLines(COLUMNS, rows).join('\n'),
    );
    return 0;
  },
});
