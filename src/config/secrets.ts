/** Keys, read from the environment once. Their values are in no message. */
import { KeyProblem, type KeyPath } from './config-error.ts';
import type { Environment } from './environment.ts';

/** The key in a variable, or null when it is not set or empty. Throws `KeyProblem` when no HTTP header can carry it. */
export function readSecret(env: Environment, variable: string, path: KeyPath): string | null {
  // Files of secrets tend to end with a line break.
  const key = env[variable]?.trim() ?? '';
  if (key === '') return null;
  if (!/^[!-~]+$/.test(key)) {
    throw new KeyProblem(
      path,
      `names ${variable}, whose value has spaces, line breaks or letters that no key has; set it to the key alone`,
    );
  }
  return key;
}
