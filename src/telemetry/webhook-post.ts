/** One POST of one alert, and what its answer means. */
import type { Clock } from '../core/clock.ts';
import type { WebhookSettings } from '../core/settings.ts';
import type { Alert } from './alert.ts';
import { signatureHeaders } from './webhook-signature.ts';

export type PostResult =
  | { readonly kind: 'delivered' }
  /** `afterMs`: the receiver's own wish, 0 when it has none. */
  | { readonly kind: 'again'; readonly reason: string; readonly afterMs: number }
  /** The receiver will not take it, however often it is sent. */
  | { readonly kind: 'refused'; readonly reason: string };

/** Statuses below 500 after which another try can go better. */
const TEMPORARY = [408, 425, 429];

function resultOf(response: Response): PostResult {
  const { status } = response;
  if (response.ok) return { kind: 'delivered' };
  const reason = `answered ${status}`;
  // A redirect is not followed: the signature is for this receiver.
  if (status < 500 && !TEMPORARY.includes(status)) return { kind: 'refused', reason };
  const seconds = Number(response.headers.get('retry-after') ?? 0);
  return { kind: 'again', reason, afterMs: seconds > 0 ? seconds * 1000 : 0 };
}

/** Why there was no answer, without the URL: its path may be a secret. */
function reasonOf(error: unknown, isTimedOut: boolean): string {
  if (isTimedOut) return 'no answer in time';
  const cause: unknown = Error.isError(error) ? (error.cause ?? error) : error;
  if (!Error.isError(cause)) return 'no answer';
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name;
}

/** Sends an alert once. Never rejects; `signal` gives it up. Real time decides over the timeout. */
export async function postAlert(
  { url, secret, timeoutSeconds }: WebhookSettings,
  alert: Alert,
  clock: Clock,
  signal: AbortSignal,
): Promise<PostResult> {
  const body = JSON.stringify(alert);
  const timeout = new AbortController();
  const timer = clock.setTimeout(() => timeout.abort(), timeoutSeconds * 1000);
  try {
    const response = await fetch(url, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json',
        'user-agent': `Nexus/${alert.nexus_version}`,
        ...signatureHeaders(secret, alert.id, Math.floor(clock.now() / 1000), body),
      },
      redirect: 'manual',
      signal: AbortSignal.any([signal, timeout.signal]),
    });
    // What a receiver says beside its status is not wanted; a body that is not read would keep its connection.
    await response.body?.cancel();
    return resultOf(response);
  } catch (error) {
    return { kind: 'again', reason: reasonOf(error, timeout.signal.aborted), afterMs: 0 };
  } finally {
    clock.clearTimeout(timer);
  }
}
