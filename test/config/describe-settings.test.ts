import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeSettings } from '../../src/config/describe-settings.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { TomlFiles } from '../support/toml-files.ts';

let files: TomlFiles;
beforeAll(() => {
  files = new TomlFiles();
});
afterAll(() => files.remove());

const TEXT = `
[server]
api_key_env = "DOOR"
[routing.budget]
monthly_limit_usd = 12.5
[[routing.policies]]
model_pattern = "*"
max_cost_per_request = 0.25
[[routing.policies]]
model_pattern = "a"
[[backends]]
name = "cloud"
type = "openai"
url = "https://api.openai.com/v1"
[backends.prices."gpt-*"]
input = 0.15
output = 0.6
per_request = 0.001
max_output_tokens = 100
[[backends]]
name = "box"
type = "vllm"
url = "http://box"
[[backends]]
name = "play"
type = "simulated"
models = ["m"]
`;

function described(): Record<string, unknown> {
  const { settings } = loadConfig({
    path: files.write(TEXT),
    env: { DOOR: 'hush-door', OPENAI_API_KEY: 'hush-key' },
  });
  return JSON.parse(JSON.stringify(describeSettings(settings))) as Record<string, unknown>;
}

describe('settings for people to read', () => {
  it('hold no key, only whether there is one', () => {
    const shown = described();

    expect(JSON.stringify(shown)).not.toMatch('hush');
    expect(shown['server']).toMatchObject({ api_key: 'set' });
    expect(shown['backends']).toMatchObject([
      { api_key_env: 'OPENAI_API_KEY', api_key: 'set' },
      {},
      {},
    ]);
    expect(describeSettings(loadConfig({ env: {} }).settings)).toMatchObject({
      server: { api_key: 'not set' },
    });
  });

  it('are spelled as in the file, with exact amounts', () => {
    expect(described()).toMatchObject({
      metrics: { port: null },
      routing: {
        budget: { monthly_limit_usd: '12.5', soft_limit_percent: 75 },
        policies: [
          { model_pattern: '*', max_cost_per_request: '0.25' },
          { model_pattern: 'a', min_tier: 1 },
        ],
      },
      backends: [
        {
          name: 'cloud',
          url: 'https://api.openai.com',
          prices: {
            'gpt-*': { input: 0.15, output: 0.6, per_request: '0.001', max_output_tokens: 100 },
          },
        },
        { name: 'box', kind: 'local' },
        { name: 'play', models: ['m'], simulation: { output_tokens: 64 } },
      ],
    });
  });

  it('have no line for what there is not', () => {
    const [cloud, box, play] = described()['backends'] as readonly object[];

    expect(Object.keys(cloud ?? {})).not.toContain('simulation');
    expect(Object.keys(box ?? {})).not.toContain('api_key');
    expect(Object.keys(play ?? {})).not.toContain('url');
  });
});
