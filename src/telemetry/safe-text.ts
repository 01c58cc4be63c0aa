/** What may reach a log: no keys, and nothing that could end a line, move a cursor or change the reading direction. */

export const REDACTED = '[redacted]';

/**
 * Shapes of credentials: keys of providers by their prefixes, header values, query parameters, and the user part of a
 * URL. Order matters: a scheme such as `Bearer` goes with its value before `authorization:` is looked at.
 */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/\b(sk|pk|rk|xai|pplx|nvapi)-[\w-]{8,}/g, `$1-${REDACTED}`],
  [/\b(gsk|hf|ghp|github_pat|r8)_\w{16,}/g, `$1_${REDACTED}`],
  [/\bAIza[\w-]{20,}/g, REDACTED],
  [/\b(bearer|basic)\s+[\w.~+/=-]{4,}/gi, `$1 ${REDACTED}`],
  [
    /\b((?:x-)?(?:goog-)?api[-_]?key|authorization|access_token|key|secret|password)(["']?\s*[:=]\s*["']?)[^\s"'&,;}]{4,}/gi,
    `$1$2${REDACTED}`,
  ],
  [/(:\/\/)[^\s/@]+@/g, `$1${REDACTED}@`],
];

/** A quick look that lets ordinary text, ids and model names among it, pass without trying every shape on it. */
const MAYBE_SECRET =
  /\b(?:sk|pk|rk|xai|pplx|nvapi)-|\b(?:gsk|hf|ghp|github_pat|r8)_|AIza|bearer|basic|key|authorization|access_token|secret|password|@/i;

/** Replaces what looks like a credential, and every one of `known`, which are the credentials that are configured. */
export function redact(text: string, known: readonly string[] = []): string {
  let safe = text;
  for (const secret of known) safe = safe.replaceAll(secret, REDACTED);
  if (!MAYBE_SECRET.test(safe)) return safe;
  for (const [shape, replacement] of SECRETS) safe = safe.replace(shape, replacement);
  return safe;
}

/** True when `redact` would certainly leave the text as it is. */
export function isPlain(text: string, known: readonly string[]): boolean {
  return !MAYBE_SECRET.test(text) && !known.some((secret) => text.includes(secret));
}

/** Names of fields are written in the code, so they are few. */
const secretNames = new Map<string, boolean>();

/** True for the name of a field whose value is a credential, whatever that looks like. */
export function isSecretName(name: string): boolean {
  let isSecret = secretNames.get(name);
  if (isSecret === undefined) {
    isSecret = /(api[-_]?key|authorization|password|secret|token)$/i.test(name);
    secretNames.set(name, isSecret);
  }
  return isSecret;
}

/** Control and format characters (terminal escapes, bidirectional overrides), line separators, halves of surrogates. */
const PRINTABLE = /^[\x20-\x7e]*$/;
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escapeCharacter(character: string): string {
  const short = SHORT_ESCAPES[character];
  if (short !== undefined) return short;
  const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

/**
 * Writes unsafe characters as `\n` or `\u009b`. Text that a client chose (a model name) can then not forge a line of
 * its own or speak to the terminal that shows it. The escapes are also JSON's, so JSON stays JSON.
 */
export function escapeUnsafe(text: string): string {
  // Nearly every line is plain ASCII, which this sees ten times as fast as a search for Unicode properties.
  return PRINTABLE.test(text) ? text : text.replace(UNSAFE, escapeCharacter);
}

/** Cuts text to about `most` characters and says how many are missing. */
export function shorten(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)}... (${text.length - most} more)`;
}
