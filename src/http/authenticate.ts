/** The key that clients present to the gateway. It is compared here and never travels further. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler } from 'express';
import { GatewayError } from '../core/errors.ts';

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Lets a request pass that carries the key as `Authorization: Bearer` or `x-api-key`; everybody when no key is configured. */
export function authenticate(apiKey: string | null): RequestHandler {
  const expected = apiKey === null ? null : digest(apiKey);
  return function authentication(request, _response, next) {
    if (expected === null) return next();
    const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    const given = bearer ?? request.headers['x-api-key']?.toString();
    // Digests have one length, so the comparison tells nothing about the key, not even its length.
    if (given !== undefined && timingSafeEqual(digest(given.trim()), expected)) return next();
    throw new GatewayError(
      'unauthorized',
      given === undefined
        ? 'This gateway asks for a key. Send it as "Authorization: Bearer <key>".'
        : 'The key is not the one this gateway expects. Check [server] api_key_env at the gateway and the key of the client.',
    );
  };
}
