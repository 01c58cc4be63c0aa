/** `[[alerts.webhooks]]`: what the schema can not say of them, and the form in which the gateway uses them. */
import type { Settings, WebhookSettings } from '../core/settings.ts';
import { KeyProblem, type KeyPath } from './config-error.ts';
import type { Environment } from './environment.ts';
import type { RawConfig, RawWebhook } from './raw-config.ts';
import { readSecret } from './secrets.ts';

const PREFIX = 'whsec_';

/** The path and the query of a webhook are often its password, so no message repeats them. */
function parseUrl(text: string, path: KeyPath): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new KeyProblem(path, 'is no URL that begins with http:// or https://');
  }
  if (url.username !== '' || url.password !== '') {
    throw new KeyProblem(
      path,
      'holds a user name or a password, which is not sent; the receiver can check the signature instead',
    );
  }
  return url;
}

function secretOf({ secret_env: variable }: RawWebhook, env: Environment, path: KeyPath): string {
  const secret = readSecret(env, variable, path);
  if (secret === null) {
    throw new KeyProblem(
      path,
      `names ${variable}, which is not set; set it, or take the webhook out`,
    );
  }
  // What is no base64 would be decoded to something, and no receiver would ever agree with the signature.
  if (secret.startsWith(PREFIX) && !/^[A-Za-z0-9+/]+={0,2}$/.test(secret.slice(PREFIX.length))) {
    throw new KeyProblem(
      path,
      `names ${variable}, whose value begins with ${PREFIX} but does not go on in base64; take the secret as its issuer gave it`,
    );
  }
  return secret;
}

function buildWebhook(raw: RawWebhook, at: number, env: Environment): WebhookSettings {
  const path = ['alerts', 'webhooks', at];
  const url = parseUrl(raw.url, [...path, 'url']);
  return {
    name: raw.name ?? url.host,
    url: url.href,
    secretEnv: raw.secret_env,
    secret: secretOf(raw, env, [...path, 'secret_env']),
    thresholdsPercent: [...new Set(raw.thresholds_percent)].toSorted((a, b) => a - b),
    events: raw.events,
    timeoutSeconds: raw.timeout_seconds,
    maxAttempts: raw.max_attempts,
  };
}

/** Throws `KeyProblem`. */
export function buildAlerts(raw: RawConfig['alerts'], env: Environment): Settings['alerts'] {
  const webhooks = raw.webhooks.map((webhook, at) => buildWebhook(webhook, at, env));
  for (const [at, { name }] of webhooks.entries()) {
    if (webhooks.findIndex((other) => other.name === name) === at) continue;
    throw new KeyProblem(
      ['alerts', 'webhooks', at, 'name'],
      `is ${JSON.stringify(name)} for the second time; give each webhook a name of its own`,
    );
  }
  return { webhooks };
}
