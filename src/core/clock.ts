/**
 * Time as a port. It has the shape of XState's clock plus two readings, so that the actor system, the ledger and the
 * request path all live on one clock, and a test can move all of them at once.
 */
export interface Clock {
  /** Wall time, Unix milliseconds. May jump either way. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. For durations. */
  monotonicMs(): number;
  /** Any delay is allowed, also beyond 2^31-1 ms. Does not keep the process alive by itself. */
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(handle: unknown): void;
}
