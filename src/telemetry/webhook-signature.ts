/** The signature of a webhook, in the form of Standard Webhooks (standardwebhooks.com), for which receivers have libraries. */
import { createHmac } from 'node:crypto';

const BASE64_PREFIX = 'whsec_';

/** Issued secrets are base64 behind their prefix; any other is a password that somebody chose, and is its own bytes. */
function keyOf(secret: string): Buffer {
  return secret.startsWith(BASE64_PREFIX)
    ? Buffer.from(secret.slice(BASE64_PREFIX.length), 'base64')
    : Buffer.from(secret, 'utf8');
}

/**
 * The headers that prove where a body comes from. The id stays the same when a message is sent again, so that a receiver
 * can leave out what it has; the time (Unix seconds) does not, so that it can refuse what is old.
 */
export function signatureHeaders(
  secret: string,
  id: string,
  atSeconds: number,
  body: string,
): Readonly<Record<string, string>> {
  const signature = createHmac('sha256', keyOf(secret))
    .update(`${id}.${atSeconds}.${body}`)
    .digest('base64');
  return {
    'webhook-id': id,
    'webhook-timestamp': String(atSeconds),
    'webhook-signature': `v1,${signature}`,
  };
}
