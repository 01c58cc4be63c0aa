/**
 * Faults to be found: each is a small change of the engine's sources that somebody could make by mistake. `find` must
 * occur exactly once in its file, so that a mutant which no longer fits the source is noticed.
 */
interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Mutant {
  readonly name: string;
  readonly edits: readonly Edit[];
}

/** One change in one file. */
export function mutant(name: string, file: string, find: string, replace: string): Mutant {
  return { name, edits: [{ file, find, replace }] };
}
