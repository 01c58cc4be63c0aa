/** Which keys a running gateway names as waiting for a restart. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { changedKeys } from '../../src/config/changed-keys.ts';
import { loadConfig, type LoadedConfig } from '../../src/config/load-config.ts';
import { TomlFiles } from '../support/toml-files.ts';

let files: TomlFiles;
beforeAll(() => {
  files = new TomlFiles();
});
afterAll(() => files.remove());

const ENV = { HOOK_SECRET: 'a-long-secret-of-a-test', OTHER_SECRET: 'another-secret-of-a-test' };
const A = '[[backends]]\nname = "a"\ntype = "vllm"\nurl = "http://127.0.0.1:1"\n';
const B = '[[backends]]\nname = "b"\ntype = "vllm"\nurl = "http://127.0.0.1:2"\n';
const HOOK =
  '[[alerts.webhooks]]\nname = "on-call"\nurl = "https://alerts.test/secret-path"\nsecret_env = "HOOK_SECRET"\n';

function load(text: string): LoadedConfig {
  return loadConfig({ path: files.write(text), env: ENV });
}

it.each([
  ['nothing', '', '', []],
  ['what is the default anyway', '', '[server]\nport = 8000\n', []],
  ['a price', A, `${A}prices = { "*" = { input = 1, output = 2 } }\n`, []],
  ['the order of backends', A + B, B + A, []],
  [
    'keys of sections',
    '',
    '[server]\nport = 1\n[logging]\nlevel = "warn"\n',
    ['server.port', 'logging.level'],
  ],
  ['a key of one backend', A + B, A + B.replace(':2', ':3'), ['backends.b.url']],
  ['a backend more, and one less', A, B, ['backends.a', 'backends.b']],
  ['a list', `${A}models = ["x"]\n`, `${A}models = ["x", "y"]\n`, ['backends.a.models']],
  ['a budget', '', '[routing.budget]\nmonthly_limit_usd = 1\n', ['routing.budget']],
  ['a member of a map', '', '[routing.aliases]\n"gpt 4" = "x"\n', ['routing.aliases."gpt 4"']],
  ['discovery', '', '[discovery]\nenabled = true\n', ['discovery.enabled']],
  [
    'the secret path of a webhook',
    HOOK,
    HOOK.replace('secret-path', 'x'),
    ['alerts.webhooks.on-call'],
  ],
  ['its secret', HOOK, HOOK.replace('HOOK_', 'OTHER_'), ['alerts.webhooks.on-call']],
])('%s', (_words, before, after, keys) => {
  expect(changedKeys(load(before), load(after))).toEqual(keys);
});
