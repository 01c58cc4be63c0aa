/** Plays traffic against one policy, or the same traffic against several. */
import type { Settings } from '../core/settings.ts';
import type { SimulationOutcome } from './outcome.ts';
import { Simulation } from './simulation.ts';
import { TrafficError, type TrafficRequest } from './traffic/traffic-request.ts';

export interface RunOptions {
  /** At least one. */
  readonly policies: readonly Settings[];
  /** Requests in the order of time. */
  readonly pieces: AsyncIterable<readonly TrafficRequest[]>;
  readonly durationMs: number;
  /** Called after every piece, with how many requests were played so far. */
  readonly onProgress?: (requests: number) => Promise<void> | void;
}

async function start(
  { policies, durationMs }: RunOptions,
  startAtMs: number,
): Promise<readonly Simulation[]> {
  return Promise.all(
    policies.map((settings) => Simulation.start({ settings, durationMs, startAtMs })),
  );
}

/** One outcome for each policy, in their order. Rejects with `TrafficError` when the traffic can not be played. */
export async function runSimulation(options: RunOptions): Promise<readonly SimulationOutcome[]> {
  let simulations: readonly Simulation[] | null = null;
  let requests = 0;
  for await (const piece of options.pieces) {
    const [first] = piece;
    if (first === undefined) continue;
    simulations ??= await start(options, first.atMs);
    for (const simulation of simulations) {
      await simulation.learn(piece);
      for (const request of piece) simulation.play(request);
    }
    requests += piece.length;
    await options.onProgress?.(requests);
  }
  if (simulations === null) throw new TrafficError('the traffic has no requests to play');
  return Promise.all(simulations.map((simulation) => simulation.finish()));
}
