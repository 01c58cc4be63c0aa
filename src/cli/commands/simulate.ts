import { open, writeFile } from 'node:fs/promises';
import { plotHtml, plotSvg } from '../../simulation/plot/plot.ts';
import { outcomeJson } from '../../simulation/outcome-json.ts';
import { runSimulation } from '../../simulation/run-simulation.ts';
import { trafficHeader, trafficLines } from '../../simulation/traffic/write-traffic.ts';
import type { TrafficRequest } from '../../simulation/traffic/traffic-request.ts';
import { command, type Session } from '../command.ts';
import { parseDurationSeconds } from '../duration.ts';
import { CommandFailure, UsageFailure } from '../failure.ts';
import type { Flags } from '../flags.ts';
import { JSON_FLAG } from '../shared-flags.ts';
import { loadPolicies } from '../simulate/load-policy.ts';
import { ProgressBar } from '../simulate/progress-bar.ts';
import { openSource, SOURCE_FLAGS, type Source } from '../simulate/source.ts';
import { summaryLines, type NamedOutcome } from '../simulate/summary.ts';

type SimulateFlags = Flags<
  keyof typeof SOURCE_FLAGS | 'config' | 'compare' | 'duration' | 'out' | 'save-traffic' | 'json'
>;

function writeFailure(file: string, error: unknown): CommandFailure {
  const why = error instanceof Error ? error.message : String(error);
  return new CommandFailure(`cannot write ${file}: ${why}`);
}

function plotKind(file: string | undefined): 'html' | 'svg' | null {
  if (file === undefined) return null;
  const end = /\.(html|svg)$/i.exec(file)?.[1]?.toLowerCase();
  if (end === 'html' || end === 'svg') return end;
  throw new UsageFailure(`--out must end in .html or .svg, not '${file}'`);
}

/** The same traffic, written down on its way. */
async function* saving(source: Source, file: string): AsyncGenerator<readonly TrafficRequest[]> {
  const handle = await open(file, 'w').catch((error: unknown) => {
    throw writeFailure(file, error);
  });
  try {
    await handle.write(trafficHeader(source.hasParts));
    for await (const piece of source.pieces) {
      await handle.write(trafficLines(piece, source.hasParts));
      yield piece;
    }
  } finally {
    await handle.close();
  }
}

async function writePlot(
  file: string,
  policies: readonly NamedOutcome[],
  source: Source,
): Promise<void> {
  const text = plotKind(file) === 'svg' ? plotSvg(policies) : plotHtml(policies, source.name);
  await writeFile(file, text).catch((error: unknown) => {
    throw writeFailure(file, error);
  });
}

function resultJson([first, second]: readonly NamedOutcome[]): object {
  if (first === undefined) return {};
  const own = outcomeJson(first.outcome);
  return second === undefined
    ? own
    : {
        ...own,
        config: first.name,
        compare: { config: second.name, ...outcomeJson(second.outcome) },
      };
}

async function play(flags: SimulateFlags, session: Session): Promise<readonly NamedOutcome[]> {
  const seconds = parseDurationSeconds(flags.text('duration') ?? '0s', 'duration');
  const policies = loadPolicies(flags.text('config'), flags.text('compare'), session.env);
  const source = await openSource(flags, policies[0]);
  const saved = flags.text('save-traffic');
  const bar = new ProgressBar(session.err);
  try {
    const outcomes = await runSimulation({
      policies: policies.map(({ settings }) => settings),
      pieces: saved === undefined ? source.pieces : saving(source, saved),
      durationMs: Math.round(seconds * 1000),
      onProgress: (requests) => bar.step(requests, source.progress(requests)),
    });
    const named = outcomes.map((outcome, at) => ({ name: policies[at]?.name ?? '', outcome }));
    await bar.clear();
    await tell(flags, session, named, source);
    return named;
  } finally {
    await bar.clear();
  }
}

async function tell(
  flags: SimulateFlags,
  { out, err }: Session,
  policies: readonly NamedOutcome[],
  source: Source,
): Promise<void> {
  if (flags.isSet('json')) await out.json(resultJson(policies));
  else await out.line(summaryLines(policies, source.leftOut).join('\n'));
  for (const warning of new Set(policies.flatMap(({ outcome }) => outcome.warnings)))
    await err.line(`warning: ${warning}`);
  const plot = flags.text('out');
  if (plot === undefined) return;
  await writePlot(plot, policies, source);
  await err.line(`The plot is in ${plot}`);
}

export const simulate = command({
  synopsis: '--config FILE (--traffic FILE | --profile NAME) [options]',
  about:
    "Plays traffic against a config on a virtual clock, through the gateway's own control plane, router, price book and ledger, and shows what would have happened: spending, saving by local backends, refusals, when the limits were crossed. Nothing is sent and no key is needed; only backends of the file take part, not those that a gateway finds by itself. " +
    'Traffic is a CSV with the header time,model,input_tokens,output_tokens (times in RFC 3339), JSON lines with the same names, or an export of nexus ledger, of OpenAI usage (grouped by model) or of LiteLLM spend logs. ' +
    'Backends are taken as healthy and equally fast. One that names no models in the config serves every model of its type that the traffic names: OpenAI, Anthropic and Google those of their name or price list, a local one all that belong to none of these. ' +
    'Each request asks for as many output tokens as it got, or for those of a max_tokens column; whichever backend serves, it answers with the tokens of the file, unless the rest of the budget pays for fewer.',
  flags: {
    config: { value: 'FILE', help: 'TOML config to play against; NEXUS_CONFIG by default.' },
    ...SOURCE_FLAGS,
    duration: {
      value: 'DURATION',
      help: 'How long each request is in flight, such as 5s; 0s by default.',
    },
    compare: { value: 'FILE', help: 'A second config for the same traffic, side by side.' },
    out: { value: 'FILE', help: 'Writes a plot that needs nothing else: .html or .svg.' },
    'save-traffic': { value: 'FILE', help: 'Writes the traffic that was played as CSV.' },
    ...JSON_FLAG,
  },
  examples: [
    'nexus simulate --config config/samples/team.toml --traffic config/samples/office-hours.csv',
    'nexus simulate --config nexus.toml --profile office-hours --requests 200000 --out month.html',
    'nexus simulate --config nexus.toml --compare other.toml --traffic ledger.csv --json',
  ],
  async run(flags, session) {
    plotKind(flags.text('out'));
    await play(flags, session);
    return 0;
  },
});
