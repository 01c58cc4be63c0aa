/** Clients that try again wait for seconds in between, by rules of their own. */
import { jest } from '@jest/globals';

/** Makes those pauses short, until mocks are restored. Every other timer keeps its time. */
export function hurryBackOff(): void {
  const real = globalThis.setTimeout;
  const hurried = (run: () => void, ms = 0, ...rest: unknown[]): NodeJS.Timeout =>
    real(run, ms >= 500 && ms <= 200_000 ? ms / 1000 : ms, ...(rest as []));
  jest.spyOn(globalThis, 'setTimeout').mockImplementation(hurried);
}
