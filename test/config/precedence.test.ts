import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config/load-config.ts';
import { scalarKeys, schemaAt, type SchemaNode } from '../../src/config/schema.ts';
import { variablesOf } from '../../src/config/variables.ts';
import { describeSettings } from '../../src/config/describe-settings.ts';
import { TomlFiles } from '../support/toml-files.ts';

let files: TomlFiles;
beforeAll(() => {
  files = new TomlFiles();
});
afterAll(() => files.remove());

function portOf(input: Parameters<typeof loadConfig>[0]): number {
  return loadConfig(input).settings.server.port;
}

function lineOf(input: Parameters<typeof loadConfig>[0]): string {
  try {
    loadConfig(input);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('the configuration was accepted');
}

describe('precedence', () => {
  it('is flag, then environment, then file, then default', () => {
    const path = files.write('[server]\nport = 1');
    const env = { NEXUS_PORT: '2' };
    const flags = { 'server.port': '3' };

    expect(portOf({ env: {} })).toBe(8000);
    expect(portOf({ path, env: {} })).toBe(1);
    expect(portOf({ path, env })).toBe(2);
    expect(portOf({ path, env, flags })).toBe(3);
    expect(portOf({ env, flags: { 'server.port': 4 } })).toBe(4);
  });

  it('holds for the file itself: --config wins over NEXUS_CONFIG', () => {
    const one = files.write('[server]\nport = 11', 'one.toml');
    const two = files.write('[server]\nport = 22', 'two.toml');

    expect(portOf({ env: { NEXUS_CONFIG: one } })).toBe(11);
    expect(portOf({ path: two, env: { NEXUS_CONFIG: one } })).toBe(22);
    expect(lineOf({ env: { NEXUS_CONFIG: '' } })).toBe(
      'NEXUS_CONFIG: is empty; name a file, or unset it',
    );
  });

  it('holds for discovery: off in a file, on without one, and as told', () => {
    const path = files.write('[discovery]\nenabled = true');

    expect(loadConfig({ path, env: {} }).discovery).toBe(true);
    expect(loadConfig({ path, env: { NEXUS_DISCOVERY: 'false' } }).discovery).toBe(false);
    expect(loadConfig({ env: { NEXUS_DISCOVERY: 'false' } }).discovery).toBe(false);
  });
});

/** A value for a key that is neither its default nor out of its range, as text and as it is shown. */
function sampleFor(
  node: SchemaNode,
  dotted: string,
): { readonly text: string; readonly shown: unknown } {
  if (dotted === 'routing.budget.timezone') return { text: 'Asia/Tokyo', shown: 'Asia/Tokyo' };
  if (dotted === 'routing.budget.monthly_limit_usd') return { text: '12.5', shown: '12.5' };
  if (node.enum) return { text: String(node.enum.at(-1)), shown: node.enum.at(-1) };
  if (node.type === 'boolean')
    return { text: String(node.default !== true), shown: node.default !== true };
  if (node.type === 'integer' || node.type === 'number') {
    const value = (node.minimum ?? 0) + 7;
    const near = Math.min(Math.ceil(value), node.maximum ?? value);
    return { text: String(near), shown: near };
  }
  return { text: 'sample', shown: 'sample' };
}

describe('every key with a single value', () => {
  // The key of a client is shown as set or not; discovery is used up by the loader.
  const special = ['server.api_key_env', 'discovery.enabled'];
  const keys = scalarKeys().filter((key) => !special.includes(key.join('.')));

  it.each(
    keys.flatMap((key) =>
      variablesOf(key.join('.')).map((variable) => [variable, key.join('.')] as const),
    ),
  )('%s sets %s', (variable, dotted) => {
    const node = schemaAt(dotted.split('.'));
    if (node === undefined) throw new Error('no such key');
    const { text, shown } = sampleFor(node, dotted);
    const limit = { NEXUS_ROUTING__BUDGET__MONTHLY_LIMIT_USD: '12.5' };
    const { settings } = loadConfig({ env: { ...limit, [variable]: text } });
    const found = dotted
      .split('.')
      .reduce<unknown>(
        (value, part) => (value as Record<string, unknown>)[part],
        describeSettings(settings),
      );

    expect(found).toEqual(shown);
  });

  it('can make the server ask for a key', () => {
    const env = { NEXUS_SERVER__API_KEY_ENV: 'DOOR', DOOR: 'k' };

    expect(loadConfig({ env }).settings.server.apiKey).toBe('k');
  });

  it('makes the budget that no file has', () => {
    expect(
      loadConfig({ env: { NEXUS_ROUTING__BUDGET__MONTHLY_LIMIT_USD: '0.1' } }).settings.routing
        .budget,
    ).toMatchObject({
      monthlyLimit: 100_000_000,
      softLimitPercent: 75,
    });
  });
});

describe('a variable that is wrong stops the start', () => {
  it.each([
    [{ NEXUS_PORT: 'abc' }, 'NEXUS_PORT: server.port is "abc"; use a whole number from 0 to 65535'],
    [{ NEXUS_PORT: '' }, 'NEXUS_PORT: server.port is ""; use a whole number from 0 to 65535'],
    [
      { NEXUS_SERVER__PORT: '8e3' },
      'NEXUS_SERVER__PORT: server.port is "8e3"; use a whole number from 0 to 65535',
    ],
    [
      { NEXUS_HEALTH_CHECK: 'yes' },
      'NEXUS_HEALTH_CHECK: health_check.enabled is "yes"; use true or false',
    ],
    [
      { NEXUS_LOG_LEVEL: 'inof' },
      'NEXUS_LOG_LEVEL: logging.level is "inof"; use "error", "warn", "info" or "debug"; did you mean "info"?',
    ],
    [
      { NEXUS_ROUTING__BUDGET__TIMEZONE: 'Mars' },
      'NEXUS_ROUTING__BUDGET__TIMEZONE: routing.budget.timezone is "Mars", which is no time zone; use an IANA name such as Europe/Berlin',
    ],
    [
      { NEXUS_ROUTING__BUDGET__MONTHLY_LIMIT_USD: '-5' },
      'NEXUS_ROUTING__BUDGET__MONTHLY_LIMIT_USD: routing.budget.monthly_limit_usd is -5; use a number above 0 and up to 9000000',
    ],
    [
      { NEXUS_PRT: '1' },
      'NEXUS_PRT: no key has this environment variable; did you mean NEXUS_PORT?',
    ],
    [
      { NEXUS_SERVER_PORT: '1' },
      'NEXUS_SERVER_PORT: no key has this environment variable; did you mean NEXUS_SERVER__PORT?',
    ],
    [
      { NEXUS_QQQQQQ: '1' },
      'NEXUS_QQQQQQ: no key has this environment variable; unset it; the variables are listed in config/README.md',
    ],
    [
      { NEXUS_PORT: '1', NEXUS_SERVER__PORT: '2' },
      'NEXUS_SERVER__PORT: sets server.port to another value than NEXUS_PORT does; unset one of them',
    ],
    [
      { NEXUS_PORT: 'tcp://10.0.0.1:8000' },
      'NEXUS_PORT: comes from Kubernetes, for a Service named nexus, and is no setting; set enableServiceLinks: false in the pod, or name the Service otherwise',
    ],
    [
      { NEXUS_SERVICE_HOST: '10.0.0.1' },
      'NEXUS_SERVICE_HOST: comes from Kubernetes, for a Service named nexus, and is no setting; set enableServiceLinks: false in the pod, or name the Service otherwise',
    ],
  ])('%j', (env: Record<string, string>, line) => {
    expect(lineOf({ env })).toBe(line);
  });

  it('unless both names say the same, or it is no setting at all', () => {
    const env = {
      NEXUS_PORT: '1',
      NEXUS_SERVER__PORT: '1',
      NEXUS_NODE: '/x',
      NEXUS_URL: 'http://a',
      NEXUS_API_KEY: 'k',
      OTHER: 'x',
      NEXUS_HOST: undefined,
    };

    expect(portOf({ env })).toBe(1);
  });

  it('unless the file names it as the place of a key', () => {
    const path = files.write(
      '[[backends]]\nname = "x"\ntype = "vllm"\nurl = "http://a"\napi_key_env = "NEXUS_BOX_KEY"',
      'named.toml',
    );

    expect(loadConfig({ path, env: { NEXUS_BOX_KEY: 'k' } }).settings.backends[0]?.apiKey).toBe(
      'k',
    );
    expect(lineOf({ env: { NEXUS_BOX_KEY: 'k' } })).toMatch(
      /^NEXUS_BOX_KEY: no key has this environment variable/,
    );
  });

  it('also where the file is wrong as well, and then the file speaks for itself', () => {
    const path = files.write('server = 5', 'odd.toml');

    expect(lineOf({ path, env: { NEXUS_PORT: '1' } })).toMatch(
      /odd\.toml: server is 5; use a table$/,
    );
  });
});

describe('a flag that is wrong stops the start', () => {
  it.each([
    [{ 'server.port': 'abc' }, '--port: server.port is "abc"; use a whole number from 0 to 65535'],
    [{ 'ledger.path': '' }, '--ledger: ledger.path is ""; use text that is not empty'],
    [
      { 'health_check.enabled': 'no' },
      'the flag for health_check.enabled: health_check.enabled is "no"; use true or false',
    ],
    [{ 'server.prot': 1 }, 'flags: there is no key server.prot to set; did you mean server.port?'],
    [
      { zzzzzzzzz: 1 },
      'flags: there is no key zzzzzzzzz to set; flags can set keys with a single value only',
    ],
  ])('%j', (flags: Record<string, string | number>, line) => {
    expect(lineOf({ env: {}, flags })).toBe(line);
  });
});
