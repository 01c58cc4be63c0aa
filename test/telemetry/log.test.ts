import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it, jest } from '@jest/globals';
import type { Log } from '../../src/core/log.ts';
import type { Settings } from '../../src/core/settings.ts';
import { createLog } from '../../src/telemetry/log.ts';

type Logging = Settings['logging'];

/** What a log writes to its stream. */
async function written(
  write: (log: Log) => void,
  settings: Partial<Logging> = {},
  secrets: readonly string[] = [],
): Promise<string> {
  const stream = new PassThrough();
  const log = createLog(
    { level: 'info', format: 'json', file: null, ...settings },
    stream,
    secrets,
  );
  write(log);
  await log.close();
  return String(stream.read() ?? '');
}

async function entry(
  write: (log: Log) => void,
  secrets?: readonly string[],
): Promise<Record<string, unknown>> {
  return JSON.parse(await written(write, {}, secrets)) as Record<string, unknown>;
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/;

describe('lines', () => {
  it('are JSON objects with the fields apart', async () => {
    const line = await entry((log) =>
      log.info('request', { requestId: 'req_1', status: 200, backend: null, gone: undefined }),
    );
    expect(line).toEqual({
      time: expect.stringMatching(TIME),
      level: 'info',
      message: 'request',
      fields: { requestId: 'req_1', status: 200, backend: null },
    });
  });

  it('are for people where the format is pretty', async () => {
    const text = await written(
      (log) =>
        log.warn('backend is unhealthy', {
          backend: 'ollama',
          reason: 'connection refused',
          tries: 3,
        }),
      { format: 'pretty' },
    );
    expect(text.replace(TIME, 'T')).toBe(
      'T WARN  backend is unhealthy backend=ollama reason="connection refused" tries=3\n',
    );
  });

  it('leave out what is below the level', async () => {
    const write = (log: Log): void => {
      log.error('e');
      log.warn('w');
      log.info('i');
      log.debug('d');
    };
    const messages = async (level: Logging['level']): Promise<string> =>
      (await written(write, { level }))
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { message: string }).message)
        .join('');
    expect(await messages('error')).toBe('e');
    expect(await messages('warn')).toBe('ew');
    expect(await messages('info')).toBe('ewi');
    expect(await messages('debug')).toBe('ewid');
  });

  it('say all of an error, down to its causes', async () => {
    const error = new TypeError('no such table', {
      cause: new Error('disk I/O error', { cause: 'unplugged' }),
    });
    const line = await entry((log) =>
      log.error('the ledger failed', { error: Object.assign(error, { code: 'SQLITE_ERROR' }) }),
    );
    expect(line).toMatchObject({
      message: 'the ledger failed',
      fields: {
        error: {
          name: 'TypeError',
          message: 'no such table',
          code: 'SQLITE_ERROR',
          stack: expect.stringContaining('log.test.ts'),
          cause: { message: 'disk I/O error', cause: 'unplugged' },
        },
      },
    });
    const pretty = await written((log) => log.error('failed', { error }), { format: 'pretty' });
    expect(pretty).toContain('\n    error: TypeError: no such table\n');
    expect(pretty).toContain('\n    caused by: Error: disk I/O error\n');
    expect(pretty).toContain('\n    caused by: unplugged\n');
  });

  it('end at a bounded length, also for an error that is its own cause', async () => {
    const error = new Error('x'.repeat(100_000));
    error.cause = error;
    const text = await written((log) => log.info('long', { text: 'y'.repeat(100_000), error }));
    expect(text.length).toBeLessThan(80_000);
    expect(text).toContain('... (98000 more)');
  });
});

describe('a hostile value', () => {
  const forged = 'gpt\n2026-11-10T12:00:00.000Z INFO  forged';
  const terminal = 'a\u001b[2Jb\u009b31mc\u202ed\u2028e\u007ff';

  it.each(['json', 'pretty'] as const)('can not make a line of its own in %s', async (format) => {
    const text = await written((log) => log.info('request', { model: forged }), { format });
    expect(text.trimEnd().split(/[\n\r]/)).toHaveLength(1);
    const message = await written((log) => log.info(forged), { format });
    expect(message.trimEnd().split(/[\n\r]/)).toHaveLength(1);
  });

  it.each(['json', 'pretty'] as const)('can not speak to the terminal in %s', async (format) => {
    const text = await written((log) => log.info(terminal, { model: terminal }), { format });
    expect(text).toContain('\\u001b[2Jb\\u009b31mc\\u202ed\\u2028e\\u007ff');
    expect(text.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u);
  });

  it('in the text of an error stays indented below its entry', async () => {
    const text = await written((log) => log.error('failed', { error: new Error(forged) }), {
      format: 'pretty',
    });
    for (const line of text.trimEnd().split('\n').slice(1)) expect(line).toMatch(/^ {4}/);
  });

  it('named like a part of the entry stays a field', async () => {
    const line = await entry((log) =>
      log.info('request', { message: 'mangled', level: 'error', time: 'never', entry: 'x' }),
    );
    expect(line).toMatchObject({
      level: 'info',
      message: 'request',
      fields: { message: 'mangled', level: 'error', time: 'never' },
    });
    expect(line['time']).toMatch(TIME);
  });

  it('that is half a character does not break the line', async () => {
    expect(await entry((log) => log.info('half', { text: '\ud800' }))).toMatchObject({
      fields: { text: '\ud800' },
    });
  });
});

describe('a key', () => {
  it.each([
    ['sk-proj-abcDEF123_456-789', 'sk-[redacted]'],
    [
      'Incorrect API key provided: sk-abcdefgh12345678.',
      'Incorrect API key provided: sk-[redacted].',
    ],
    ['Authorization: Bearer abc.def.ghi', 'Authorization: [redacted] [redacted]'],
    ['https://user:pass@example.com/v1', 'https://[redacted]@example.com/v1'],
    [
      'GET /v1beta/models?key=AIzaSyA1234567890&alt=sse',
      'GET /v1beta/models?key=[redacted]&alt=sse',
    ],
    ['AIzaSyA12345678901234567890123456', '[redacted]'],
    ['{"x-api-key":"0123456789abcdef"}', '{"x-api-key":"[redacted]"}'],
    ['xai-0123456789abcdef', 'xai-[redacted]'],
    ['hf_abcdefghijklmnopqrstuvwxyz', 'hf_[redacted]'],
  ])('is not written: %s', async (text, safe) => {
    expect(await entry((log) => log.info(text, { reason: text }))).toMatchObject({
      message: safe,
      fields: { reason: safe },
    });
  });

  it('is not written whatever it looks like when it is configured, or when the field says what it is', async () => {
    const line = await entry(
      (log) => log.info('sent 0123-4567-89ab', { apiKey: 'zzz', inputTokens: 3 }),
      ['0123-4567-89ab'],
    );
    expect(line).toMatchObject({
      message: 'sent [redacted]',
      fields: { apiKey: '[redacted]', inputTokens: 3 },
    });
  });

  it('is not written from an error, its stack or its cause', async () => {
    const text = await written((log) =>
      log.error('failed', {
        error: new Error('sk-abcdefgh12345678', { cause: 'Bearer abcdefgh12345678' }),
      }),
    );
    expect(text).not.toContain('abcdefgh12345678');
  });

  it('is told from ordinary text', async () => {
    const plain = [
      'gpt-4-turbo',
      'req_0123456789abcdef',
      'the key is missing',
      'mail to a@b',
      'claude-3-opus-20240229',
      'task-list-of-today',
    ];
    for (const text of plain)
      expect(await entry((log) => log.info(text))).toMatchObject({ message: text });
  });
});

describe('where lines go', () => {
  it('are written to a file too, as JSON, behind what is there', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'nexus-log-'));
    const file = path.join(folder, 'deep', 'nexus.log');
    for (const message of ['first', 'second']) {
      const text = await written((log) => log.info(message), { format: 'pretty', file });
      expect(text).toContain(`INFO  ${message}`);
    }
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual([
      'first',
      'second',
    ]);
    await rm(folder, { recursive: true });
  });

  it('are all out when the log is closed, and none comes after', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'nexus-log-'));
    const file = path.join(folder, 'nexus.log');
    const log = createLog({ level: 'info', format: 'json', file }, new PassThrough().resume());
    for (let i = 0; i < 5000; i += 1) log.info('line', { i });
    await log.close();
    log.info('too late');
    await log.close();
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(lines).toHaveLength(5000);
    expect(lines.at(-1)).toContain('"i":4999');
    await rm(folder, { recursive: true });
  });

  it('stops the start when the file can not be opened, and says what to do', () => {
    expect(() => createLog({ level: 'info', format: 'json', file: '/dev/null/nexus.log' })).toThrow(
      /the log file \/dev\/null\/nexus\.log can not be opened \(.*\); change \[logging\] file/,
    );
  });

  it('does not take the gateway down when the reader of the stream goes away', async () => {
    const stream = new Writable({
      write(_chunk, _encoding, callback) {
        callback(new Error('EPIPE'));
      },
    });
    const log = createLog({ level: 'info', format: 'json', file: null }, stream);
    log.info('one');
    log.info('two');
    await log.close();
    expect(stream.errored?.message).toBe('EPIPE');
  });
});

(existsSync('/dev/full') ? describe : describe.skip)('a disk that is full', () => {
  it('loses lines, says so once, and stops nothing', async () => {
    const said = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    const text = await written(
      (log) => {
        log.info('one');
        log.info('two');
      },
      { file: '/dev/full' },
    );
    expect(text.trimEnd().split('\n')).toHaveLength(2);
    expect(said.mock.calls.map(([line]) => line)).toEqual([
      expect.stringMatching(/^log lines are lost: \/dev\/full can not be written: ENOSPC/),
    ]);
  });
});
