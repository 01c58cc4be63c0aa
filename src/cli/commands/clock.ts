import { command } from '../command.ts';
import { parseDurationSeconds } from '../duration.ts';
import { UsageFailure } from '../failure.ts';
import { connect, GATEWAY_FLAGS } from '../gateway-client.ts';
import { JSON_FLAG } from '../shared-flags.ts';

export const clock = command({
  synopsis: '[--to TIME | --advance DURATION] [options]',
  about:
    'Moves the clock of a gateway that runs with [control] clock = "injected" forward, through every timer that falls due on the way: budgets roll over, checks run. Without --to and --advance it shows the time.',
  flags: {
    to: { value: 'TIME', help: 'Instant in RFC 3339, such as 2026-12-01T00:00:00Z.' },
    advance: { value: 'DURATION', help: 'Length of time, such as 30s, 5m, 2h or 1d.' },
    ...GATEWAY_FLAGS,
    ...JSON_FLAG,
  },
  examples: ['nexus clock --advance 1d', 'nexus clock --to 2026-12-01T00:00:00Z'],
  async run(flags, session) {
    const [to, advance] = [flags.text('to'), flags.text('advance')];
    if (to !== undefined && advance !== undefined)
      throw new UsageFailure('give --to or --advance, not both');
    const body =
      to === undefined
        ? { advance_seconds: advance === undefined ? 0 : parseDurationSeconds(advance, 'advance') }
        : { to };
    const answer = await connect(flags, session).post('/admin/clock', body);
    if (flags.isSet('json')) await session.out.json(answer.raw);
    else {
      await session.out.line(
        `${answer.text('now')}, billing month ${answer.text('billing_month')}`,
      );
    }
    return 0;
  },
});
