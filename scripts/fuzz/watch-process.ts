/**
 * Loaded into the gateway's process by `--import`, before the gateway: tells how long its event loop was held and how
 * much memory it has. The gateway knows nothing of it.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

export type Question = 'read' | 'collect';

export interface Reading {
  /** The longest hold of the event loop since the last reading, in milliseconds. */
  readonly loopDelayMs: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
}

const RESOLUTION_MS = 10;
const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
histogram.enable();

// Each message is a question. The one before memory is compared has garbage collected first.
process.on('message', (question: Question) => {
  const loopDelayMs = Math.max(0, histogram.max / 1e6 - RESOLUTION_MS);
  if (question === 'collect') globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  const reading: Reading = { loopDelayMs, rssBytes: rss, heapBytes: heapUsed + external };
  process.send?.(reading);
  // What the collection held up is not the gateway's doing.
  if (question === 'collect') setTimeout(() => histogram.reset(), 50).unref();
  else histogram.reset();
});
// A channel with a listener keeps a process alive, and this one must end when the gateway does.
process.channel?.unref();
