/** The program of a worker's process: it says that it is there, and is told what to do. */
import type { Down, Up } from './messages.ts';
import { Line } from './line.ts';
import { startWorker, type RunningWorker } from './worker.ts';

function send(message: Up, sent: () => void = () => undefined): void {
  // Without the primary this process ends by itself, so there is nobody to tell of a failure.
  process.send?.(message, undefined, undefined, sent);
}

let line: Line | null = null;
let running: RunningWorker | null = null;
/** What was said while the worker was starting. */
let waiting: Down[] = [];

async function begin(message: Extract<Down, { kind: 'begin' }>): Promise<void> {
  line = new Line(message.standing, send);
  try {
    running = await startWorker(message, line);
    send({ kind: 'listening' });
    const said = waiting;
    waiting = [];
    for (const each of said) obey(running, each);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    send({ kind: 'failed', reason }, () => process.exit(1));
  }
}

/** Stays after that: on connections that are open the gateway still tells that it is not ready. */
async function drain(worker: RunningWorker): Promise<void> {
  await worker.drain();
  send({ kind: 'drained' });
}

function end(): void {
  line?.flush();
  // The callback comes when everything that was said before is written out.
  send({ kind: 'drained' }, () => process.exit(0));
}

function obey(worker: RunningWorker, message: Down): void {
  if (message.kind === 'clock') worker.clockMoved(message.nowMs);
  if (message.kind === 'drain') void drain(worker);
}

function hear(message: Down): void {
  switch (message.kind) {
    case 'begin':
      void begin(message);
      break;
    case 'answers':
      line?.heard(message.answers, message.standing);
      break;
    case 'standing':
      line?.heard([], message.standing);
      break;
    case 'end':
      end();
      break;
    case 'clock':
    case 'drain':
      if (running === null) waiting.push(message);
      else obey(running, message);
  }
}

// The terminal signals the whole group; the primary hears it too, and says what to do.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('message', hear);
send({ kind: 'here' });
