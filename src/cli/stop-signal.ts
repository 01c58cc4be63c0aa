/** Being asked to stop, by a supervisor (SIGTERM) or at the terminal (SIGINT), or to read the config again (SIGHUP). */
import { closeSync, openSync } from 'node:fs';

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

/** The terminal of this process was closed, or there never was one. */
function isWithoutTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return false;
  } catch {
    return true;
  }
}

/**
 * Calls `reload` at SIGHUP. The same signal says that a terminal was closed: who runs a gateway in a window and closes
 * it wants it to end, in order, not to go on unseen.
 */
export function onHangUp(reload: () => void): void {
  const hadTerminal = !isWithoutTerminal();
  process.on('SIGHUP', () => {
    if (hadTerminal && isWithoutTerminal()) process.kill(process.pid, 'SIGTERM');
    else reload();
  });
}
