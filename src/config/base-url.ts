/** Base URLs of backends, in the one form that the rest of the gateway expects. */

/** A URL that is no base URL of a backend. The message continues a sentence that begins with the place. */
export class UrlProblem extends Error {
  override readonly name = 'UrlProblem';
}

/**
 * The base URL without a trailing slash and without a `/v1` at its end: SDKs want it, the gateway adds it by itself.
 * Throws `UrlProblem`, never with the URL's credentials in it.
 */
export function normalizeBaseUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new UrlProblem(
      `is ${JSON.stringify(text)}, which is no URL; use one like http://127.0.0.1:11434`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new UrlProblem(
      'holds a user name or a password; take it out and name an environment variable in api_key_env',
    );
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new UrlProblem(
      `is ${JSON.stringify(text)}; use a URL that begins with http:// or https://`,
    );
  }
  if (url.search !== '' || url.hash !== '') {
    throw new UrlProblem('has a ? or a # part; leave it out, only the base is wanted');
  }
  return `${url.origin}${url.pathname}`
    .replace(/\/+$/, '')
    .replace(/\/v1$/, '')
    .replace(/\/+$/, '');
}
