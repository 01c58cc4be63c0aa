/** What went wrong, in words: anything may be thrown, and not everything that is thrown is an `Error`. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
