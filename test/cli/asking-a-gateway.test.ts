import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { runCli, startCli, type CliOptions, type CliResult } from '../support/run-cli.ts';
import {
  startStandIn,
  type Asked,
  type FixedAnswer,
  type StandIn,
} from '../support/stand-in-gateway.ts';

const HEALTH = {
  status: 'degraded',
  version: '9.9.9',
  uptime_seconds: 3725,
  posture: 'preferLocal',
  backends: {
    list: [
      {
        name: 'here',
        type: 'ollama',
        kind: 'local',
        status: 'healthy',
        reason: null,
        models: ['llama3', 'x'],
        latency_ms: 12.4,
      },
      {
        name: 'there',
        type: 'openai',
        kind: 'cloud',
        status: 'unhealthy',
        reason: 'probe: \u001B[31m401',
        models: [],
        latency_ms: null,
      },
    ],
  },
};
const MODELS = {
  object: 'list',
  data: [
    { id: 'gpt-4-turbo', backends: ['there'], context_length: 128_000 },
    { id: 'llama3', backends: ['here', 'there'], context_length: null },
  ],
};
const BUDGET = {
  billing_month: '2026-11',
  status: 'SoftLimit',
  posture: 'preferLocal',
  utilization_percent: 82.345,
  soft_limit_threshold: 75,
  hard_limit_action: 'BlockCloud',
  monthly_limit_usd_exact: '100',
  spent_usd_exact: '82.345',
  suspense_usd: 0.5,
  suspense_usd_exact: '0.5',
  held_usd_exact: '0.000003',
  headroom_usd_exact: '17.654997',
  open_holds: 1,
  period_ends_at: '2026-12-01T00:00:00.000Z',
  forecast: {
    status: 'ok',
    burn_rate_usd_per_day: 8.2,
    projected_month_end_usd: 246,
    hard_limit_at: '2026-11-13T00:00:00.000Z',
  },
};
const ESTIMATE = {
  model_requested: 'gpt-4',
  input_tokens: 13,
  input_tokens_bound: 13,
  tier: 'exact',
  backend: 'here',
  backend_type: 'local',
  model: 'llama3',
  route_reason: 'budget-soft-limit',
  admission: 'lowered',
  max_output_tokens: 64,
  estimated_cost_usd_exact: '0.00205',
  worst_case_cost_usd_exact: '0.00613',
  price: { source: 'list', version: 'genai-prices 0.1.8' },
};

function entry(seq: number): Record<string, unknown> {
  return {
    seq,
    kind: 'charge',
    time: '2026-11-10T12:00:00.123Z',
    billing_month: '2026-11',
    hold_id: `h${seq}`,
    request_id: `r${seq}`,
    attempt: 1,
    route: 'chat',
    backend: 'there',
    backend_type: 'cloud',
    model: seq === 2 ? 'odd, "quoted"\nname' : 'gpt-4-turbo',
    held_usd: '-0.01',
    suspense_usd: '0',
    settled_usd: '0.0042',
    excess_usd: '0',
    basis: 'provider',
    exact_pico_usd: '4200000000',
    exact_cost_usd: '0.0042',
    usage:
      seq === 3
        ? null
        : {
            input_tokens: 10,
            cached_input_tokens: 0,
            cache_write_tokens: 0,
            cache_write_1h_tokens: 0,
            input_audio_tokens: 0,
            output_tokens: 7,
            reasoning_tokens: 0,
            output_audio_tokens: 0,
            reported_cost_usd: seq === 2 ? '0.0042' : null,
          },
    price_version: 'v1',
    price_id: 'p1',
    note: null,
  };
}

/** Answers like a gateway with `count` entries, honouring `after` and `limit`. */
function ledgerPage({ url }: Asked, count: number): FixedAnswer {
  const query = new URL(url, 'http://x').searchParams;
  const [after, limit] = [Number(query.get('after') ?? 0), Number(query.get('limit'))];
  const data = Array.from({ length: count }, (_, at) => entry(at + 1)).slice(after, after + limit);
  const isFull = data.length === limit;
  return {
    body: { object: 'list', data, has_more: isFull, ...(isFull ? { next: { before: 7 } } : {}) },
  };
}

describe('commands that ask a running gateway', () => {
  let standIn: StandIn;
  let folder: string;
  let entries = 3;

  const FIXED: Readonly<Record<string, FixedAnswer>> = {
    '/health': { body: HEALTH },
    '/v1/models': { body: MODELS },
    '/v1/budget': { body: BUDGET },
    '/v1/estimate': { body: ESTIMATE },
    '/admin/clock': { body: { now: '2026-11-11T12:00:00.000Z', billing_month: '2026-11' } },
  };

  beforeEach(async () => {
    entries = 3;
    folder = await mkdtemp(path.join(tmpdir(), 'nexus-cli-'));
    standIn = await startStandIn((asked) => {
      if (asked.url.startsWith('/v1/ledger')) return ledgerPage(asked, entries);
      return FIXED[asked.url.split('?')[0] ?? ''] ?? { status: 404, body: 'nothing here' };
    });
  });

  afterEach(async () => {
    await standIn.stop();
    await rm(folder, { recursive: true, force: true });
  });

  function ask(words: string, options: CliOptions = {}): Promise<CliResult> {
    return runCli([...words.split(' '), '--url', standIn.url], { cwd: folder, ...options });
  }

  it.each([
    ['backends', HEALTH],
    ['models', MODELS],
    ['budget', BUDGET],
  ])('prints the answer of the gateway as it is with `%s --json`', async (words, body) => {
    const { stdout, stderr, code } = await ask(`${words} --json`);

    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    expect(JSON.parse(stdout)).toEqual(body);
  });

  it('shows backends as a table, and nothing that a terminal would act on', async () => {
    const { stdout } = await ask('backends');

    expect(stdout).toBe(
      [
        `Nexus 9.9.9 at ${standIn.url}: degraded, up 1 h 2 min, routing preferLocal`,
        '',
        'NAME   TYPE    KIND   STATUS     LATENCY  MODELS  REASON',
        'here   ollama  local  healthy      12 ms       2',
        'there  openai  cloud  unhealthy        -       0  probe: ?[31m401',
        '',
      ].join('\n'),
    );
  });

  it('shows models as a table', async () => {
    const { stdout } = await ask('models');

    expect(stdout).toBe(
      [
        'MODEL        CONTEXT  BACKENDS',
        'gpt-4-turbo   128000  there',
        'llama3             -  here, there',
        '',
      ].join('\n'),
    );
  });

  it('shows the budget with exact amounts', async () => {
    const { stdout } = await ask('budget');

    expect(stdout).toBe(
      [
        'status       SoftLimit, routing preferLocal',
        'month        2026-11, until 2026-12-01T00:00:00.000Z',
        'spent        82.345 USD of 100 USD (82.3 %)',
        'in suspense  0.5 USD of it: outcome unknown',
        'held         0.000003 USD by 1 attempt in flight',
        'free         17.654997 USD',
        'rules        local first from 75 % on, at the limit no cloud',
        "forecast     8.20 USD a day, 246.00 USD at the month's end; the limit is reached at 2026-11-13T00:00:00.000Z",
        '',
      ].join('\n'),
    );
  });

  it('prices a prompt without sending it to a backend', async () => {
    const words = `estimate --url ${standIn.url} --model gpt-4 --max-tokens 200 --prompt`;
    const { stdout, code } = await runCli([...words.split(' '), 'Why is the sky blue?']);

    expect(code).toBe(0);
    expect(standIn.asked).toMatchObject([
      {
        method: 'POST',
        url: '/v1/estimate',
        body: {
          model: 'gpt-4',
          max_tokens: 200,
          messages: [{ role: 'user', content: 'Why is the sky blue?' }],
        },
      },
    ]);
    expect(stdout).toContain('served by       here (local), by llama3 in its place');
    expect(stdout).toContain('output tokens   lowered to 64, which is what fits the budget');
    expect(stdout).toContain('at most         0.00613 USD, held while it runs');
  });

  it('prices the body in a file, with the flags winning over it', async () => {
    const body = { model: 'a', messages: [], max_completion_tokens: 5 };
    await writeFile(path.join(folder, 'request.json'), JSON.stringify(body));

    const { stdout } = await ask('estimate --file request.json --model b --max-tokens 9 --json');

    expect(standIn.asked[0]?.body).toEqual({ model: 'b', messages: [], max_tokens: 9 });
    expect(JSON.parse(stdout)).toEqual(ESTIMATE);
  });

  it('says the most output tokens in the words of the route, and whose body it is', async () => {
    await writeFile(path.join(folder, 'request.json'), JSON.stringify({ model: 'a', input: 'x' }));
    const file = 'estimate --file request.json --max-tokens 9';

    for (const words of ['', ' --route responses', ' --route embeddings'])
      // oxlint-disable-next-line no-await-in-loop
      expect(await ask(file + words)).toMatchObject({ code: 0 });

    const told = { model: 'a', input: 'x', max_output_tokens: 9 };
    expect(standIn.asked).toMatchObject([
      { url: '/v1/estimate', body: told },
      { url: '/v1/estimate?route=responses', body: told },
      { url: '/v1/estimate?route=embeddings', body: { model: 'a', input: 'x', max_tokens: 9 } },
    ]);
  });

  it('says what is wrong with a file that holds no request', async () => {
    await writeFile(path.join(folder, 'broken.json'), '{');
    await writeFile(path.join(folder, 'list.json'), '[]');
    const [broken, list, missing] = await Promise.all(
      ['broken', 'list', 'missing'].map((name) => ask(`estimate --file ${name}.json`)),
    );

    expect(broken).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^nexus: broken\.json is not JSON: .+\n$/),
    });
    expect(list).toMatchObject({
      code: 1,
      stderr: 'nexus: list.json holds no JSON object; it must be the body of a request\n',
    });
    expect(missing).toMatchObject({
      code: 1,
      stderr: 'nexus: cannot read missing.json; name a file with the JSON body of a request\n',
    });
  });

  it.each([
    ['clock', { advance_seconds: 0 }],
    ['clock --advance 1d12h', { advance_seconds: 129_600 }],
    ['clock --advance 90s', { advance_seconds: 90 }],
    ['clock --to 2026-12-01T00:00:00Z', { to: '2026-12-01T00:00:00Z' }],
  ])('moves the clock with `%s`', async (words, body) => {
    const { stdout, code } = await ask(words);

    expect({ stdout, code }).toEqual({
      stdout: '2026-11-11T12:00:00.000Z, billing month 2026-11\n',
      code: 0,
    });
    expect(standIn.asked).toMatchObject([{ method: 'POST', url: '/admin/clock', body }]);
  });

  it('lists ledger entries by filter and says how to go on', async () => {
    const { stdout, stderr } = await ask(
      'ledger list --limit 2 --kind charge --request-id r1 --before 9',
    );

    expect(standIn.asked[0]?.url).toBe('/v1/ledger?kind=charge&request_id=r1&before=9&limit=2');
    expect(stdout.split('\n').slice(0, 2)).toEqual([
      'SEQ  TIME                  KIND    BACKEND  MODEL                HELD  SETTLED  NOTE',
      '  1  2026-11-10T12:00:00Z  charge  there    gpt-4-turbo         -0.01   0.0042',
    ]);
    expect(stderr).toBe('More entries: add --before 7\n');
  });

  it('exports CSV that quotes what must be quoted', async () => {
    const { stdout, code } = await ask('ledger export');

    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        'seq,kind,time,billing_month,hold_id,request_id,attempt,route,backend,backend_type,model,held_usd,suspense_usd,settled_usd,excess_usd,basis,exact_pico_usd,exact_cost_usd,price_version,price_id,note,estimated_input_tokens,reported_cost_usd,input_tokens,cached_input_tokens,cache_write_tokens,cache_write_1h_tokens,input_audio_tokens,output_tokens,reasoning_tokens,output_audio_tokens,input_image_tokens,output_image_tokens,web_searches,file_searches,search_sources,web_fetches,code_executions,speed,region',
        '1,charge,2026-11-10T12:00:00.123Z,2026-11,h1,r1,1,chat,there,cloud,gpt-4-turbo,-0.01,0,0.0042,0,provider,4200000000,0.0042,v1,p1,,,,10,0,0,0,0,7,0,0,,,,,,,,,',
        '2,charge,2026-11-10T12:00:00.123Z,2026-11,h2,r2,1,chat,there,cloud,"odd, ""quoted""\nname",-0.01,0,0.0042,0,provider,4200000000,0.0042,v1,p1,,,0.0042,10,0,0,0,0,7,0,0,,,,,,,,,',
        '3,charge,2026-11-10T12:00:00.123Z,2026-11,h3,r3,1,chat,there,cloud,gpt-4-turbo,-0.01,0,0.0042,0,provider,4200000000,0.0042,v1,p1,,,,,,,,,,,,,,,,,,,,',
        '',
      ].join('\r\n'),
    );
  });

  it('says in its help which columns an export has, in their order', async () => {
    const header = (await ask('ledger export')).stdout.split('\r\n')[0] ?? '';

    const { stdout } = await ask('ledger export --help');

    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(header.split(',').join(', '));
  });

  it('exports every page of a long ledger as JSON lines into a file', async () => {
    entries = 2345;

    const { stdout, stderr, code } = await ask('ledger export --month 2026-11 --out all.jsonl');

    expect({ stdout, stderr, code }).toEqual({
      stdout: '',
      stderr: '2345 entries in all.jsonl\n',
      code: 0,
    });
    const lines = (await readFile(path.join(folder, 'all.jsonl'), 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual(
      Array.from({ length: 2345 }, (_, at) => at + 1),
    );
    expect(standIn.asked.map(({ url }) => url)).toEqual(
      [0, 1000, 2000].map((after) => `/v1/ledger?month=2026-11&after=${after}&limit=1000`),
    );
  });

  it('ends quietly when the reader of an export has seen enough', async () => {
    entries = 9000;
    const child = startCli(['ledger', 'export', '--url', standIn.url]);
    const said = text(child.stderr);
    await once(child.stdout, 'data');

    child.stdout.destroy();

    expect(await once(child, 'close')).toEqual([0, null]);
    expect(await said).toBe('');
  });

  it('leaves no file behind when an export fails half way', async () => {
    entries = 1500;
    let pages = 0;
    const failing = await startStandIn((asked) => {
      pages += 1;
      return pages === 1 ? ledgerPage(asked, entries) : { status: 500, body: '{}' };
    });

    const { stderr, code } = await runCli(
      ['ledger', 'export', '--out', 'all.csv', '--url', failing.url],
      { cwd: folder },
    );
    await failing.stop();

    expect(code).toBe(1);
    expect(stderr).toBe(
      `nexus: the gateway at ${failing.url} answered 500; is that a Nexus gateway?\n`,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  it('finds the gateway by NEXUS_URL, also when it ends like the base URL of an SDK, and sends its key', async () => {
    const env = { NEXUS_URL: `${standIn.url}/v1/`, NEXUS_API_KEY: 'sesame', OTHER_KEY: 'open' };
    await runCli(['models'], { env });
    await runCli(['models', '--api-key-env', 'OTHER_KEY'], { env });

    expect(standIn.asked).toMatchObject([
      { url: '/v1/models', authorization: 'Bearer sesame' },
      { url: '/v1/models', authorization: 'Bearer open' },
    ]);
  });
});

describe('a gateway that does not answer as expected', () => {
  async function askOne(
    answer: FixedAnswer,
    args: readonly string[],
    env = {},
  ): Promise<CliResult & { url: string }> {
    const standIn = await startStandIn(() => answer);
    const result = await runCli([...args, '--url', standIn.url], { env });
    await standIn.stop();
    return { ...result, url: standIn.url };
  }

  it('is told apart from one that is not there', async () => {
    const gone = await startStandIn(() => ({ body: {} }));
    await gone.stop();

    expect(await runCli(['budget', '--url', gone.url])).toEqual({
      stdout: '',
      stderr: `nexus: no gateway answers at ${gone.url} (connection refused); start one with 'nexus serve', or name its address with --url\n`,
      code: 1,
    });
  });

  it('is quoted when it says itself what is wrong', async () => {
    const body = { error: { message: 'No budget is configured.\nSet one.', code: 'not_found' } };
    const { stderr, code } = await askOne({ status: 404, body }, ['budget']);

    expect({ stderr, code }).toEqual({
      stderr: 'nexus: No budget is configured. Set one.\n',
      code: 1,
    });
  });

  it('is asked for the key that it wants', async () => {
    const refusal = { status: 401, body: { error: { message: 'no', code: 'unauthorized' } } };
    const [without, wrong, unset] = await Promise.all([
      askOne(refusal, ['budget']),
      askOne(refusal, ['budget'], { NEXUS_API_KEY: 'wrong' }),
      askOne(refusal, ['budget', '--api-key-env', 'UNSET']),
    ]);

    expect(without.stderr).toBe(
      `nexus: the gateway at ${without.url} asks for a key; put it in NEXUS_API_KEY, or name its variable with --api-key-env\n`,
    );
    expect(wrong.stderr).toBe(`nexus: the gateway at ${wrong.url} does not accept this key\n`);
    expect(unset.stderr).toBe('nexus: the environment variable UNSET is not set\n');
    expect([without.code, wrong.code, unset.code]).toEqual([1, 1, 1]);
  });

  it.each([
    ['<html>', 'the answer to GET /health is not JSON; is that a Nexus gateway?'],
    ['[]', 'the answer to GET /health is no JSON object; is that a Nexus gateway?'],
    ['{}', "'backends' of the answer to GET /health is no JSON object; is that a Nexus gateway?"],
    [
      '{"backends":{"list":[]}}',
      "the answer to GET /health has no number 'uptime_seconds'; is that a Nexus gateway of this version?",
    ],
  ])('is suspected to be something else when it answers %s', async (body, line) => {
    const { stderr, code } = await askOne({ body }, ['backends']);

    expect({ stderr, code }).toEqual({ stderr: `nexus: ${line}\n`, code: 1 });
  });
});
