/** `nexus serve` with two workers: real processes, one port, one budget. What one process promises, two keep. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { backendToml, budgetToml, costNano, KEYS, NO_PROBES } from '../support/cloud-toml.ts';
import { eventually } from '../support/eventually.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import {
  startHandProvider,
  usageDocument,
  type HandCall,
  type HandProvider,
} from '../support/hand-provider.ts';
import { runCli } from '../support/run-cli.ts';
import { expectSettledBooks, untilNothingIsHeld } from '../support/settled-books.ts';
import { allEntries, nano, TWO_BACKENDS, type Json } from '../support/test-gateway.ts';

const MODEL = 'gpt-4-turbo';
const USAGE = { input: 8, output: 5 };
const CHARGE = costNano(USAGE.input, USAGE.output);
/** What "Hello" with 20 tokens of output is held for. */
const HOLD = costNano(8, 20);

let folder: string;
let nexus: GatewayProcess;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nexus-workers-'));
});
afterEach(async () => {
  nexus.signal('SIGKILL');
  await nexus.exit;
  await rm(folder, { recursive: true, force: true });
});

async function start(toml: string, server = '', env: object = {}): Promise<void> {
  const file = path.join(folder, 'nexus.toml');
  const own = `[server]\nworkers = 2\ndrain_timeout_seconds = 20\n${server}
[ledger]\npath = ${JSON.stringify(path.join(folder, 'ledger.db'))}
[control]\nclock = "injected"\n`;
  await writeFile(file, own + toml);
  nexus = await startGatewayProcess(file, { ...KEYS, ...env });
}

function usd(amount: bigint): string {
  return `${amount / 1_000_000_000n}.${(amount % 1_000_000_000n).toString().padStart(9, '0')}`;
}

/** A request on a connection of its own: the workers take new connections in turn. */
function ask(more: object = {}): Promise<Response> {
  return nexus.chat(MODEL, 'Hello', { max_tokens: 20, ...more }, { connection: 'close' });
}

function pids(): readonly number[] {
  return [...nexus.output().matchAll(/worker listens .*?pid=(\d+)/g)].map(([, pid]) => Number(pid));
}

/** Waits for so many calls at the provider. */
function calls(provider: HandProvider, count: number): Promise<readonly HandCall[]> {
  return Promise.all(Array.from({ length: count }, () => provider.call()));
}

const errorCode = async (answer: Response): Promise<string> =>
  ((await answer.json()) as Json).error.code;

describe('two workers over one budget', () => {
  const REQUESTS = 200;
  const AFFORDABLE = 60;
  const TOML =
    TWO_BACKENDS +
    NO_PROBES +
    budgetToml(usd(HOLD * BigInt(AFFORDABLE)), 'soft_limit_percent = 100\n');

  it('serve exactly what fits of many requests at once, and show totals of both', async () => {
    await start(TOML);
    const outcomes = await Promise.all(
      Array.from({ length: REQUESTS }, async (_, index) => {
        const headers = { connection: 'close', 'x-nexus-strict': 'true' };
        const more = { max_tokens: 20, stream: index % 2 === 0 };
        const answer = await nexus.chat(MODEL, 'Hello', more, headers);
        const text = await answer.text();
        return answer.status === 200 ? 'served' : String(JSON.parse(text).error.code);
      }),
    );
    const served = outcomes.filter((outcome) => outcome === 'served');
    const refused = outcomes.filter((outcome) => /^budget_(exhausted|reserved)$/.test(outcome));
    expect([served.length, refused.length]).toEqual([AFFORDABLE, REQUESTS - AFFORDABLE]);

    await untilNothingIsHeld(nexus);
    const settled = (await allEntries(nexus)).reduce(
      (sum: bigint, entry) => sum + nano(entry.settled_usd),
      0n,
    );
    expect(settled).toBe(HOLD * BigInt(AFFORDABLE));
    await eventually(async () => {
      const { requests, backends } = await nexus.getJson('/v1/stats');
      expect(requests).toEqual({
        total: REQUESTS,
        success: AFFORDABLE,
        errors: REQUESTS - AFFORDABLE,
      });
      expect(backends[0]).toMatchObject({ name: 'cloud', requests: AFFORDABLE, pending: 0 });
    });
    expect(await nexus.metric('nexus_requests_total{model="gpt_4_turbo",backend="cloud"')).toBe(
      AFFORDABLE,
    );
    expect(await nexus.metric('nexus_pending_requests{backend="cloud"')).toBe(0);

    // The budget is used up for both: whichever a request reaches, a local model answers.
    const after = await Promise.all(Array.from({ length: 6 }, () => ask()));
    for (const { headers } of after) {
      expect(headers.get('x-nexus-backend')).toBe('local');
      expect(headers.get('x-nexus-budget-status')).toBe('HardLimit');
    }
    await Promise.all(after.map((answer) => answer.arrayBuffer()));
    await expectSettledBooks(nexus);
    // And in the next month cloud is open again, for both, on the clock that both were told of.
    expect((await nexus.post('/admin/clock', { advance_seconds: 31 * 86_400 })).status).toBe(200);
    const next = await Promise.all(Array.from({ length: 4 }, () => ask()));
    expect(next.map(({ headers }) => headers.get('x-nexus-backend'))).toEqual(
      Array.from({ length: 4 }, () => 'cloud'),
    );
    await Promise.all(next.map((answer) => answer.arrayBuffer()));
    const { billing_month: month } = await nexus.getJson('/v1/budget');
    await eventually(async () => expect(await monthOfNewestRequest()).toBe(month));
  });

  /** By the clock of the worker that served it; from the stream of the dashboard. */
  async function monthOfNewestRequest(): Promise<string> {
    const stream = await nexus.get('/dashboard/events');
    expect(stream.headers.get('content-type')).toContain('text/event-stream');
    let text = '';
    for await (const chunk of stream.body ?? []) {
      text += Buffer.from(chunk).toString();
      if (text.includes('\n\n')) break;
    }
    const frame: Json = JSON.parse(text.slice(text.indexOf('{'), text.indexOf('\n\n')));
    return frame.recent[0].time.slice(0, 7);
  }
});

describe('workers that die or are stopped', () => {
  let provider: HandProvider;
  beforeEach(async () => {
    provider = await startHandProvider([MODEL]);
  });
  afterEach(() => provider.close());

  const IN_FLIGHT = 8;

  it('leave no hold behind and nothing uncounted, and the gateway goes on', async () => {
    await start(
      NO_PROBES + budgetToml(1) + backendToml({ name: 'cloud', url: provider.url }),
      `max_concurrent_requests = ${IN_FLIGHT}\n`,
    );
    const asked = Array.from({ length: IN_FLIGHT }, () => ask().catch(() => null));
    const open = await calls(provider, IN_FLIGHT);
    expect(await nexus.metric('nexus_pending_requests{backend="cloud"')).toBe(IN_FLIGHT);
    // The limit is one for the whole gateway.
    const tooMany = await ask();
    expect([tooMany.status, await errorCode(tooMany)]).toEqual([503, 'overloaded']);

    const [victim = 0] = pids();
    process.kill(victim, 'SIGKILL');
    const cut = await lostCalls(open);
    expect(cut).toBeGreaterThan(0);
    // Every call reached the provider, which bills them all, whoever waits for the answer.
    for (const call of open) call.json('Hi', usageDocument(USAGE));
    const statuses = (await Promise.all(asked)).map((answer) => answer?.status ?? 'cut');
    expect(statuses.filter((status) => status === 200)).toHaveLength(IN_FLIGHT - cut);
    expect(statuses.filter((status) => status === 'cut')).toHaveLength(cut);

    await untilNothingIsHeld(nexus);
    const budget = await nexus.getJson('/v1/budget');
    expect(nano(budget.settled_usd_exact)).toBe(CHARGE * BigInt(IN_FLIGHT - cut));
    expect(nano(budget.suspense_usd_exact)).toBe(HOLD * BigInt(cut));
    expect(await nexus.metric('nexus_pending_requests{backend="cloud"')).toBe(0);
    expect((await nexus.getJson('/v1/stats')).requests.total).toBe(IN_FLIGHT + 1);

    // Another process takes the place, and both serve.
    await eventually(() => expect(pids()).toHaveLength(3), 20_000);
    const again = Array.from({ length: IN_FLIGHT }, () => ask());
    for (const call of await calls(provider, IN_FLIGHT)) call.json('Hi', usageDocument(USAGE));
    expect((await Promise.all(again)).map(({ status }) => status)).toEqual(
      Array.from({ length: IN_FLIGHT }, () => 200),
    );
    await expectSettledBooks(nexus);

    // SIGTERM: nothing new, what is in flight ends, and the books are closed.
    const last = Array.from({ length: 4 }, () => ask());
    const lastCalls = await calls(provider, 4);
    nexus.signal('SIGTERM');
    await eventually(() => expect(nexus.output()).toContain('no new requests are taken'));
    for (const call of lastCalls) call.json('Hi', usageDocument(USAGE));
    expect((await Promise.all(last)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(await nexus.exit).toBe(0);
    const verified = await runCli(
      ['ledger', 'verify', '--ledger', path.join(folder, 'ledger.db'), '--json'],
      {},
    );
    expect(JSON.parse(verified.stdout)).toMatchObject({
      ok: true,
      months: [{ held_usd: '0', drift_usd: '0' }],
    });
  });

  it('end with the primary when it is killed, and the next start finds every hold', async () => {
    const toml = NO_PROBES + budgetToml(1) + backendToml({ name: 'cloud', url: provider.url });
    await start(toml);
    const asked = Array.from({ length: 4 }, () => ask().catch(() => null));
    const open = await calls(provider, 4);
    nexus.signal('SIGKILL');
    expect(await nexus.exit).toBe('SIGKILL');
    // The workers hang up: they are gone too, and can not spend behind the back of the next start.
    expect(await Promise.all(open.map(({ hungUp }) => hungUp))).toEqual([true, true, true, true]);
    expect(await Promise.all(asked)).toEqual([null, null, null, null]);

    await start(toml, '', { NEXUS_SERVER__WORKERS: '1' });
    expect(pids()).toEqual([]);
    const budget = await nexus.getJson('/v1/budget');
    expect(nano(budget.suspense_usd_exact)).toBe(HOLD * 4n);
    await expectSettledBooks(nexus);
  });

  /** How many calls were those of the worker that died: as the log says, and as the provider sees. */
  async function lostCalls(open: readonly HandCall[]): Promise<number> {
    return await eventually(() => {
      const holds = Number(/worker died.* holds=(\d+)/.exec(nexus.output())?.[1]);
      expect(open.filter(({ isOver }) => isOver)).toHaveLength(holds);
      return holds;
    });
  }
});
