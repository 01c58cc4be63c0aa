import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from '@jest/globals';
import { runSimulation } from '../../src/simulation/run-simulation.ts';
import { readTraffic } from '../../src/simulation/traffic/read-traffic.ts';
import { CLOUD_AND_LOCAL, settingsOf } from '../support/simulated-month.ts';

const ROWS = 200_000;
const ROWS_IN_CHUNK = 2000;
const STARTS_AT_MS = Date.parse('2026-11-01T00:00:00Z');

/** A row every ten seconds: 23 days. */
async function* file(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('time,model,input_tokens,output_tokens\n');
  for (let at = 0; at < ROWS; at += ROWS_IN_CHUNK) {
    const lines = Array.from({ length: ROWS_IN_CHUNK }, (_, more) => {
      const time = new Date(STARTS_AT_MS + (at + more) * 10_000).toISOString();
      return `${time},${more % 2 === 0 ? 'big' : 'small'},${more % 7},${more % 11}\n`;
    });
    yield Buffer.from(lines.join(''));
  }
}

function liveMegabytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed / 1024 / 1024;
}

it('plays 200,000 rows of a file to the last token, and needs no more memory for the last than for the first', async () => {
  const budget = '[routing.budget]\nmonthly_limit_usd = 20\nsoft_limit_percent = 50\n';
  const live = new Map<number, number>();
  const [outcome] = await runSimulation({
    policies: [settingsOf(CLOUD_AND_LOCAL + budget)],
    pieces: readTraffic(file(), 'traffic').pieces,
    durationMs: 60_000,
    onProgress: (requests) => {
      live.set(requests, liveMegabytes());
    },
  });
  const measured = [...live.values()];

  expect(outcome?.total).toMatchObject({ requests: ROWS, cloud: ROWS / 2, local: ROWS / 2 });
  let expected = 0;
  for (let at = 0; at < ROWS; at += 2)
    expected += ((at % ROWS_IN_CHUNK) % 7) * 10_000 + ((at % ROWS_IN_CHUNK) % 11) * 30_000;
  expect(outcome?.total.spending).toBe(expected);
  expect(measured.length).toBeGreaterThan(2);
  // The ledger keeps its last 50,000 entries and the reader 100,000 rows; nothing grows with the file beyond that.
  expect((measured.at(-1) ?? 0) - (measured[0] ?? 0)).toBeLessThan(40);
}, 120_000);
