/** `[[backends]]`: what the schema can not say of them, and the form in which the gateway uses them. */
import { GlobError, parseGlob } from '../core/glob.ts';
import { parseInstant } from '../core/instants.ts';
import { MoneyError, parseRate, parseUsd } from '../core/money.ts';
import type {
  BackendSettings,
  PriceSettings,
  PriceVersion,
  SimulationSettings,
} from '../core/settings.ts';
import { normalizeBaseUrl, UrlProblem } from './base-url.ts';
import { KeyProblem, type KeyPath } from './config-error.ts';
import type { Environment } from './environment.ts';
import { keyVariableOf, kindOf, usualUrlOf } from './providers.ts';
import type { Decimal, RawBackend, RawPrice } from './raw-config.ts';
import { defaultsOf } from './schema.ts';
import { readSecret } from './secrets.ts';

const DATE_CHARS = 'YYYY-MM-DD'.length;

/** A backend of the file that does not run, and why. */
export interface LeftOutBackend {
  readonly name: string;
  readonly type: BackendSettings['type'];
  readonly reason: string;
}

export interface BuiltBackends {
  readonly backends: readonly BackendSettings[];
  readonly leftOut: readonly LeftOutBackend[];
}

/** Runs `parse` and turns the errors of money and patterns into faults of the key. */
export function atKey<Result>(path: KeyPath, parse: () => Result): Result {
  try {
    return parse();
  } catch (error) {
    if (error instanceof MoneyError || error instanceof GlobError)
      throw new KeyProblem(path, `can not be used: ${error.message}`);
    if (error instanceof UrlProblem) throw new KeyProblem(path, error.message);
    throw error;
  }
}

function buildRates(
  raw: Omit<RawPrice, 'versions'>,
  path: KeyPath,
): Omit<PriceSettings, 'versions'> {
  const rate = (key: string, value: Decimal): number =>
    atKey([...path, key], () => parseRate(value));
  const {
    cached_input,
    cache_write,
    cache_write_1h,
    reasoning,
    input_audio,
    output_audio,
    input_image,
    output_image,
    per_request,
    web_search,
    file_search,
    code_execution,
    search_source,
  } = raw;
  const fee = (key: string, value: Decimal): number => atKey([...path, key], () => parseUsd(value));
  return {
    input: rate('input', raw.input),
    output: rate('output', raw.output),
    ...(cached_input === undefined ? {} : { cachedInput: rate('cached_input', cached_input) }),
    ...(cache_write === undefined ? {} : { cacheWrite: rate('cache_write', cache_write) }),
    ...(cache_write_1h === undefined
      ? {}
      : { cacheWrite1h: rate('cache_write_1h', cache_write_1h) }),
    ...(reasoning === undefined ? {} : { reasoning: rate('reasoning', reasoning) }),
    ...(input_audio === undefined ? {} : { inputAudio: rate('input_audio', input_audio) }),
    ...(output_audio === undefined ? {} : { outputAudio: rate('output_audio', output_audio) }),
    ...(input_image === undefined ? {} : { inputImage: rate('input_image', input_image) }),
    ...(output_image === undefined ? {} : { outputImage: rate('output_image', output_image) }),
    ...(per_request === undefined ? {} : { perRequest: fee('per_request', per_request) }),
    ...(web_search === undefined ? {} : { webSearch: fee('web_search', web_search) }),
    ...(file_search === undefined ? {} : { fileSearch: fee('file_search', file_search) }),
    ...(code_execution === undefined
      ? {}
      : { codeExecution: fee('code_execution', code_execution) }),
    ...(search_source === undefined ? {} : { searchSource: fee('search_source', search_source) }),
    ...(raw.max_output_tokens === undefined ? {} : { maxOutputTokens: raw.max_output_tokens }),
  };
}

function buildPrice(raw: RawPrice, path: KeyPath): PriceSettings {
  const rates = buildRates(raw, path);
  return raw.versions === undefined
    ? rates
    : { ...rates, versions: buildVersions(raw.versions, [...path, 'versions']) };
}

function buildVersions(
  raws: NonNullable<RawPrice['versions']>,
  path: KeyPath,
): readonly PriceVersion[] {
  const versions: PriceVersion[] = [];
  for (const [at, raw] of raws.entries()) {
    const place = [...path, at, 'from'];
    const fromMs = readEffectiveDate(raw.from, place);
    const before = versions.at(-1);
    if (before !== undefined && fromMs <= before.fromMs) {
      const why = fromMs === before.fromMs ? 'the same time as' : 'before';
      throw new KeyProblem(
        place,
        `is ${JSON.stringify(raw.from)}, ${why} that of the version above it; write each time once, the earliest first`,
      );
    }
    versions.push({ ...buildRates(raw, [...path, at]), fromMs });
  }
  return versions;
}

/** A date is its midnight in UTC. */
function readEffectiveDate(text: string, path: KeyPath): number {
  const fromMs = parseInstant(text.length === DATE_CHARS ? `${text}T00:00:00Z` : text);
  if (fromMs !== null) return fromMs;
  throw new KeyProblem(
    path,
    `is ${JSON.stringify(text)}, which is no time; write a date such as "2026-12-01" or a time with its zone such as "2026-12-01T00:00:00Z"`,
  );
}

function buildPrices(raw: RawBackend, path: KeyPath): Readonly<Record<string, PriceSettings>> {
  const entries = Object.entries(raw.prices).map(([pattern, price]) => {
    const place = [...path, 'prices', pattern];
    atKey(place, () => parseGlob(pattern));
    return [pattern, buildPrice(price, place)] as const;
  });
  return Object.fromEntries(entries);
}

function buildUrl(raw: RawBackend, path: KeyPath): string {
  const place = [...path, 'url'];
  // A simulated backend answers by itself, at an address of its own; a URL is allowed, so that one line can switch a
  // file between the two.
  if (raw.type === 'simulated') return '';
  const url = raw.url ?? usualUrlOf(raw.type);
  if (url === null) throw new KeyProblem(place, 'is missing; use one like http://127.0.0.1:8080');
  return atKey(place, () => normalizeBaseUrl(url));
}

function buildSimulation(raw: RawBackend, path: KeyPath): SimulationSettings | null {
  if (raw.type !== 'simulated') {
    if (raw.simulation === undefined) return null;
    throw new KeyProblem(
      [...path, 'simulation'],
      `has no use with type "${raw.type}"; leave it out, or use type "simulated"`,
    );
  }
  if (raw.models.length === 0) {
    throw new KeyProblem(
      [...path, 'models'],
      'is empty, and a simulated backend has nobody to ask; name the models that it plays',
    );
  }
  const defaults = defaultsOf([...path, 'simulation']) as Required<RawBackend>['simulation'];
  const { latency_ms, tokens_per_second, output_tokens, failure_rate } = raw.simulation ?? defaults;
  return {
    latencyMs: latency_ms,
    tokensPerSecond: tokens_per_second,
    outputTokens: output_tokens,
    failureRate: failure_rate,
  };
}

/** Throws `KeyProblem` for a type that is known to have no such API. */
function checkResponsesApi({ type, responses_api: isSpoken }: RawBackend, path: KeyPath): void {
  if (isSpoken !== true || (type !== 'anthropic' && type !== 'simulated')) return;
  throw new KeyProblem(
    [...path, 'responses_api'],
    `is true, but a backend of type "${type}" does not speak it; leave it out, and requests are translated`,
  );
}

function buildBackend(raw: RawBackend, env: Environment, path: KeyPath): BackendSettings {
  const apiKeyEnv = raw.api_key_env ?? keyVariableOf(raw.type);
  checkResponsesApi(raw, path);
  return {
    name: raw.name,
    url: buildUrl(raw, path),
    type: raw.type,
    kind: raw.kind ?? kindOf(raw.type),
    priority: raw.priority,
    tier: raw.tier,
    ...(raw.responses_api === undefined ? {} : { responsesApi: raw.responses_api }),
    apiKeyEnv,
    apiKey: apiKeyEnv === null ? null : readSecret(env, apiKeyEnv, [...path, 'api_key_env']),
    models: [...new Set(raw.models)],
    prices: buildPrices(raw, path),
    simulation: buildSimulation(raw, path),
  };
}

/** Throws `KeyProblem`. A backend whose key is not there is left out: the others can still serve. */
export function buildBackends(raws: readonly RawBackend[], env: Environment): BuiltBackends {
  const backends: BackendSettings[] = [];
  const leftOut: LeftOutBackend[] = [];
  const names = new Set<string>();
  for (const [at, raw] of raws.entries()) {
    const path = ['backends', at];
    if (names.has(raw.name)) {
      throw new KeyProblem(
        [...path, 'name'],
        `is ${JSON.stringify(raw.name)}, which another backend has; give each a name of its own`,
      );
    }
    names.add(raw.name);
    const backend = buildBackend(raw, env, path);
    // A variable that the file names is meant to be there. Without one, a server that asks for no key may stand behind
    // the URL: a proxy, or a test.
    if (raw.api_key_env !== undefined && backend.apiKey === null) {
      const reason = `the environment variable ${raw.api_key_env} is not set`;
      leftOut.push({ name: raw.name, type: raw.type, reason });
    } else backends.push(backend);
  }
  return { backends, leftOut };
}
