import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { discoverBackends } from '../../src/config/discover-backends.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { TomlFiles } from '../support/toml-files.ts';

let files: TomlFiles;
beforeAll(() => {
  files = new TomlFiles();
});
afterAll(() => files.remove());

const KEYS = { OPENAI_API_KEY: 'sk-o', ANTHROPIC_API_KEY: 'sk-a', GEMINI_API_KEY: 'g' };

interface Probe {
  readonly asked: string[];
  readonly answers: (url: string) => Promise<boolean>;
}

function probe(isThere: boolean): Probe {
  const asked: string[] = [];
  return {
    asked,
    answers: async (url) => {
      asked.push(url);
      return isThere;
    },
  };
}

async function discover(
  env: Readonly<Record<string, string>>,
  ollama = probe(false),
  text?: string,
) {
  const loaded = loadConfig(text === undefined ? { env } : { path: files.write(text), env });
  return { ...(await discoverBackends(loaded, env, ollama.answers)), loaded };
}

describe('without a file', () => {
  it('nothing is found where there is nothing', async () => {
    const { settings, found, warnings, loaded } = await discover({});

    expect({ found, warnings }).toEqual({ found: [], warnings: [] });
    expect(settings).toBe(loaded.settings);
  });

  it('Ollama is found when it answers on its usual port', async () => {
    const ollama = probe(true);
    const { settings } = await discover({}, ollama);

    expect(ollama.asked).toEqual(['http://127.0.0.1:11434']);
    expect(settings.backends).toEqual([
      {
        name: 'ollama',
        type: 'ollama',
        url: 'http://127.0.0.1:11434',
        kind: 'local',
        priority: 50,
        tier: 1,
        apiKeyEnv: null,
        apiKey: null,
        models: [],
        prices: {},
        simulation: null,
      },
    ]);
  });

  it('providers are found by their keys', async () => {
    const { settings, found } = await discover(KEYS);

    expect(found).toEqual(settings.backends);
    expect(settings.backends).toMatchObject([
      {
        name: 'openai',
        type: 'openai',
        kind: 'cloud',
        url: 'https://api.openai.com',
        apiKeyEnv: 'OPENAI_API_KEY',
        apiKey: 'sk-o',
      },
      { name: 'anthropic', kind: 'cloud', url: 'https://api.anthropic.com', apiKey: 'sk-a' },
      {
        name: 'google',
        kind: 'cloud',
        url: 'https://generativelanguage.googleapis.com',
        apiKey: 'g',
      },
    ]);
  });

  it('the variables of the SDKs say where they are', async () => {
    const ollama = probe(true);
    const { settings } = await discover(
      {
        ...KEYS,
        OLLAMA_HOST: '127.0.0.1:1',
        OPENAI_BASE_URL: 'http://127.0.0.1:2/v1',
        ANTHROPIC_BASE_URL: 'http://127.0.0.1:3',
        GOOGLE_GEMINI_BASE_URL: 'http://127.0.0.1:4/',
      },
      ollama,
    );

    expect(settings.backends.map(({ url }) => url)).toEqual(
      [1, 2, 3, 4].map((port) => `http://127.0.0.1:${port}`),
    );
  });

  it.each([
    ['0.0.0.0', 'http://127.0.0.1:11434'],
    ['0.0.0.0:9', 'http://127.0.0.1:9'],
    ['[::]:9', 'http://127.0.0.1:9'],
    ['box', 'http://box:11434'],
    ['http://box', 'http://box'],
    ['https://box:9/', 'https://box:9'],
    [' ', 'http://127.0.0.1:11434'],
  ])('OLLAMA_HOST=%s is %s', async (host, url) => {
    const ollama = probe(false);
    await discover({ OLLAMA_HOST: host }, ollama);

    expect(ollama.asked).toEqual([url]);
  });

  it('what can not be used is said, without the key, and the rest is found', async () => {
    const { settings, warnings } = await discover({
      ...KEYS,
      OPENAI_BASE_URL: 'ftp://x',
      ANTHROPIC_API_KEY: 'hush hush',
    });

    expect(settings.backends.map(({ name }) => name)).toEqual(['google']);
    expect(warnings).toEqual([
      'openai is not used although the environment names it: is "ftp://x"; use a URL that begins with http:// or https://',
      'anthropic is not used although the environment names it: names ANTHROPIC_API_KEY, whose value has spaces, line breaks or letters that no key has; set it to the key alone',
    ]);
  });

  it('a fault of the probe itself is not hidden', async () => {
    const broken = { asked: [], answers: () => Promise.reject(new TypeError('broken')) };

    await expect(discover({}, broken)).rejects.toThrow('broken');
  });
});

describe('with a file', () => {
  it('nothing is looked for unless the file says so', async () => {
    const ollama = probe(true);
    const { settings } = await discover(KEYS, ollama, '');

    expect(settings.backends).toEqual([]);
    expect(ollama.asked).toEqual([]);
  });

  it('types and names that the file has are left alone, also when they do not run', async () => {
    const ollama = probe(true);
    const { settings } = await discover(
      KEYS,
      ollama,
      `[discovery]
enabled = true
[[backends]]
name = "mine"
type = "openai"
url = "http://127.0.0.1:1"
api_key_env = "NOT_SET"
[[backends]]
name = "anthropic"
type = "generic"
url = "http://127.0.0.1:1"
[[backends]]
name = "gpu"
type = "ollama"
url = "http://127.0.0.1:1"`,
    );

    expect(settings.backends.map(({ name }) => name)).toEqual(['anthropic', 'gpu', 'google']);
    expect(ollama.asked).toEqual([]);
  });

  it('the settings stay frozen', async () => {
    const { settings } = await discover(KEYS);

    expect(Object.isFrozen(settings)).toBe(true);
    expect(Object.isFrozen(settings.backends)).toBe(true);
    expect(settings.backends.every((backend) => Object.isFrozen(backend))).toBe(true);
  });
});
