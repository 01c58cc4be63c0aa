/** Backends that run without being named: Ollama on this machine, and providers whose key is in the environment. */
import type { BackendSettings, BackendType, Settings } from '../core/settings.ts';
import { normalizeBaseUrl, UrlProblem } from './base-url.ts';
import { KeyProblem } from './config-error.ts';
import type { Environment } from './environment.ts';
import type { LoadedConfig } from './load-config.ts';
import { kindOf, OLLAMA_URL, PROVIDERS, type Provider } from './providers.ts';
import { defaultsOf } from './schema.ts';
import { readSecret } from './secrets.ts';

export interface Discovery {
  /** The settings with what was found; the same object when nothing was. Frozen. */
  readonly settings: Settings;
  readonly found: readonly BackendSettings[];
  /** What would have been used but can not be, a sentence each. */
  readonly warnings: readonly string[];
}

interface Place {
  readonly type: BackendType;
  readonly url: string;
  readonly apiKeyEnv: string | null;
  readonly apiKey: string | null;
}

function backendAt({ type, url, apiKeyEnv, apiKey }: Place): BackendSettings {
  const { priority, tier } = defaultsOf(['backends', 0]) as Pick<
    BackendSettings,
    'priority' | 'tier'
  >;
  return Object.freeze<BackendSettings>({
    name: type,
    url,
    type,
    kind: kindOf(type),
    priority,
    tier,
    apiKeyEnv,
    apiKey,
    models: Object.freeze([]),
    prices: Object.freeze({}),
    simulation: null,
  });
}

/** Ollama's own variable: `127.0.0.1:11434`, `http://host:1`, or `0.0.0.0`, which is where it listens, not where it is. */
function ollamaUrl(env: Environment): string {
  const host = env['OLLAMA_HOST']?.trim() ?? '';
  if (host === '') return OLLAMA_URL;
  const url = new URL(normalizeBaseUrl(host.includes('://') ? host : `http://${host}`));
  if (url.hostname === '0.0.0.0' || url.hostname === '[::]') url.hostname = '127.0.0.1';
  const hasPort = url.port !== '' || host.includes('://');
  if (!hasPort) url.port = '11434';
  return normalizeBaseUrl(url.href);
}

function placeOfProvider(
  { type, keyVariable, urlVariable, url }: Provider,
  env: Environment,
): Place | null {
  const apiKey = readSecret(env, keyVariable, [keyVariable]);
  if (apiKey === null) return null;
  return {
    type,
    url: normalizeBaseUrl(env[urlVariable]?.trim() || url),
    apiKeyEnv: keyVariable,
    apiKey,
  };
}

/**
 * Looks for backends of types and names that the configuration does not have, whether in use or left out.
 * `answers` is asked for Ollama only, and has to come to an answer quickly by itself. Never throws.
 */
export async function discoverBackends(
  { settings, discovery, leftOut }: LoadedConfig,
  env: Environment,
  answers: (url: string) => Promise<boolean>,
): Promise<Discovery> {
  const found: BackendSettings[] = [];
  const warnings: string[] = [];
  const known = new Set<string>(
    [...settings.backends, ...leftOut].flatMap(({ name, type }) => [name, type]),
  );
  const look = async (
    type: BackendType,
    find: () => Place | null | Promise<Place | null>,
  ): Promise<void> => {
    if (known.has(type)) return;
    try {
      const place = await find();
      if (place !== null) found.push(backendAt(place));
    } catch (error) {
      if (!(error instanceof UrlProblem || error instanceof KeyProblem)) throw error;
      warnings.push(`${type} is not used although the environment names it: ${error.message}`);
    }
  };
  if (!discovery) return { settings, found, warnings };
  await look('ollama', async () => {
    const url = ollamaUrl(env);
    return (await answers(url)) ? { type: 'ollama', url, apiKeyEnv: null, apiKey: null } : null;
  });
  for (const provider of PROVIDERS) await look(provider.type, () => placeOfProvider(provider, env));
  if (found.length === 0) return { settings, found, warnings };
  const backends = Object.freeze([...settings.backends, ...found]);
  return { settings: Object.freeze({ ...settings, backends }), found, warnings };
}
