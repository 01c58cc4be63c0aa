import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadConfig } from '../../config/load-config.ts';
import { startGateway, type Gateway } from '../../main.ts';
import type { Answer } from '../answer.ts';
import { command, type ExitCode, type Session } from '../command.ts';
import { demoToml } from '../demo/demo-config.ts';
import { runPhases } from '../demo/phases.ts';
import { Progress } from '../demo/progress.ts';
import { readBudget } from '../demo/reading.ts';
import { makeReport, reportJson, reportLines, type Report } from '../demo/report.ts';
import { GatewayClient } from '../gateway-client.ts';
import { allEntries } from '../ledger-pages.ts';
import { JSON_FLAG } from '../shared-flags.ts';
import { aborted, listenForStop } from '../stop-signal.ts';

interface Demo {
  readonly gateway: Gateway;
  readonly session: Session;
  readonly signal: AbortSignal;
  readonly isJson: boolean;
  readonly keep: boolean;
  readonly speed: number;
}

async function startDemoGateway(folder: string, version: string): Promise<Gateway> {
  const file = path.join(folder, 'nexus.toml');
  await writeFile(file, demoToml(path.join(folder, 'ledger.db')));
  // The environment of whoever runs the demo has no say in it.
  const { settings } = loadConfig({ path: file, env: {} });
  return await startGateway({ settings, version, startAtMs: Date.now() });
}

async function play({ gateway, signal, speed }: Demo, progress: Progress): Promise<Report> {
  const client = new GatewayClient(gateway.url);
  const { limit } = await readBudget(client);
  await progress.say('A month of budget on simulated backends. No key is used, no money is spent.');
  await progress.say(`Dashboard: ${gateway.url}/`);
  await progress.say(
    `Budget: ${limit.toFixed(2)} USD a month, local first from 75 % on, no cloud at 100 %.\n`,
  );
  const startedAtMs = performance.now();
  const phases = await runPhases({ url: gateway.url, client, progress, signal, speed });
  const seconds = (performance.now() - startedAtMs) / 1000;
  const entries: Answer[] = [];
  for await (const entry of allEntries(client, {})) entries.push(entry);
  return makeReport(phases, entries, await readBudget(client), seconds);
}

async function show(demo: Demo): Promise<ExitCode> {
  const { session, isJson, keep, gateway, signal } = demo;
  const progress = new Progress(session.err, isJson);
  let report: Report;
  try {
    report = await play(demo, progress);
  } finally {
    await progress.clear();
  }
  await progress.say('');
  if (isJson) await session.out.json(reportJson(report));
  else await session.out.line(reportLines(report).join('\n'));
  for (const problem of report.problems) await session.err.line(`nexus: ${problem}`);
  if (keep) {
    await session.err.line(`\nThe gateway goes on at ${gateway.url}/ until Ctrl-C.`);
    await aborted(signal);
  }
  return report.problems.length === 0 ? 0 : 1;
}

export const demo = command({
  synopsis: '[--speed N] [--keep] [--json]',
  about:
    'Starts a gateway on a free port with simulated backends, a budget of one dollar, a ledger of its own and a clock that can be moved, and sends it real HTTP requests: through Normal, SoftLimit and HardLimit, and into the next month. Ends with a table of what happened and where each dollar went. Ends with 1 when something did not go as it should.',
  flags: {
    speed: { value: 'N', help: 'How many times as fast, 1 to 100.' },
    keep: { help: 'Leave the gateway running afterwards, to look at its dashboard.' },
    ...JSON_FLAG,
  },
  examples: ['nexus demo', 'nexus demo --speed 10 --json'],
  async run(flags, session) {
    const speed = flags.whole('speed', 1, 100) ?? 1;
    const signal = listenForStop();
    const folder = await mkdtemp(path.join(tmpdir(), 'nexus-demo-'));
    try {
      const gateway = await startDemoGateway(folder, session.version);
      try {
        return await show({
          gateway,
          session,
          signal,
          isJson: flags.isSet('json'),
          keep: flags.isSet('keep'),
          speed,
        });
      } catch (thrown) {
        if (signal.aborted) return 130;
        throw thrown;
      } finally {
        await gateway.stop();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
});
