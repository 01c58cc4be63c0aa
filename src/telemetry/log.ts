/** The gateway's log, on winston. */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { WriteStream } from 'node:tty';
import winston from 'winston';
import type { Log, LogFields } from '../core/log.ts';
import type { Settings } from '../core/settings.ts';
import { openLogFile } from './log-file.ts';
import { lineWriter, type LineStyle, type LogEntry, type LogLevel } from './log-line.ts';

const RANK = { error: 0, warn: 1, info: 2, debug: 3 } as const satisfies Record<LogLevel, number>;
const NO_FIELDS: LogFields = Object.freeze({});

/** A log that has an end. */
export interface ClosableLog extends Log {
  /** Resolves when every line is written out. Lines that come later are dropped. */
  close(): Promise<void>;
}

function ignoreError(): void {
  // A reader that went away (`nexus serve | head`) must not take the gateway with it.
}

function hasColors(stream: Writable): boolean {
  // Node's own answer minds NO_COLOR and the kind of terminal; only terminals have it.
  return 'hasColors' in stream && (stream as WriteStream).hasColors();
}

/**
 * The entry travels whole in one property: winston appends a meta key named `message` to the message, and turns Errors
 * into `{}`, so it is given nothing to merge.
 */
function transportTo(stream: Writable, style: LineStyle): winston.transport {
  const write = lineWriter(style);
  const format = winston.format.printf((info) => write(info['entry'] as LogEntry));
  return new winston.transports.Stream({ stream, format, eol: '\n' });
}

/**
 * Makes the log. Lines go to `stream` in the configured format and, where there is a `file`, to it as JSON as well.
 * `secrets` are configured keys, which are never written. Throws when the file can not be opened.
 */
export function createLog(
  settings: Settings['logging'],
  stream: Writable = process.stdout,
  secrets: readonly string[] = [],
): ClosableLog {
  const file = settings.file === null ? null : openLogFile(settings.file);
  const transports = [
    transportTo(stream, { format: settings.format, hasColors: hasColors(stream), secrets }),
    ...(file === null ? [] : [transportTo(file, { format: 'json', hasColors: false, secrets })]),
  ];
  const logger = winston.createLogger({
    level: settings.level,
    levels: RANK,
    // Each transport writes its own lines; winston's default would make JSON of every entry first.
    format: winston.format((info) => info)(),
    transports,
  });
  const highest = RANK[settings.level];
  let isOpen = true;
  stream.on('error', ignoreError);
  const write = (level: LogLevel, message: string, fields: LogFields): void => {
    const entry: LogEntry = { atMs: Date.now(), level, message, fields };
    if (isOpen) logger.log({ level, message, entry });
  };
  /** A level that is not written costs a call of nothing: the comparison is made here, once. */
  const writer = (level: LogLevel): Log['info'] =>
    RANK[level] > highest
      ? () => undefined
      : (message, fields = NO_FIELDS) => write(level, message, fields);
  return {
    error: writer('error'),
    warn: writer('warn'),
    info: writer('info'),
    debug: writer('debug'),
    async close() {
      if (!isOpen) return;
      isOpen = false;
      const finished = once(logger, 'finish');
      logger.end();
      await finished;
      await written(stream, (done) => stream.write('', done));
      if (file !== null) await written(file, (done) => file.end(done));
      stream.off('error', ignoreError);
    },
  };
}

/** Waits until what was given to a stream is out. A stream that broke, or whose reader left, has nothing to wait for. */
async function written(stream: Writable, flush: (done: () => void) => void): Promise<void> {
  if (stream.destroyed || stream.errored !== null || stream.writableEnded) return;
  await new Promise<void>((resolve) => flush(resolve));
}
