import { chmodSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConfigError } from '../../src/config/config-error.ts';
import { loadConfig, type LoadedConfig } from '../../src/config/load-config.ts';
import { TomlFiles } from '../support/toml-files.ts';

let files: TomlFiles;
beforeAll(() => {
  files = new TomlFiles();
});
afterAll(() => files.remove());

function load(text: string, env: Readonly<Record<string, string>> = {}): LoadedConfig {
  return loadConfig({ path: files.write(text), env });
}

/** The error's line, with the path of the file cut to its name. */
function lineOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError)
      return error.message.replaceAll(`${files.folder}${path.sep}`, '');
    throw error;
  }
  throw new Error('the configuration was accepted');
}

const BACKEND = '[[backends]]\nname = "box"\ntype = "vllm"\nurl = "http://127.0.0.1:1"\n';

describe('a mistake in the file is one line that says what to write instead', () => {
  it.each([
    // Keys that there are not.
    [
      '[routing.budget]\nsoft_limit_percnt = 80',
      'routing.budget.soft_limit_percnt is no key; did you mean routing.budget.soft_limit_percent?',
    ],
    [
      '[routing]\nmonthly_limit_usd = 5',
      'routing.monthly_limit_usd is no key; did you mean routing.budget.monthly_limit_usd?',
    ],
    ['[budget]\nmonthly_limit_usd = 5', 'budget is no key; did you mean routing.budget?'],
    ['port = 1', 'port is no key; did you mean server.port or metrics.port?'],
    ['[server]\nprot = 1', 'server.prot is no key; did you mean server.port?'],
    ['[server]\nPort = 1', 'server.Port is no key; did you mean server.port?'],
    ['[server]\nbody = 1', 'server.body is no key; did you mean server.max_body_bytes?'],
    ['[metrics]\nzzz = 1', 'metrics.zzz is no key; the keys of metrics are port'],
    [
      '[zzz]\na = 1',
      'zzz is no key; the sections are server, metrics, logging, health_check, discovery, routing, ledger, alerts, control, backends',
    ],
    [
      '"a b" = 1',
      '"a b" is no key; the sections are server, metrics, logging, health_check, discovery, routing, ledger, alerts, control, backends',
    ],
    [
      '[server]\nconstructor = 1',
      'server.constructor is no key; the keys of server are host, port, api_key_env, request_timeout_seconds, drain_timeout_seconds, client_gone_drain_seconds, max_body_bytes, workers, max_concurrent_requests',
    ],
    [
      '[[backends]]\nname = "x"\nurl = "http://a"\ntyp = "vllm"',
      'backends[0].typ is no key; did you mean backends[0].type? (backend "x")',
    ],
    [
      `${BACKEND}model = ["m"]`,
      'backends[0].model is no key; did you mean backends[0].models? (backend "box")',
    ],
    [
      `${BACKEND}latency_ms = 5`,
      'backends[0].latency_ms is no key; did you mean backends[].simulation.latency_ms? (backend "box")',
    ],
    // Values of a wrong kind.
    ['[server]\nport = "8000"', 'server.port is "8000"; use a whole number from 0 to 65535'],
    ['[server]\nport = 80.5', 'server.port is 80.5; use a whole number from 0 to 65535'],
    ['[server]\nport = 70000', 'server.port is 70000; use a whole number from 0 to 65535'],
    ['[server]\nport = -1', 'server.port is -1; use a whole number from 0 to 65535'],
    [
      '[server]\nport = 99999999999999999999',
      'server.port is a whole number beyond 9007199254740991, which can not be kept exactly; use a smaller one',
    ],
    [
      '[server]\nhost = 2026-11-01',
      'server.host is a date or a time, which no key takes; put it in quotes if it is meant as text',
    ],
    [
      '[routing.fallbacks]\n"a" = [2026-11-01T07:30:00Z]',
      'routing.fallbacks.a[0] is a date or a time, which no key takes; put it in quotes if it is meant as text',
    ],
    ['[server]\nhost = ""', 'server.host is ""; use text that is not empty'],
    ['server = 5', 'server is 5; use a table'],
    ['[[server]]\nport = 1', 'server is a list; use a table: write [server] instead of [[server]]'],
    [
      '[backends]\nname = "x"',
      'backends is a table; use a list of tables: write [[backends]] instead of [backends]',
    ],
    ['[health_check]\nenabled = "yes"', 'health_check.enabled is "yes"; use true or false'],
    [
      '[logging]\nlevel = "trace"',
      'logging.level is "trace"; use "error", "warn", "info" or "debug"',
    ],
    [
      '[logging]\nlevel = "inof"',
      'logging.level is "inof"; use "error", "warn", "info" or "debug"; did you mean "info"?',
    ],
    [
      `[logging]\nlevel = "${'x'.repeat(200)}"`,
      `logging.level is "${'x'.repeat(79)}...; use "error", "warn", "info" or "debug"`,
    ],
    [
      '[routing.fallbacks]\n"gpt-4.1" = "llama3"',
      'routing.fallbacks."gpt-4.1" is "llama3"; use a list',
    ],
    // Money, months and zones.
    [
      '[routing.budget]\nsoft_limit_percent = 120',
      'routing.budget.soft_limit_percent is 120; use a number above 0 and up to 100',
    ],
    [
      '[routing.budget]\nsoft_limit_percent = 0',
      'routing.budget.soft_limit_percent is 0; use a number above 0 and up to 100',
    ],
    [
      '[routing.budget]\nmonthly_limit_usd = 0',
      'routing.budget.monthly_limit_usd is 0; use a number above 0 and up to 9000000',
    ],
    [
      '[routing.budget]\nmonthly_limit_usd = inf',
      'routing.budget.monthly_limit_usd is Infinity; use a number above 0 and up to 9000000',
    ],
    [
      '[routing.budget]\nmonthly_limit_usd = nan',
      'routing.budget.monthly_limit_usd is NaN; use a number above 0 and up to 9000000',
    ],
    [
      '[routing.budget]\nmonthly_limit_usd = 1e-10',
      'routing.budget.monthly_limit_usd can not be used: 0.0000000001 has more than 9 decimals, which a USD amount can not keep exactly',
    ],
    [
      '[routing.budget]\nexhausted_status = 500',
      'routing.budget.exhausted_status is 500; use 503, 402 or 429',
    ],
    [
      '[routing.budget]\nhard_limit_action = "block"',
      'routing.budget.hard_limit_action is "block"; use "warn", "block_cloud" or "block_all"; did you mean "block_all"?',
    ],
    [
      '[routing.budget]\nbilling_cycle_day = 32',
      'routing.budget.billing_cycle_day is 32; use a whole number from 1 to 31',
    ],
    [
      '[routing.budget]\ntimezone = "Europe/Berln"',
      'routing.budget.timezone is "Europe/Berln", which is no time zone; did you mean Europe/Berlin?',
    ],
    [
      '[routing.budget]\ntimezone = "!"',
      'routing.budget.timezone is "!", which is no time zone; use an IANA name such as Europe/Berlin',
    ],
    // Routing.
    [
      '[routing.aliases]\na = "b"\nb = "c"\nc = "a"',
      'routing.aliases.a goes round in a circle: a -> b -> c -> a; let one of them name a real model',
    ],
    [
      '[routing.aliases]\nx = "a"\na = "a"',
      'routing.aliases.x goes round in a circle: x -> a -> a; let one of them name a real model',
    ],
    ['[routing.aliases]\na = ""', 'routing.aliases.a is ""; use text that is not empty'],
    [
      '[routing.fallbacks]\na = ["b", "a"]',
      'routing.fallbacks.a[1] is the model itself; name another one',
    ],
    [
      '[routing.fallbacks]\na = ["b", "c", "b"]',
      'routing.fallbacks.a[2] is "b" for the second time; name each model once',
    ],
    [
      '[[routing.policies]]\nprivacy = "restricted"',
      'routing.policies[0].model_pattern is missing; it takes text that is not empty',
    ],
    [
      '[[routing.policies]]\nmodel_pattern = "gpt-["',
      'routing.policies[0].model_pattern can not be used: the pattern "gpt-[" has a [ without its ]',
    ],
    [
      '[[routing.policies]]\nmodel_pattern = "*"\nmax_cost_per_request = "much"',
      'routing.policies[0].max_cost_per_request can not be used: "much" is not a USD amount; write a decimal such as "12.50"',
    ],
    // Backends.
    [
      '[[backends]]\nname = "x"',
      'backends[0].type is missing; it takes "openai", "anthropic", "google", "ollama", "vllm", "llamacpp", "lmstudio", "exo", "generic" or "simulated" (backend "x")',
    ],
    [
      '[[backends]]\ntype = "vllm"',
      'backends[0].name is missing; it takes this: Its name in headers, metrics and the ledger: visible ASCII characters, with spaces only inside',
    ],
    [
      '[[backends]]\nname = "x\\ny"\ntype = "vllm"',
      'backends[0].name is "x\\ny"; use this: Its name in headers, metrics and the ledger: visible ASCII characters, with spaces only inside (backend "x\\ny")',
    ],
    [
      `${BACKEND}${BACKEND}`,
      'backends[1].name is "box", which another backend has; give each a name of its own (backend "box")',
    ],
    [
      '[[backends]]\nname = "x"\ntype = "anthropic"\nresponses_api = true',
      'backends[0].responses_api is true, but a backend of type "anthropic" does not speak it; leave it out, and requests are translated (backend "x")',
    ],
    [
      '[[backends]]\nname = "x"\ntype = "vllm"',
      'backends[0].url is missing; use one like http://127.0.0.1:8080 (backend "x")',
    ],
    [
      '[[backends]]\nname = "x"\ntype = "vllm"\nurl = "localhost"',
      'backends[0].url is "localhost", which is no URL; use one like http://127.0.0.1:11434 (backend "x")',
    ],
    [
      '[[backends]]\nname = "x"\ntype = "vllm"\nurl = "ftp://a"',
      'backends[0].url is "ftp://a"; use a URL that begins with http:// or https:// (backend "x")',
    ],
    [
      '[[backends]]\nname = "x"\ntype = "vllm"\nurl = "http://me:hush@a"',
      'backends[0].url holds a user name or a password; take it out and name an environment variable in api_key_env (backend "x")',
    ],
    [
      '[[backends]]\nname = "x"\ntype = "vllm"\nurl = "http://a/?key=hush"',
      'backends[0].url has a ? or a # part; leave it out, only the base is wanted (backend "x")',
    ],
    [
      `${BACKEND}api_key_env = "sk-hush"`,
      'backends[0].api_key_env is no name of an environment variable; use this: Name of the environment variable that holds its key; never the key itself (backend "box")',
    ],
    [
      `${BACKEND}api_key = "sk-hush"`,
      'backends[0].api_key is no key; did you mean backends[0].api_key_env? (backend "box")',
    ],
    [`${BACKEND}tier = 6`, 'backends[0].tier is 6; use a whole number from 1 to 5 (backend "box")'],
    [
      `${BACKEND}[backends.prices]\n"gpt[" = { input = 1, output = 2 }`,
      'backends[0].prices."gpt[" can not be used: the pattern "gpt[" has a [ without its ] (backend "box")',
    ],
    [
      `${BACKEND}[backends.prices]\n"gpt*" = { input = 1 }`,
      'backends[0].prices."gpt*".output is missing; it takes a number that is not negative (backend "box")',
    ],
    [
      `${BACKEND}[backends.prices]\n"gpt" = { input = 1, output = 2.1234567 }`,
      'backends[0].prices.gpt.output can not be used: 2.1234567 has more than 6 decimals, which a price in USD per million tokens can not keep exactly (backend "box")',
    ],
    [
      `${BACKEND}[backends.prices]\n"gpt" = { input = "free", output = 2 }`,
      'backends[0].prices.gpt.input can not be used: "free" is not a price in USD per million tokens; write a decimal such as "12.50" (backend "box")',
    ],
    [
      `${BACKEND}[backends.prices]\n"gpt" = { input = -1, output = 2 }`,
      'backends[0].prices.gpt.input is -1; use a number that is not negative (backend "box")',
    ],
    [
      `${BACKEND}[backends.simulation]\nlatency_ms = 5`,
      'backends[0].simulation has no use with type "vllm"; leave it out, or use type "simulated" (backend "box")',
    ],
    [
      '[[backends]]\nname = "x"\ntype = "simulated"',
      'backends[0].models is empty, and a simulated backend has nobody to ask; name the models that it plays (backend "x")',
    ],
    [
      '[metrics]\nport = 8000',
      'metrics.port is 8000, the port of the server, which has /metrics anyway; use another one or leave it out',
    ],
    [
      '[server]\napi_key_env = "DOOR_KEY"',
      'server.api_key_env names DOOR_KEY, which is not set; set it, or take the key out to let everybody in',
    ],
  ])('%j', (text, line) => {
    expect(lineOf(() => load(text))).toBe(`nexus.toml: ${line}`);
  });

  it.each([
    [
      'a = = 1',
      'nexus.toml:1: this is no TOML: Unexpected character, expecting string, number, datetime, boolean, inline array or inline table',
    ],
    ['[server]\nport = 1\nport = 2', "nexus.toml:3: this is no TOML: Can't redefine existing key"],
  ])('%j names the line', (text, line) => {
    expect(lineOf(() => load(text))).toBe(line);
  });

  it('never repeats a key that stands where only a name belongs', () => {
    const lines = [
      lineOf(() => load(`${BACKEND}api_key_env = "sk-hush-hush"`)),
      lineOf(() => load('[server]\napi_key_env = "sk-hush-hush"')),
      lineOf(() => load(`${BACKEND}api_key_env = "BOX_KEY"`, { BOX_KEY: 'sk hush-hush' })),
      lineOf(() => load(`${BACKEND}api_key_env = "sk-hush-hush`)),
      lineOf(() => load('[[backends]]\nname = "x"\ntype = "vllm"\nurl = "http://hush:hush@a"')),
    ];

    for (const line of lines) expect(line).not.toMatch('hush');
  });

  it('is about the misspelt key, not about the one that is missing because of it', () => {
    expect(lineOf(() => load('[[routing.policies]]\nmodel_patern = "*"'))).toMatch(
      'did you mean routing.policies[0].model_pattern?',
    );
  });
});

describe('a file that can not be read', () => {
  it('is an error when there is none, never silently the defaults', () => {
    const missing = path.join(files.folder, 'missing.toml');
    const line =
      'missing.toml: there is no such file; write one with "nexus config init", or leave out --config to run on defaults';

    expect(lineOf(() => loadConfig({ path: missing, env: {} }))).toBe(line);
    expect(lineOf(() => loadConfig({ env: { NEXUS_CONFIG: missing } }))).toBe(line);
  });

  it('is an error when it is a folder', () => {
    mkdirSync(path.join(files.folder, 'folder'));

    expect(lineOf(() => loadConfig({ path: path.join(files.folder, 'folder'), env: {} }))).toBe(
      'folder: is a folder; name the file in it',
    );
  });

  it('is an error when it may not be read', () => {
    const file = files.write('', 'closed.toml');
    chmodSync(file, 0);
    // Root may read everything.
    if (process.getuid?.() === 0) return;

    expect(lineOf(() => loadConfig({ path: file, env: {} }))).toBe(
      'closed.toml: can not be read (EACCES); look at its permissions',
    );
  });
});

describe('a good file', () => {
  it('may be empty: then all is default, without a budget and without discovery', () => {
    const { settings, discovery, warnings, file } = load('');

    expect(settings).toEqual({
      server: {
        host: '127.0.0.1',
        port: 8000,
        requestTimeoutSeconds: 300,
        drainTimeoutSeconds: 30,
        maxBodyBytes: 10_485_760,
        workers: 1,
        maxConcurrentRequests: 1000,
        apiKey: null,
        clientGoneDrainSeconds: 30,
      },
      metrics: { port: null },
      logging: { level: 'info', format: 'pretty', file: null },
      healthCheck: {
        enabled: true,
        intervalSeconds: 30,
        timeoutSeconds: 5,
        failureThreshold: 3,
        recoveryThreshold: 2,
      },
      routing: {
        strategy: 'smart',
        maxRetries: 2,
        weights: { priority: 50, load: 30, latency: 20 },
        aliases: {},
        fallbacks: {},
        policies: [],
        budget: null,
      },
      ledger: { path: 'data/nexus-ledger.db' },
      alerts: { webhooks: [] },
      control: { clock: 'system', inspector: true },
      backends: [],
    });
    expect({ discovery, warnings, file }).toEqual({
      discovery: false,
      warnings: [],
      file: path.join(files.folder, 'nexus.toml'),
    });
  });

  it('may be left out: the same, with discovery', () => {
    const { settings, discovery, file } = loadConfig({ env: {} });

    expect(settings).toEqual(load('').settings);
    expect({ discovery, file }).toEqual({ discovery: true, file: null });
  });

  it('becomes a budget in nano-dollars, with the defaults of what it leaves out', () => {
    const { budget } = load('[routing.budget]\nmonthly_limit_usd = 0.1').settings.routing;

    expect(budget).toEqual({
      monthlyLimit: 100_000_000,
      softLimitPercent: 75,
      hardLimitAction: 'warn',
      reconciliationIntervalSecs: 60,
      billingCycleDay: 1,
      timezone: 'UTC',
      unknownPrice: 'conservative',
      exhaustedStatus: 503,
    });
  });

  it('has no budget without a limit, and says so', () => {
    const { settings, warnings } = load('[routing.budget]\nsoft_limit_percent = 80');

    expect(settings.routing.budget).toBeNull();
    expect(warnings).toEqual(['routing.budget has no monthly_limit_usd, so no budget is enforced']);
  });

  it('becomes backends with exact prices', () => {
    const { backends } = load(
      `${BACKEND}models = ["m", "n", "m"]
[backends.prices."gpt-*"]
input = 0.15
output = "0.600001"
cached_input = 0.075
cache_write = 1
cache_write_1h = 2
reasoning = 3
input_audio = 4
output_audio = 5
input_image = 6
output_image = 7
per_request = 0.000000001
web_search = 0.01
file_search = 0.0025
code_execution = 0
search_source = "0.025"
max_output_tokens = 16384`,
    ).settings;

    expect(backends).toEqual([
      {
        name: 'box',
        url: 'http://127.0.0.1:1',
        type: 'vllm',
        kind: 'local',
        priority: 50,
        tier: 1,
        apiKeyEnv: null,
        apiKey: null,
        models: ['m', 'n'],
        simulation: null,
        prices: {
          'gpt-*': {
            input: 150_000,
            output: 600_001,
            cachedInput: 75_000,
            cacheWrite: 1_000_000,
            cacheWrite1h: 2_000_000,
            reasoning: 3_000_000,
            inputAudio: 4_000_000,
            outputAudio: 5_000_000,
            inputImage: 6_000_000,
            outputImage: 7_000_000,
            perRequest: 1,
            webSearch: 10_000_000,
            fileSearch: 2_500_000,
            codeExecution: 0,
            searchSource: 25_000_000,
            maxOutputTokens: 16_384,
          },
        },
      },
    ]);
  });

  it('becomes policies with an exact cap', () => {
    const { policies } = load(
      '[[routing.policies]]\nmodel_pattern = "*"\nmax_cost_per_request = 0.1\n[[routing.policies]]\nmodel_pattern = "a"',
    ).settings.routing;

    expect(policies).toEqual([
      {
        modelPattern: '*',
        privacy: 'unrestricted',
        maxCostPerRequest: 100_000_000,
        minTier: 1,
        fallbackAllowed: true,
      },
      {
        modelPattern: 'a',
        privacy: 'unrestricted',
        maxCostPerRequest: null,
        minTier: 1,
        fallbackAllowed: true,
      },
    ]);
  });

  it.each([
    ['openai', 'cloud'],
    ['anthropic', 'cloud'],
    ['google', 'cloud'],
    ['ollama', 'local'],
    ['vllm', 'local'],
    ['llamacpp', 'local'],
    ['lmstudio', 'local'],
    ['exo', 'local'],
    ['generic', 'local'],
  ])('makes %s %s, unless it says otherwise', (type, kind) => {
    const keys = { OPENAI_API_KEY: 'k', ANTHROPIC_API_KEY: 'k', GEMINI_API_KEY: 'k' };
    const backend = `[[backends]]\nname = "x"\nurl = "http://a"\ntype = "${type}"\n`;

    expect(load(backend, keys).settings.backends[0]?.kind).toBe(kind);
    expect(load(`${backend}kind = "cloud"`, keys).settings.backends[0]?.kind).toBe('cloud');
  });

  it('gives a simulated backend its behaviour, by default and as written', () => {
    const text = '[[backends]]\nname = "x"\ntype = "simulated"\nmodels = ["m"]\n';

    expect(load(text).settings.backends[0]).toMatchObject({
      kind: 'local',
      url: '',
      simulation: { latencyMs: 20, tokensPerSecond: 0, outputTokens: 64, failureRate: 0 },
    });
    expect(
      load(`${text}simulation = { latency_ms = 1, failure_rate = 0.5 }`).settings.backends[0]
        ?.simulation,
    ).toEqual({
      latencyMs: 1,
      tokensPerSecond: 0,
      outputTokens: 64,
      failureRate: 0.5,
    });
  });

  it.each([
    ['http://box:8000/', 'http://box:8000'],
    ['http://box:8000/v1', 'http://box:8000'],
    ['https://box/v1/', 'https://box'],
    ['https://box/models/v1', 'https://box/models'],
    ['https://box/v1beta', 'https://box/v1beta'],
    ['http://[::1]:8000', 'http://[::1]:8000'],
  ])('takes the url %s for %s', (written, meant) => {
    expect(
      load(`[[backends]]\nname = "x"\ntype = "vllm"\nurl = "${written}"`).settings.backends[0]?.url,
    ).toBe(meant);
  });

  it('may have a byte order mark and Windows line ends', () => {
    expect(load('\uFEFF[server]\r\nport = 1\r\n').settings.server.port).toBe(1);
  });

  it('may name models after members of every object', () => {
    const { aliases, fallbacks } = load(
      '[routing.aliases]\n"__proto__" = "a"\n"constructor" = "b"\n[routing.fallbacks]\n"toString" = ["c"]',
    ).settings.routing;

    expect(Object.entries(aliases)).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ]);
    expect(Object.entries(fallbacks)).toEqual([['toString', ['c']]]);
  });

  it('becomes settings that nobody can change', () => {
    const { settings } = load(`${BACKEND}models = ["m"]\n[routing.weights]\nload = 1`);

    expect(() => Object.assign(settings.routing.weights, { load: 2 })).toThrow(TypeError);
    expect(() => Object.assign(settings.backends[0] ?? {}, { url: '' })).toThrow(TypeError);
    expect(() => Object.assign(settings.backends[0]?.models ?? [], ['n'])).toThrow(TypeError);
  });

  it('warns when the network can spend without a key', () => {
    const warning =
      'server.host is 0.0.0.0 and server.api_key_env is not set, so whoever reaches this machine can use the backends and their keys';

    expect(load('[server]\nhost = "0.0.0.0"').warnings).toEqual([warning]);
    expect(
      load('[server]\nhost = "0.0.0.0"\napi_key_env = "DOOR"', { DOOR: 'k' }).warnings,
    ).toEqual([]);
    for (const host of ['localhost', '127.0.0.2', '::1'])
      expect(load(`[server]\nhost = "${host}"`).warnings).toEqual([]);
  });
});

describe('keys', () => {
  const cloud =
    '[[backends]]\nname = "cloud"\ntype = "openai"\nurl = "https://api.openai.com/v1"\n';

  it('come from the variable that is named, without a line break at the end', () => {
    const { settings, warnings } = load(
      `${cloud}api_key_env = "MY_KEY"\n[server]\napi_key_env = "NEXUS_DOOR"`,
      { MY_KEY: 'sk-1\n', NEXUS_DOOR: 'door' },
    );

    expect(settings.backends[0]).toMatchObject({ apiKeyEnv: 'MY_KEY', apiKey: 'sk-1' });
    expect(settings.server.apiKey).toBe('door');
    expect(warnings).toEqual([]);
  });

  it('come from the usual variable of a provider when none is named', () => {
    expect(load(cloud, { OPENAI_API_KEY: 'sk-2' }).settings.backends[0]).toMatchObject({
      apiKeyEnv: 'OPENAI_API_KEY',
      apiKey: 'sk-2',
    });
  });

  it.each([{}, { MY_KEY: '' }, { MY_KEY: ' \n' }])(
    'that are named and not there leave a backend out, with a warning, and the others run: %j',
    (env: Record<string, string>) => {
      const named = `${cloud}api_key_env = "MY_KEY"\n`;
      const { settings, leftOut, warnings } = load(`${named}${BACKEND}`, env);
      const reason = 'the environment variable MY_KEY is not set';

      expect(settings.backends.map(({ name }) => name)).toEqual(['box']);
      expect(leftOut).toEqual([{ name: 'cloud', type: 'openai', reason }]);
      expect(warnings).toEqual([`backend cloud is left out: ${reason}`]);
    },
  );

  it('that are neither named nor there leave a backend without one: a server that asks for none may stand there', () => {
    const { settings, leftOut } = load(cloud, {});
    expect(settings.backends).toMatchObject([{ name: 'cloud', apiKey: null }]);
    expect(leftOut).toEqual([]);
  });

  it('that no header can carry are refused', () => {
    expect(lineOf(() => load(cloud, { OPENAI_API_KEY: 'sk-1\r\nx: y' }))).toBe(
      'nexus.toml: backends[0].api_key_env names OPENAI_API_KEY, whose value has spaces, line breaks or letters that no key has; set it to the key alone (backend "cloud")',
    );
  });
});

describe('the URL of a backend', () => {
  it.each([
    ['openai', 'https://api.openai.com'],
    ['anthropic', 'https://api.anthropic.com'],
    ['ollama', 'http://127.0.0.1:11434'],
  ])('is the usual one of %s when none is given', (type, url) => {
    const { settings } = load(`[[backends]]\nname = "x"\ntype = "${type}"\n`);
    expect(settings.backends).toMatchObject([{ url }]);
  });

  it('has no meaning for a simulated one', () => {
    const text = '[[backends]]\nname = "x"\ntype = "simulated"\nmodels = ["m"]\nurl = "http://a"\n';
    expect(load(text).settings.backends).toMatchObject([{ url: '' }]);
  });
});
