/** Being asked to stop: by a supervisor (SIGTERM) or at the terminal (SIGINT). */

/**
 * One press of Ctrl-C under `npm start` arrives twice: from the terminal, which signals the whole group, and from npm,
 * which passes its own on within a few milliseconds. A second signal that is meant takes longer than this.
 */
const SAME_PRESS_MS = 100;

/**
 * Aborted by the first signal. A second one ends the process at once with 130, whatever is still going on: the way out
 * when an orderly stop hangs.
 */
export function listenForStop(): AbortSignal {
  const controller = new AbortController();
  let firstAtMs: number | null = null;
  const hear = (): void => {
    const nowMs = performance.now();
    if (firstAtMs === null) {
      firstAtMs = nowMs;
      controller.abort();
    } else if (nowMs - firstAtMs > SAME_PRESS_MS) process.exit(130);
  };
  process.on('SIGTERM', hear);
  process.on('SIGINT', hear);
  return controller.signal;
}

/** Resolves when `signal` is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
