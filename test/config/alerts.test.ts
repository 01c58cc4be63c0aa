import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeSettings } from '../../src/config/describe-settings.ts';
import { loadConfig, type LoadedConfig } from '../../src/config/load-config.ts';
import { TomlFiles } from '../support/toml-files.ts';

let files: TomlFiles;
beforeAll(() => {
  files = new TomlFiles();
});
afterAll(() => files.remove());

const BUDGET = '[routing.budget]\nmonthly_limit_usd = 10\n';

function load(text: string, env: Record<string, string> = { ALERT_SECRET: 'hush' }): LoadedConfig {
  return loadConfig({ path: files.write(text), env });
}

/** A webhook of these lines, beside a URL and a secret where they have none. */
function webhook(...lines: readonly string[]): string {
  const usual = ['url = "https://alerts.example.com/T0/hidden"', 'secret_env = "ALERT_SECRET"'];
  const kept = usual.filter((line) => !lines.some((own) => own.startsWith(line.slice(0, 4))));
  return ['[[alerts.webhooks]]', ...kept, ...lines, ''].join('\n');
}

describe('a webhook', () => {
  it('is a URL and the variable of its secret', () => {
    const { settings, warnings } = load(BUDGET + webhook());

    expect(settings.alerts.webhooks).toEqual([
      {
        name: 'alerts.example.com',
        url: 'https://alerts.example.com/T0/hidden',
        secretEnv: 'ALERT_SECRET',
        secret: 'hush',
        thresholdsPercent: [50, 80, 100],
        events: ['threshold', 'month_rollover', 'drift', 'hard_limit'],
        timeoutSeconds: 10,
        maxAttempts: 12,
      },
    ]);
    expect(warnings).toEqual([]);
  });

  it('may have its secret in a variable that begins like those of the gateway', () => {
    const { settings } = load(BUDGET + webhook('secret_env = "NEXUS_ALERT_SECRET"'), {
      NEXUS_ALERT_SECRET: 'hush',
    });

    expect(settings.alerts.webhooks[0]?.secret).toBe('hush');
  });

  it('has thresholds in order and each once', () => {
    const { settings } = load(BUDGET + webhook('thresholds_percent = [90, 12.5, 90, 150]'));

    expect(settings.alerts.webhooks[0]?.thresholdsPercent).toEqual([12.5, 90, 150]);
  });

  it('shows neither its secret nor its path', () => {
    const { settings } = load(BUDGET + webhook());
    const shown = JSON.stringify(describeSettings(settings));

    expect(shown).not.toMatch(/hush|hidden/);
    expect(describeSettings(settings)).toMatchObject({
      alerts: {
        webhooks: [
          {
            url: 'https://alerts.example.com/...',
            secret_env: 'ALERT_SECRET',
            secret: 'set',
            thresholds_percent: [50, 80, 100],
          },
        ],
      },
    });
  });

  it('without a budget is warned of', () => {
    expect(load(webhook()).warnings).toEqual([
      'there are alerts.webhooks but no budget, so nothing but the turn of the month is told',
    ]);
  });

  it.each([
    [
      webhook('url = "alerts.example.com/hidden"'),
      'alerts.webhooks[0].url is no URL that begins with http:// or https://',
    ],
    [
      webhook('url = "ftp://example.com/hidden"'),
      'alerts.webhooks[0].url is no URL that begins with',
    ],
    [
      webhook('url = "https://me:hidden@example.com"'),
      'alerts.webhooks[0].url holds a user name or a password',
    ],
    [
      webhook('secret_env = "NOT_THERE"'),
      'alerts.webhooks[0].secret_env names NOT_THERE, which is not set',
    ],
    [
      webhook('secret_env = "it is hidden"'),
      'alerts.webhooks[0].secret_env is no name of an environment variable',
    ],
    [
      webhook('thresholds_percent = [0]'),
      'alerts.webhooks[0].thresholds_percent[0] is 0; use a number above 0 and up to 1000',
    ],
    [webhook('events = ["treshold"]'), 'alerts.webhooks[0].events[0] is "treshold"'],
    [webhook('event = ["drift"]'), 'did you mean alerts.webhooks[0].events'],
    [webhook() + webhook(), 'alerts.webhooks[1].name is "alerts.example.com" for the second time'],
    ['[[alerts.webhooks]]\nurl = "https://x.example"', 'alerts.webhooks[0].secret_env is missing'],
  ])('that can not be used stops the start: %s', (text, message) => {
    const attempt = (): unknown => load(BUDGET + text);

    expect(attempt).toThrow(message);
    expect(attempt).not.toThrow(/hidden/);
  });

  it('whose secret says base64 and is none stops the start', () => {
    expect(() => load(BUDGET + webhook(), { ALERT_SECRET: 'whsec_not-base64!' })).toThrow(
      'begins with whsec_ but does not go on in base64',
    );
  });
});
