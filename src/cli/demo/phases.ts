/** The four acts of the demo, each until it has been seen. */
import { setTimeout as pause } from 'node:timers/promises';
import { CommandFailure } from '../failure.ts';
import type { GatewayClient } from '../gateway-client.ts';
import type { Progress } from './progress.ts';
import { readBudget, type Reading } from './reading.ts';
import { sendRequest, type Outcome } from './traffic.ts';

export type PhaseName = 'Normal' | 'SoftLimit' | 'HardLimit' | 'Next month';

export interface Phase {
  readonly name: PhaseName;
  readonly month: string;
  readonly outcomes: readonly Outcome[];
}

/** Far more than a phase takes; past it something is wrong and the demo says so instead of running on. */
const MOST_REQUESTS = 500;
/** Enough to see every model a few times. */
const SHORT_PHASE = 12;
/** At this pace a person can follow. */
const PACE_MS = 70;

export interface Stage {
  readonly url: string;
  readonly client: GatewayClient;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** 1 is a pace to follow; 10 is ten times as fast. */
  readonly speed: number;
}

async function step(stage: Stage, number: number): Promise<[Outcome, Reading]> {
  const { url, client, progress, signal, speed } = stage;
  const [outcome] = await Promise.all([
    sendRequest(url, number, signal),
    pause(PACE_MS / speed, undefined, { signal }),
  ]);
  const reading = await readBudget(client);
  await progress.step(reading, `${outcome.model} -> ${outcome.served}`);
  return [outcome, reading];
}

/** Requests while `isOn` holds for what `/v1/stats` says, which must end before too many were sent. */
async function runWhile(
  stage: Stage,
  name: PhaseName,
  isOn: (reading: Reading, sent: number) => boolean,
): Promise<Phase> {
  let reading = await readBudget(stage.client);
  const { month } = reading;
  const outcomes: Outcome[] = [];
  while (isOn(reading, outcomes.length)) {
    if (outcomes.length === MOST_REQUESTS) {
      throw new CommandFailure(
        `${name} did not end after ${MOST_REQUESTS} requests; the budget stands at ${reading.status}`,
      );
    }
    const [outcome, after] = await step(stage, outcomes.length);
    outcomes.push(outcome);
    reading = after;
  }
  return { name, month, outcomes };
}

/** Throws `CommandFailure` unless the budget stands where the next phase starts. */
async function expectStatus(stage: Stage, status: string): Promise<Reading> {
  const reading = await readBudget(stage.client);
  if (reading.status === status) return reading;
  throw new CommandFailure(`expected the budget at ${status}, but it stands at ${reading.status}`);
}

async function turnMonth(stage: Stage): Promise<void> {
  const { nextReset, month } = await readBudget(stage.client);
  const answer = await stage.client.post('/admin/clock', { to: `${nextReset}T00:00:00Z` });
  if (answer.text('billing_month') === month)
    throw new CommandFailure(
      `the clock moved to ${nextReset}, but the billing month is still ${month}`,
    );
}

/** Runs all phases in order. Throws `CommandFailure` when one is not reached. */
export async function runPhases(stage: Stage): Promise<readonly Phase[]> {
  const { progress } = stage;
  await expectStatus(stage, 'Normal');
  await progress.say('1/4 Normal: the best backend wins, local or cloud.');
  const normal = await runWhile(stage, 'Normal', ({ status }) => status === 'Normal');

  const soft = await expectStatus(stage, 'SoftLimit');
  await progress.say(
    `2/4 SoftLimit at ${soft.utilisation.toFixed(1)} %: local goes first; cloud serves only what no local model can.`,
  );
  const softened = await runWhile(stage, 'SoftLimit', ({ status }) => status === 'SoftLimit');

  const hard = await expectStatus(stage, 'HardLimit');
  await progress.say(
    `3/4 HardLimit at ${hard.utilisation.toFixed(1)} %: no cloud; what a local model can serve is still served.`,
  );
  const hardened = await runWhile(stage, 'HardLimit', (_, sent) => sent < SHORT_PHASE);

  await progress.say(`4/4 The month turns: the clock is moved to ${hard.nextReset}.`);
  await turnMonth(stage);
  await expectStatus(stage, 'Normal');
  const next = await runWhile(stage, 'Next month', (_, sent) => sent < SHORT_PHASE);
  return [normal, softened, hardened, next];
}
