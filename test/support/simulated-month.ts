/** Simulations for tests: a policy as TOML, traffic as rows, and what came of them. */
import { loadConfig } from '../../src/config/load-config.ts';
import type { Settings } from '../../src/core/settings.ts';
import { NO_USAGE, type TokenUsage } from '../../src/core/usage.ts';
import type { SimulationOutcome } from '../../src/simulation/outcome.ts';
import { runSimulation } from '../../src/simulation/run-simulation.ts';
import { readTraffic } from '../../src/simulation/traffic/read-traffic.ts';
import type { TrafficRequest } from '../../src/simulation/traffic/traffic-request.ts';
import { TomlFiles } from './toml-files.ts';

/** 10 and 30 USD per million tokens in the cloud; the local one is free. */
export const CLOUD_AND_LOCAL = `
[[backends]]
name = "cloud"
type = "simulated"
kind = "cloud"
priority = 10
models = ["big", "thinker"]
prices = { big = { input = 10, output = 30 }, thinker = { input = 10, output = 30, cached_input = 1, reasoning = 60 } }
[[backends]]
name = "local"
type = "simulated"
kind = "local"
models = ["small"]
`;

export function settingsOf(toml: string, env: Readonly<Record<string, string>> = {}): Settings {
  const files = new TomlFiles();
  try {
    return loadConfig({ path: files.write(toml), env }).settings;
  } finally {
    files.remove();
  }
}

/** One request; of 1000 and 1000 tokens it costs 0.04 USD at `cloud`. */
export function aRequest(
  time: string,
  model = 'big',
  usage: Partial<TokenUsage> = {},
  maxOutputTokens: number | null = null,
): TrafficRequest {
  return {
    atMs: Date.parse(time),
    model,
    usage: { ...NO_USAGE, input: 1000, output: 1000, ...usage },
    maxOutputTokens,
  };
}

/** `count` requests, a minute apart. */
export function everyMinute(from: string, count: number, model = 'big'): readonly TrafficRequest[] {
  const startMs = Date.parse(from);
  return Array.from({ length: count }, (_, at) =>
    aRequest(new Date(startMs + at * 60_000).toISOString(), model),
  );
}

async function* inOnePiece<Piece>(piece: Piece): AsyncGenerator<Piece> {
  yield piece;
}

/** Plays requests, in the order of time, against one policy. */
export async function play(
  toml: string,
  requests: readonly TrafficRequest[],
  durationMs = 0,
): Promise<SimulationOutcome> {
  const [outcome] = await runSimulation({
    policies: [settingsOf(toml)],
    pieces: inOnePiece(requests),
    durationMs,
  });
  if (outcome === undefined) throw new Error('one policy has one outcome');
  return outcome;
}

/** The bytes of a text, in chunks of so many. */
async function* chunked(text: string, size = 4096): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export interface ReadFile {
  readonly requests: readonly TrafficRequest[];
  readonly leftOut: ReadonlyMap<string, number>;
}

/** Reads a whole file of traffic. */
export async function readFileOf(text: string, size?: number): Promise<ReadFile> {
  const traffic = readTraffic(chunked(text, size), 'traffic');
  const requests: TrafficRequest[] = [];
  for await (const piece of traffic.pieces) requests.push(...piece);
  return { requests, leftOut: traffic.leftOut };
}
