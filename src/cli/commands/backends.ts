import type { Answer } from '../answer.ts';
import { command } from '../command.ts';
import { formatSeconds } from '../duration.ts';
import { connect, GATEWAY_FLAGS } from '../gateway-client.ts';
import { JSON_FLAG } from '../shared-flags.ts';
import { tableLines, type Column } from '../table.ts';

const COLUMNS: readonly Column[] = [
  { title: 'NAME' },
  { title: 'TYPE' },
  { title: 'KIND' },
  { title: 'STATUS' },
  { title: 'LATENCY', align: 'right' },
  { title: 'MODELS', align: 'right' },
  { title: 'REASON' },
];

function row(backend: Answer): readonly string[] {
  const latencyMs = backend.numberOr('latency_ms', null);
  return [
    backend.text('name'),
    backend.text('type'),
    backend.text('kind'),
    backend.text('status'),
    latencyMs === null ? '-' : `${Math.round(latencyMs)} ms`,
    String(backend.texts('models').length),
    backend.textOr('reason', ''),
  ];
}

export const backends = command({
  synopsis: '[options]',
  about:
    'Asks a running gateway for its backends: whether they are healthy, how fast they answer and how many models they serve.',
  flags: { ...GATEWAY_FLAGS, ...JSON_FLAG },
  examples: ['nexus backends', "nexus backends --json | jq '.backends.list[].name'"],
  async run(flags, session) {
    const client = connect(flags, session);
    const health = await client.get('/health');
    if (flags.isSet('json')) {
      await session.out.json(health.raw);
      return 0;
    }
    const list = health.object('backends').list('list');
    const uptime = formatSeconds(health.number('uptime_seconds'));
    await session.out.line(
      `Nexus ${health.text('version')} at ${client.baseUrl}: ${health.text('status')}, up ${uptime}, routing ${health.text('posture')}`,
    );
    await session.out.line(
      list.length === 0 ? 'No backends.' : `\n${tableLines(COLUMNS, list.map(row)).join('\n')}`,
    );
    return 0;
  },
});
