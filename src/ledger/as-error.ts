/** Whatever was thrown, as an error for logs and causes. Errors of another realm, such as a test's, count as errors too. */
export function asError(thrown: unknown): Error {
  return Error.isError(thrown) ? thrown : new Error(String(thrown));
}
