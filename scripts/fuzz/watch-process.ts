/**
 * Loaded into the gateway's process by `--import`, before the gateway: tells how long its event loop was held and how
 * much memory it has. The gateway knows nothing of it.
 */
export type Question = 'read' | 'collect';

export interface Reading {
  /** The longest hold of the event loop since the last reading, in milliseconds of time. */
  readonly loopDelayMs: number;
  /**
   * The most that the event loop worked without a pause, in milliseconds of processor time: the same on a quiet machine,
   * and what is left of it on one that has other things to do.
   */
  readonly loopWorkMs: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
}

const TICK_MS = 10;

function workMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

let loopDelayMs = 0;
let loopWorkMs = 0;
let lastMs = performance.now();
let lastWorkMs = workMs();

function begin(): void {
  loopDelayMs = 0;
  loopWorkMs = 0;
  lastMs = performance.now();
  lastWorkMs = workMs();
}

function tick(): void {
  const nowMs = performance.now();
  const nowWorkMs = workMs();
  loopDelayMs = Math.max(loopDelayMs, nowMs - lastMs - TICK_MS);
  loopWorkMs = Math.max(loopWorkMs, nowWorkMs - lastWorkMs);
  lastMs = nowMs;
  lastWorkMs = nowWorkMs;
}

setInterval(tick, TICK_MS).unref();

// Each message is a question. The one before memory is compared has garbage collected first.
process.on('message', (question: Question) => {
  tick();
  const held = { loopDelayMs, loopWorkMs };
  if (question === 'collect') globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  const reading: Reading = { ...held, rssBytes: rss, heapBytes: heapUsed + external };
  process.send?.(reading);
  // What the collection held up is not the gateway's doing.
  begin();
});
// A channel with a listener keeps a process alive, and this one must end when the gateway does.
process.channel?.unref();
