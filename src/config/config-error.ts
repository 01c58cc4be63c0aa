/** What can be wrong with a configuration. Nothing of it ever holds a key's value. */

/** A configuration that can not be used. The message is one line: where, which key, what is wrong, what to write instead. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** A place in the document: table keys and list positions. */
export type KeyPath = readonly (string | number)[];

/** A fault at a key, before it is known where the key's value came from. */
export class KeyProblem extends Error {
  override readonly name = 'KeyProblem';
  readonly path: KeyPath;

  /** `problem` continues the sentence that the key begins: `is 120; use a number up to 100`. */
  constructor(path: KeyPath, problem: string) {
    super(problem);
    this.path = path;
  }
}

/** A key as it is written in TOML: `routing.budget.timezone`, `backends[0].prices."gpt-4*".input`. */
export function dottedKey(path: KeyPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += `${text === '' ? '' : '.'}${/^[\w-]+$/.test(part) ? part : JSON.stringify(part)}`;
  }
  return text;
}
