import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readMonths, type SimulatedMonths } from '../support/simulated-json.ts';
import { runCli, type CliResult } from '../support/run-cli.ts';
import { CLOUD_AND_LOCAL } from '../support/simulated-month.ts';
import { ROOT } from '../support/source-files.ts';
import { startTestGateway, TWO_BACKENDS } from '../support/test-gateway.ts';

const BUDGET = '[routing.budget]\nmonthly_limit_usd = 0.1\nhard_limit_action = ';
const TRAFFIC = [
  'time,model,input_tokens,output_tokens',
  '2026-11-10T12:00:00Z,big,1000,1000',
  '2026-11-10T12:01:00Z,small,1000,1000',
  '2026-11-10T12:02:00Z,big,1000,1000',
  '2026-11-10T12:03:00Z,big,1000,2000',
  '2026-12-01T00:00:00Z,big,1000,1000',
  '',
].join('\n');

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nexus-simulate-'));
  await Promise.all([
    writeFile(path.join(folder, 'strict.toml'), `${CLOUD_AND_LOCAL}${BUDGET}"block_cloud"\n`),
    writeFile(path.join(folder, 'warn.toml'), `${CLOUD_AND_LOCAL}${BUDGET}"warn"\n`),
    writeFile(path.join(folder, 'traffic.csv'), TRAFFIC),
  ]);
});

afterEach(() => rm(folder, { recursive: true, force: true }));

function simulate(...args: readonly string[]): Promise<CliResult> {
  return runCli(['simulate', ...args], { cwd: folder });
}

async function simulateJson(...args: readonly string[]): Promise<SimulatedMonths> {
  const { stdout, stderr, code } = await simulate(...args, '--json');
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  return readMonths(stdout);
}

const STRICT = ['--config', 'strict.toml', '--traffic', 'traffic.csv'];

describe('nexus simulate', () => {
  it('prints the object of the contract, and nothing else, with --json', async () => {
    const { months, total } = await simulateJson(...STRICT);

    // 0.02 is left for the third: 0.01 for its input, and 333 tokens of output for 0.00999.
    expect(months).toEqual([
      {
        billing_month: '2026-11',
        requests: 4,
        served_local: 1,
        served_cloud: 3,
        refused: 0,
        spending_usd: 0.09999,
        spending_usd_exact: '0.09999',
        saved_by_local_usd: 0,
        shortened: 1,
        refusals: {},
        status: 'SoftLimit',
        soft_limit_at: '2026-11-10T12:02:00.000Z',
        hard_limit_at: null,
        projected_usd: 0.09999,
      },
      {
        billing_month: '2026-12',
        requests: 1,
        served_local: 0,
        served_cloud: 1,
        refused: 0,
        spending_usd: 0.04,
        spending_usd_exact: '0.04',
        saved_by_local_usd: 0,
        shortened: 0,
        refusals: {},
        status: 'Normal',
        soft_limit_at: null,
        hard_limit_at: null,
        projected_usd: null,
      },
    ]);
    expect(total).toEqual({
      requests: 5,
      served_local: 1,
      served_cloud: 4,
      refused: 0,
      spending_usd: 0.13999,
      spending_usd_exact: '0.13999',
      saved_by_local_usd: 0,
      shortened: 1,
      refusals: {},
    });
  });

  it('prints a table, and what there is to say of it', async () => {
    const { stdout, stderr, code } = await simulate(...STRICT);

    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    expect(stdout.split('\n')).toEqual([
      'MONTH    REQUESTS  LOCAL  CLOUD  REFUSED     USD  SAVED BY LOCAL  STATUS     SOFT LIMIT AT  HARD LIMIT AT  PROJECTED',
      '2026-11         4      1      3        0  0.1000          0.0000  SoftLimit  11-10 12:02    -                   0.10',
      '2026-12         1      0      1        0  0.0400          0.0000  Normal     -              -                      -',
      'total           5      1      4        0  0.1400          0.0000',
      '',
      "1 answer was shortened: the rest of the month's budget paid for no more.",
      '',
      'Amounts in USD, times in UTC. Projected: where the month ends at the pace of its traffic.',
      '',
    ]);
  });

  it('sets two policies side by side with --compare, in the table and in JSON', async () => {
    const compare = [...STRICT, '--compare', 'warn.toml'];
    const [table, json] = await Promise.all([simulate(...compare), simulateJson(...compare)]);

    expect(table.stdout).toMatch(/^POLICY {7}MONTH /);
    expect(table.stdout).toMatch(/\nstrict\.toml {2}2026-11 .*\nwarn\.toml {4}2026-11 /);
    expect(table.stdout).toContain('warn.toml against strict.toml: 0.0500 USD more spent.');
    expect(json.total['spending_usd']).toBe(0.13999);
    expect(json.config).toBe('strict.toml');
    expect(json.compare?.config).toBe('warn.toml');
    expect(json.compare?.total['spending_usd']).toBe(0.19);
    expect(json.compare?.months[0]).toMatchObject({ status: 'HardLimit', shortened: 0 });
  });

  it('tells what nobody serves, what was refused and what was left out', async () => {
    await writeFile(
      path.join(folder, 'logs.csv'),
      'startTime,model,prompt_tokens,completion_tokens,status\n2026-11-10T12:00:00Z,unheard-of,1,1,success\n2026-11-10T12:00:00Z,big,1,1,failure\n',
    );
    const { stdout } = await simulate('--config', 'warn.toml', '--traffic', 'logs.csv');

    expect(stdout).toContain('Refused: 1 model_not_found.');
    expect(stdout).toContain('No backend serves unheard-of (1 time): name them under [[backends]]');
    expect(stdout).toContain('Left out: 1 requests that failed.');
  });

  it('writes plots, and the traffic that was played', async () => {
    const saved = ['--save-traffic', 'saved.csv'];
    const [page, picture] = [
      await simulate(...STRICT, '--out', 'month.html', ...saved),
      await simulate(...STRICT, '--out', 'month.svg', '--json'),
    ];

    expect(page).toMatchObject({ stderr: 'The plot is in month.html\n', code: 0 });
    expect(() => readMonths(picture.stdout)).not.toThrow();
    expect(await readFile(path.join(folder, 'month.html'), 'utf8')).toMatch(/^<!doctype html>/);
    expect(await readFile(path.join(folder, 'month.svg'), 'utf8')).toMatch(/^<svg /);
    const again = await simulateJson('--config', 'strict.toml', '--traffic', 'saved.csv');
    expect(again).toEqual(await simulateJson(...STRICT));
  });

  it('plays a profile the same way for the same seed', async () => {
    const profile = ['--config', 'strict.toml', '--profile', 'bursty', '--requests', '500'];
    const seed = [...profile, '--month', '2026-11', '--seed', '3'];
    const [one, same, other] = await Promise.all([
      simulateJson(...seed),
      simulateJson(...seed),
      simulateJson(...seed.slice(0, -1), '4'),
    ]);

    expect(one.total['requests']).toBe(500);
    expect(same).toEqual(one);
    expect(other).not.toEqual(one);
  });

  it('needs no key and no running backend', async () => {
    const toml = `
[server]
api_key_env = "DOOR_KEY"
[discovery]
enabled = true
[[backends]]
name = "openai"
type = "openai"
url = "https://api.openai.com"
api_key_env = "NEXUS_OPENAI_KEY"
`;
    await writeFile(path.join(folder, 'keys.toml'), toml);
    const models = ['--models', 'gpt-4o=2,gpt-4o-mini', '--profile', 'steady', '--requests', '9'];
    const { total } = await simulateJson('--config', 'keys.toml', ...models);

    expect(total).toMatchObject({ requests: 9, served_cloud: 9 });
  });

  it.each([
    [['--traffic', 'traffic.csv'], 2, 'name the config to play against: --config FILE'],
    [['--config', 'strict.toml'], 2, 'give either --traffic FILE or --profile NAME'],
    [[...STRICT, '--profile', 'steady'], 2, 'give either --traffic FILE or --profile NAME'],
    [[...STRICT, '--seed', '3'], 2, '--seed goes with --profile only'],
    [[...STRICT, '--out', 'month.png'], 2, "--out must end in .html or .svg, not 'month.png'"],
    [[...STRICT, '--duration', 'long'], 2, '--duration must be a duration such as 30s'],
    [
      ['--config', 'strict.toml', '--profile', 'office'],
      2,
      "--profile must be one of office-hours, steady, bursty, not 'office'",
    ],
    [
      ['--config', 'strict.toml', '--profile', 'steady', '--month', 'May'],
      2,
      "--month must be a month such as 2026-11, not 'May'",
    ],
    [
      ['--config', 'strict.toml', '--profile', 'steady', '--models', 'big=0'],
      2,
      "--models must be names with weights above 0, such as gpt-4o=1,gpt-4o-mini=3, not 'big=0'",
    ],
    [['--config', 'strict.toml', '--traffic', 'none.csv'], 1, 'there is no file none.csv'],
    [['--config', 'none.toml', '--traffic', 'traffic.csv'], 1, 'none.toml: there is no such file'],
    [[...STRICT, '--out', 'none/month.svg'], 1, 'cannot write none/month.svg'],
    [[...STRICT, '--save-traffic', 'none/t.csv'], 1, 'cannot write none/t.csv'],
    [['--config', 'strict.toml', '--traffic', 'strict.toml'], 1, 'strict.toml, line'],
  ])('answers %j with %i and one line', async (args, expected, line) => {
    const { stderr, code } = await simulate(...args);

    expect(code).toBe(expected);
    expect(stderr).toContain(`nexus: ${line}`);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('says that a config without backends can not be played against', async () => {
    await writeFile(path.join(folder, 'empty.toml'), '[discovery]\nenabled = true\n');
    const { stderr, code } = await simulate('--config', 'empty.toml', '--profile', 'steady');

    expect(code).toBe(1);
    expect(stderr).toContain('empty.toml names no backends');
  });
});

describe('the samples', () => {
  const samples = path.join(ROOT, 'config/samples');

  it.each([
    ['office-hours', '2000'],
    ['bursty', '1500'],
  ])('%s is made again by the command that its README names', async (profile, requests) => {
    const shape = ['--profile', profile, '--requests', requests, '--seed', '7'];
    const models = 'gpt-4o=3,gpt-4o-mini=3,claude-sonnet-4-5=2,llama3.3=2';
    const month = ['--month', '2026-11', '--models', models, '--save-traffic', 'again.csv'];
    await simulateJson('--config', path.join(samples, 'team.toml'), ...shape, ...month);
    const [again, shipped] = await Promise.all([
      readFile(path.join(folder, 'again.csv'), 'utf8'),
      readFile(path.join(samples, `${profile}.csv`), 'utf8'),
    ]);

    expect(again).toBe(shipped);
  });

  it('show a policy that keeps to its budget, and one that does not', async () => {
    const { total, compare } = await simulateJson(
      '--config',
      path.join(samples, 'team.toml'),
      '--compare',
      path.join(samples, 'team-lenient.toml'),
      '--traffic',
      path.join(samples, 'office-hours.csv'),
    );

    expect(total['spending_usd']).toBeLessThanOrEqual(5);
    expect(total['refused']).toBeGreaterThan(0);
    expect(total['saved_by_local_usd']).toBeGreaterThan(0);
    expect(compare?.total['spending_usd']).toBeGreaterThan(5);
    expect(compare?.total['refused']).toBe(0);
  });
});

describe('a ledger of a gateway that was really used', () => {
  it.each(['csv', 'jsonl'])('costs the same when it is played again, as %s', async (format) => {
    const policy = `${TWO_BACKENDS}[routing.budget]\nmonthly_limit_usd = 1\n`;
    const nexus = await startTestGateway(policy);
    const file = path.join(folder, `ledger.${format}`);
    let spent: string;
    try {
      for (const model of ['gpt-4-turbo', 'llama3', 'gpt-4-turbo', 'gpt-4-turbo'])
        await (await nexus.chat(model, `Tell ${model} more`)).arrayBuffer();
      spent = (await nexus.getJson('/v1/budget')).spent_usd_exact;
      await runCli(['ledger', 'export', '--url', nexus.url, '--out', file]);
    } finally {
      await nexus.stop();
    }
    await writeFile(path.join(folder, 'used.toml'), policy);
    const { months, total } = await simulateJson('--config', 'used.toml', '--traffic', file);

    expect(Number(spent)).toBeGreaterThan(0);
    expect(months).toMatchObject([{ billing_month: '2026-11', spending_usd_exact: spent }]);
    expect(total).toMatchObject({ requests: 4, served_cloud: 3, served_local: 1 });
  });
});
