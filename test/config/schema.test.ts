import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import schema from '../../config/nexus.schema.json' with { type: 'json' };
import { loadConfig } from '../../src/config/load-config.ts';
import { scalarKeys, schemaAt, type SchemaNode } from '../../src/config/schema.ts';
import { ROOT } from '../support/source-files.ts';

interface Limits {
  readonly min?: number;
  readonly above?: number;
  readonly max?: number;
}

/** What the documentation promises of each key: written here by hand, so that a changed schema is noticed. */
const DOCUMENTED: readonly (readonly [
  string,
  unknown,
  Limits | readonly (string | number)[] | null,
])[] = [
  ['server.host', '127.0.0.1', null],
  ['server.port', 8000, { min: 0, max: 65_535 }],
  ['server.api_key_env', undefined, null],
  ['server.request_timeout_seconds', 300, { min: 0.1, max: 86_400 }],
  ['server.drain_timeout_seconds', 30, { min: 0, max: 86_400 }],
  ['server.client_gone_drain_seconds', 30, { min: 0, max: 3600 }],
  ['server.max_body_bytes', 10 * 1024 * 1024, { min: 1024, max: 1024 ** 3 }],
  ['server.workers', 1, { min: 1, max: 128 }],
  ['server.max_concurrent_requests', 1000, { min: 1, max: 1_000_000 }],
  ['metrics.port', undefined, { min: 0, max: 65_535 }],
  ['logging.level', 'info', ['error', 'warn', 'info', 'debug']],
  ['logging.format', 'pretty', ['pretty', 'json']],
  ['logging.file', undefined, null],
  ['health_check.enabled', true, null],
  ['health_check.interval_seconds', 30, { min: 0.1, max: 86_400 }],
  ['health_check.timeout_seconds', 5, { min: 0.1, max: 3600 }],
  ['health_check.failure_threshold', 3, { min: 1, max: 1000 }],
  ['health_check.recovery_threshold', 2, { min: 1, max: 1000 }],
  ['discovery.enabled', false, null],
  ['routing.strategy', 'smart', ['smart', 'round_robin', 'priority_only', 'random']],
  ['routing.max_retries', 2, { min: 0, max: 100 }],
  ['routing.weights.priority', 50, { min: 0, max: 1000 }],
  ['routing.weights.load', 30, { min: 0, max: 1000 }],
  ['routing.weights.latency', 20, { min: 0, max: 1000 }],
  ['routing.budget.monthly_limit_usd', undefined, { above: 0, max: 9_000_000 }],
  ['routing.budget.soft_limit_percent', 75, { above: 0, max: 100 }],
  ['routing.budget.hard_limit_action', 'warn', ['warn', 'block_cloud', 'block_all']],
  ['routing.budget.reconciliation_interval_secs', 60, { min: 1, max: 86_400 }],
  ['routing.budget.billing_cycle_day', 1, { min: 1, max: 31 }],
  ['routing.budget.timezone', 'UTC', null],
  ['routing.budget.unknown_price', 'conservative', ['conservative', 'deny']],
  ['routing.budget.exhausted_status', 503, [503, 402, 429]],
  ['ledger.path', 'data/nexus-ledger.db', null],
  ['control.clock', 'system', ['system', 'injected']],
  ['control.inspector', true, null],
];

/** Keys within lists; a number stands for any position. */
const DOCUMENTED_IN_LISTS: readonly (readonly [
  readonly (string | number)[],
  unknown,
  Limits | readonly (string | number)[] | null,
])[] = [
  [['backends', 0, 'name'], undefined, null],
  [['backends', 0, 'url'], undefined, null],
  [
    ['backends', 0, 'type'],
    undefined,
    [
      'openai',
      'anthropic',
      'google',
      'ollama',
      'vllm',
      'llamacpp',
      'lmstudio',
      'exo',
      'generic',
      'simulated',
    ],
  ],
  [['backends', 0, 'kind'], undefined, ['local', 'cloud']],
  [['backends', 0, 'priority'], 50, { min: 0, max: 100 }],
  [['backends', 0, 'tier'], 1, { min: 1, max: 5 }],
  [['backends', 0, 'responses_api'], undefined, null],
  [['backends', 0, 'api_key_env'], undefined, null],
  [['backends', 0, 'models'], [], null],
  [['backends', 0, 'prices'], {}, null],
  [['backends', 0, 'prices', '*', 'input'], undefined, { min: 0 }],
  [['backends', 0, 'prices', '*', 'output'], undefined, { min: 0 }],
  [['backends', 0, 'prices', '*', 'cached_input'], undefined, { min: 0 }],
  [['backends', 0, 'prices', '*', 'cache_write'], undefined, { min: 0 }],
  [['backends', 0, 'prices', '*', 'cache_write_1h'], undefined, { min: 0 }],
  [['backends', 0, 'prices', '*', 'reasoning'], undefined, { min: 0 }],
  [['backends', 0, 'prices', '*', 'input_audio'], undefined, { min: 0 }],
  [['backends', 0, 'prices', '*', 'output_audio'], undefined, { min: 0 }],
  [['backends', 0, 'prices', '*', 'input_image'], undefined, { min: 0 }],
  [['backends', 0, 'prices', '*', 'output_image'], undefined, { min: 0 }],
  [['backends', 0, 'prices', '*', 'per_request'], undefined, { min: 0 }],
  [['backends', 0, 'prices', '*', 'web_search'], undefined, { min: 0 }],
  [['backends', 0, 'prices', '*', 'file_search'], undefined, { min: 0 }],
  [['backends', 0, 'prices', '*', 'code_execution'], undefined, { min: 0 }],
  [['backends', 0, 'prices', '*', 'search_source'], undefined, { min: 0 }],
  [['backends', 0, 'prices', '*', 'max_output_tokens'], undefined, { min: 1, max: 100_000_000 }],
  [['backends', 0, 'prices', '*', 'versions'], undefined, null],
  [['backends', 0, 'prices', '*', 'versions', 0, 'from'], undefined, null],
  [['backends', 0, 'simulation', 'latency_ms'], 20, { min: 0, max: 3_600_000 }],
  [['backends', 0, 'simulation', 'tokens_per_second'], 0, { min: 0, max: 1_000_000 }],
  [['backends', 0, 'simulation', 'output_tokens'], 64, { min: 0, max: 1_000_000 }],
  [['backends', 0, 'simulation', 'failure_rate'], 0, { min: 0, max: 1 }],
  [['alerts', 'webhooks', 0, 'name'], undefined, null],
  [['alerts', 'webhooks', 0, 'url'], undefined, null],
  [['alerts', 'webhooks', 0, 'secret_env'], undefined, null],
  [['alerts', 'webhooks', 0, 'thresholds_percent'], [50, 80, 100], null],
  [['alerts', 'webhooks', 0, 'thresholds_percent', 0], undefined, { above: 0, max: 1000 }],
  [
    ['alerts', 'webhooks', 0, 'events'],
    ['threshold', 'month_rollover', 'drift', 'hard_limit'],
    null,
  ],
  [
    ['alerts', 'webhooks', 0, 'events', 0],
    undefined,
    ['threshold', 'month_rollover', 'drift', 'hard_limit'],
  ],
  [['alerts', 'webhooks', 0, 'timeout_seconds'], 10, { min: 0.1, max: 300 }],
  [['alerts', 'webhooks', 0, 'max_attempts'], 12, { min: 1, max: 100 }],
  [['routing', 'aliases', 'any'], undefined, null],
  [['routing', 'fallbacks', 'any', 0], undefined, null],
  [['routing', 'policies', 0, 'model_pattern'], undefined, null],
  [['routing', 'policies', 0, 'privacy'], 'unrestricted', ['unrestricted', 'restricted']],
  [['routing', 'policies', 0, 'max_cost_per_request'], undefined, { min: 0 }],
  [['routing', 'policies', 0, 'min_tier'], 1, { min: 1, max: 5 }],
  [['routing', 'policies', 0, 'fallback_allowed'], true, null],
];

/** Key names that the types spell otherwise, because money has its own types and keys are resolved by the loader. */
const RENAMED: Readonly<Record<string, string>> = {
  monthly_limit_usd: 'monthlyLimit',
  cache_write_1h: 'cacheWrite1h',
  from: 'fromMs',
};

function camelCase(key: string): string {
  return RENAMED[key] ?? key.replaceAll(/_(\w)/g, (_all, letter: string) => letter.toUpperCase());
}

function keysBelow(node: SchemaNode): readonly string[] {
  const own = Object.entries(node.properties ?? {}).flatMap(([key, child]) => [
    key,
    ...keysBelow(child),
  ]);
  const items = node.items === undefined ? [] : keysBelow(node.items);
  const members =
    typeof node.additionalProperties === 'object' ? keysBelow(node.additionalProperties) : [];
  return [...own, ...items, ...members];
}

function nodesBelow(node: SchemaNode): readonly SchemaNode[] {
  const children = [
    ...Object.values(node.properties ?? {}),
    ...(node.items === undefined ? [] : [node.items]),
    ...(typeof node.additionalProperties === 'object' ? [node.additionalProperties] : []),
  ];
  return [node, ...children.flatMap(nodesBelow)];
}

function limitsOf(node: SchemaNode): Limits | readonly (string | number)[] | null {
  if (node.enum) return node.enum;
  const { minimum: min, exclusiveMinimum: above, maximum: max } = node;
  const limits = Object.entries({ min, above, max }).filter(([, value]) => value !== undefined);
  return limits.length === 0 ? null : Object.fromEntries(limits);
}

describe('the schema', () => {
  it.each(DOCUMENTED)('%s has the documented default %j and limits %j', (key, value, limits) => {
    const node = schemaAt(key.split('.'));
    if (node === undefined) throw new Error(`${key} is not in the schema`);

    expect(node.default).toEqual(value);
    expect(limitsOf(node)).toEqual(limits);
  });

  it.each(DOCUMENTED_IN_LISTS)(
    '%j has the documented default %j and limits %j',
    (key, value, limits) => {
      const node = schemaAt(key);
      if (node === undefined) throw new Error(`${JSON.stringify(key)} is not in the schema`);

      expect(node.default).toEqual(value);
      expect(limitsOf(node)).toEqual(limits);
    },
  );

  it('has no key that is not in these tables', () => {
    const listed = DOCUMENTED_IN_LISTS.map(([key]) =>
      String(key.findLast((part) => typeof part === 'string')),
    );
    const backends = schemaAt(['backends', 0]);
    const policies = schemaAt(['routing', 'policies', 0]);
    const webhooks = schemaAt(['alerts', 'webhooks', 0]);
    const found = [backends, policies, webhooks].flatMap((node) =>
      node === undefined ? [] : keysBelow(node),
    );

    expect(
      scalarKeys()
        .map((key) => key.join('.'))
        .toSorted(),
    ).toEqual(DOCUMENTED.map(([key]) => key).toSorted());
    expect(found.filter((key) => !listed.includes(key))).toEqual(['simulation']);
  });

  it('takes for a later price what it takes for the first one', () => {
    const { versions, ...rates } = schemaAt(['backends', 0, 'prices', '*'])?.properties ?? {};
    const { from, ...laterRates } = versions?.items?.properties ?? {};

    expect(from).toBeDefined();
    expect(laterRates).toEqual(rates);
  });

  it('uses only what editors for TOML understand', () => {
    const understood = new Set([
      '$schema',
      'title',
      'description',
      'type',
      'enum',
      'default',
      'minimum',
      'maximum',
      'exclusiveMinimum',
      'minLength',
      'maxLength',
      'pattern',
      'required',
      'properties',
      'additionalProperties',
      'items',
    ]);
    const used = new Set(nodesBelow(schema as SchemaNode).flatMap((node) => Object.keys(node)));

    expect([...used].filter((keyword) => !understood.has(keyword))).toEqual([]);
  });

  it('describes every key with a sentence', () => {
    for (const { description } of nodesBelow(schema as SchemaNode))
      expect(description).toMatch(/^.+\.$/);
  });

  it('accepts its own defaults', () => {
    expect(loadConfig({ env: {} }).settings.server.port).toBe(8000);
  });
});

describe('the types of the settings', () => {
  const source = readFileSync(path.join(ROOT, 'src/core/settings.ts'), 'utf8');
  const members = new Set([...source.matchAll(/readonly (\w+)\??:/g)].map(([, name]) => name));

  it('have a member for every key of the schema, spelled in the same way', () => {
    // `[discovery]` is used up by the loader: it says where to look, and what is found becomes a backend.
    const keys = new Set(keysBelow(schema as SchemaNode).filter((key) => key !== 'discovery'));
    const missing = [...keys].filter((key) => !members.has(camelCase(key)));

    expect(missing).toEqual([]);
  });

  it('have no member that no key sets', () => {
    const keys = new Set(keysBelow(schema as SchemaNode).map(camelCase));
    // The secrets themselves come from the environment variables that `api_key_env` and `secret_env` name.
    const extra = [...members].filter(
      (member) => member !== 'apiKey' && member !== 'secret' && !keys.has(member ?? ''),
    );

    expect(extra).toEqual([]);
  });

  it.each([
    ['BackendType', ['backends', 0, 'type']],
    ['BackendKind', ['backends', 0, 'kind']],
    ['HardLimitAction', ['routing', 'budget', 'hard_limit_action']],
    ['UnknownPricePolicy', ['routing', 'budget', 'unknown_price']],
    ['ExhaustedStatus', ['routing', 'budget', 'exhausted_status']],
    ['Strategy', ['routing', 'strategy']],
    ['AlertKind', ['alerts', 'webhooks', 0, 'events', 0]],
  ] as const)('%s has the values of the schema', (type, key) => {
    const [, union = ''] = new RegExp(`export type ${type} =([^;]+);`).exec(source) ?? [];
    const values = [...union.matchAll(/\w+/g)].map(([value]) => value);

    expect(values).toEqual(schemaAt(key)?.enum?.map(String));
  });
});
