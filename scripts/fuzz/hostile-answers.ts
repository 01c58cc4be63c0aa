/** Answers of backends that mean harm, or merely have faults. Each is a model that the gateway believes it can ask. */
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import {
  byteByByte,
  CHUNKED,
  endless,
  head,
  jsonAnswer,
  rawAnswer,
  room,
  SSE_HEAD,
  statusAnswer,
  stream,
  whole,
  type Answer,
} from './answer-writers.ts';
import { gzipBomb } from './encodings.ts';
import { HOSTILE_MESSAGES } from './hostile-messages.ts';
import { HOSTILE_RESPONSES } from './hostile-responses.ts';

const USAGE = '"usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8}';
const GREETING = 'Grüße 你好 🧨 e\u0301';

function json(more: string): string {
  return `{"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"${GREETING}"},"finish_reason":"stop"}]${more}}`;
}

function chunkEvent(content: string, end = '\n\n', more = ''): string {
  return `data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":${JSON.stringify(content)}}}]${more}}${end}`;
}

const DONE = 'data: [DONE]\n\n';
const STREAM_USAGE = `data: {"object":"chat.completion.chunk","choices":[],${USAGE}}\n\n`;

const MEGABYTE = 1024 * 1024;

const STREAMS: Readonly<Record<string, Answer>> = {
  'split-utf8': byteByByte(chunkEvent(GREETING) + STREAM_USAGE + DONE),
  'split-crlf': byteByByte((chunkEvent(GREETING) + STREAM_USAGE + DONE).replaceAll('\n', '\r\n')),
  'cr-only': stream((chunkEvent(GREETING) + STREAM_USAGE + DONE).replaceAll('\n', '\r')),
  'mixed-ends': stream(
    chunkEvent('a', '\r\n\n'),
    chunkEvent('b', '\n\r\n'),
    chunkEvent('c', '\r\r\n'),
    DONE,
  ),
  'with-bom': stream(`\uFEFF${chunkEvent('a')}`, STREAM_USAGE, DONE),
  comments: stream(': keep-alive\n\n'.repeat(2000), chunkEvent('a'), DONE),
  'other-fields': stream('event: x\nid: \0\nretry: -1\ndata\ndata:\ndata: {}\n\n', DONE),
  'giant-line': stream(`data: ${'x'.repeat(10 * MEGABYTE)}`),
  'giant-event': stream(chunkEvent('y'.repeat(9 * MEGABYTE)), DONE),
  'usage-in-text': stream(chunkEvent('"usage":{"prompt_tokens":1}}'.repeat(20_000)), DONE),
  'usage-brackets': stream(`data: {"usage":${'[{"usage":'.repeat(300_000)}`, '\n\n', DONE),
  'many-events': stream(chunkEvent('z').repeat(40_000), STREAM_USAGE, DONE),
  'no-done': stream(chunkEvent('a'), STREAM_USAGE),
  'only-done': stream(DONE),
  'after-done': stream(chunkEvent('a'), DONE, chunkEvent('more'), DONE),
  'done-kept-open': async (socket) => {
    socket.write(SSE_HEAD + chunkEvent('a') + DONE);
    await room(socket);
  },
  'bad-utf8': stream(
    Buffer.from([0x64, 0x61, 0x74, 0x61, 0x3a, 0xff, 0xfe, 0xc0, 0x0a, 0x0a]),
    DONE,
  ),
  'bad-json-events': stream('data: {"choices":[{\n\n', 'data: nul\n\n', 'data: []\n\n', DONE),
  'hostile-usage': stream(
    chunkEvent('a', '\n\n', ',"usage":{"prompt_tokens":-5,"completion_tokens":1e999}'),
    'data: {"choices":[],"usage":{"prompt_tokens":"9","completion_tokens":-1,"cost":-3}}\n\n',
    DONE,
  ),
  'error-event': stream(chunkEvent('a'), 'data: {"error":{"message":"boom","code":500}}\n\n'),
  endless: endless(SSE_HEAD, Buffer.from(chunkEvent('more and more ').repeat(50))),
  'endless-line': endless(`${SSE_HEAD}data: `, Buffer.alloc(65_536, 'x')),
  'endless-comments': endless(SSE_HEAD, Buffer.from(':\n\n'.repeat(5000))),
  silent: async (socket) => {
    socket.write(SSE_HEAD);
    await room(socket);
  },
  drip: async (socket) => {
    socket.write(SSE_HEAD);
    for (const byte of Buffer.from(chunkEvent('slow')).subarray(0, 20)) {
      if (socket.destroyed) return;
      socket.write(Buffer.from([byte]));
      await delay(50);
    }
    socket.end(DONE);
  },
  'gzip-stream': (socket) => {
    const packed = gzipSync(chunkEvent('a') + STREAM_USAGE + DONE);
    socket.write(whole('200 OK', 'text/event-stream', packed, 'Content-Encoding: gzip'));
  },
  'stream-reset': async (socket) => {
    socket.write(SSE_HEAD + chunkEvent('a'));
    await delay(5);
    socket.resetAndDestroy();
  },
};

const BODIES: Readonly<Record<string, Answer>> = {
  fine: (socket, isStream) => {
    if (!isStream) return jsonAnswer(json(`,${USAGE}`))(socket, isStream);
    return stream(chunkEvent('a'), STREAM_USAGE, DONE)(socket, isStream);
  },
  'no-usage': jsonAnswer(json('')),
  'not-json': jsonAnswer('<html>It works!</html>'),
  'half-json': jsonAnswer(json(`,${USAGE}`).slice(0, 90)),
  empty: jsonAnswer(''),
  'bad-utf8-json': jsonAnswer(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0xfe, 0x7d])),
  'deep-json': jsonAnswer(json(`,"x":${'['.repeat(100_000)}${']'.repeat(100_000)}`)),
  'giant-json': jsonAnswer(json(`,"x":"${'x'.repeat(12 * MEGABYTE)}",${USAGE}`)),
  'giant-text': jsonAnswer(json('').replace(GREETING, 'word '.repeat(2 * MEGABYTE))),
  'negative-usage': jsonAnswer(json(',"usage":{"prompt_tokens":-1,"completion_tokens":-1000000}')),
  'absurd-usage': jsonAnswer(json(',"usage":{"prompt_tokens":1e300,"completion_tokens":1e400}')),
  'text-usage': jsonAnswer(json(',"usage":{"prompt_tokens":"5","completion_tokens":"3"}')),
  'part-usage': jsonAnswer(json(',"usage":{"prompt_tokens":0.5,"completion_tokens":null}')),
  'list-usage': jsonAnswer(json(',"usage":[1,2,3]')),
  'twice-usage': jsonAnswer(json(`,${USAGE},"usage":{"prompt_tokens":0,"completion_tokens":0}`)),
  'wrong-details': jsonAnswer(
    json(
      ',"usage":{"prompt_tokens":5,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":99999},"completion_tokens_details":{"reasoning_tokens":-4}}',
    ),
  ),
  html: (socket) => {
    socket.write(whole('200 OK', 'text/html', '<html></html>'));
  },
  'no-type': rawAnswer(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}`),
  'gzip-bomb': (socket) => {
    const headers = ['Content-Encoding: gzip'];
    socket.write(whole('200 OK', 'application/json', gzipBomb(), ...headers));
  },
  'gzip-bomb-error': (socket) => {
    const headers = ['Content-Encoding: gzip'];
    socket.write(whole('500 Oops', 'application/json', gzipBomb(), ...headers));
  },
  'gzip-false': jsonAnswer(json(`,${USAGE}`), 'Content-Encoding: gzip'),
  'gzip-half': jsonAnswer(gzipSync(json(`,${USAGE}`)).subarray(0, 60), 'Content-Encoding: gzip'),
  'odd-encoding': jsonAnswer(json(`,${USAGE}`), 'Content-Encoding: gzip, br'),
  'endless-json': endless(CHUNKED, Buffer.from(`10000\r\n${'x'.repeat(0x10000)}\r\n`)),
  'endless-error': endless(
    head('500 Oops', ['Content-Type: application/json', 'Transfer-Encoding: chunked']),
    Buffer.from(`10000\r\n${'x'.repeat(0x10000)}\r\n`),
  ),
  'endless-refusal': endless(
    head('400 Bad', ['Content-Type: application/json', 'Transfer-Encoding: chunked']),
    Buffer.from(`10000\r\n${'x'.repeat(0x10000)}\r\n`),
  ),
};

const HEADS: Readonly<Record<string, Answer>> = {
  'many-headers': jsonAnswer(
    json(`,${USAGE}`),
    ...Array.from({ length: 1500 }, (_, at) => `X-${at}: 1`),
  ),
  'long-header': jsonAnswer(json(`,${USAGE}`), `X-Long: ${'v'.repeat(12_000)}`),
  'header-flood': endless('HTTP/1.1 200 OK\r\n', Buffer.from('X-Flood: yes\r\n'.repeat(1000))),
  'spoofed-headers': jsonAnswer(
    json(`,${USAGE}`),
    'X-Nexus-Backend: bank',
    'X-Nexus-Budget-Remaining: 999999',
    'Set-Cookie: a=b',
    'Retry-After: \x01',
    'Content-Language: en\x80',
    'X-Request-Id: theirs',
    'Access-Control-Allow-Origin: *',
  ),
  'bad-header': rawAnswer('HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 2\r\n\r\n{}'),
  'nul-header': rawAnswer('HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\n{}'),
  'lf-header': rawAnswer('HTTP/1.1 200 OK\nContent-Length: 2\n\n{}'),
  interim: (socket, isStream) => {
    socket.write('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'.repeat(50));
    return jsonAnswer(json(`,${USAGE}`))(socket, isStream);
  },
  'endless-interim': endless('', Buffer.from('HTTP/1.1 100 Continue\r\n\r\n'.repeat(100))),
  upgrade: rawAnswer(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nframes',
  ),
  'http-1.0': rawAnswer(
    `HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
  ),
  'http-0.9': rawAnswer('It works!\r\n\r\n'),
  'http-2': rawAnswer('\0\0\x12\x04\0\0\0\0\0'),
  'two-lengths': rawAnswer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}'),
  'length-and-chunks': rawAnswer(
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
  ),
  'length-too-long': (socket) => {
    socket.end('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{}');
  },
  'length-negative': rawAnswer('HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}'),
  'bad-chunks': rawAnswer(`${CHUNKED}zz\r\n{}\r\n`),
  'odd-chunks': rawAnswer(`${CHUNKED}2;a="b"\r\n{}\r\n0\r\nX-Nexus-Backend: bank\r\n\r\n`),
  'two-answers': rawAnswer(
    `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"smuggled":"2"}`,
  ),
  'closes-at-once': (socket) => void socket.end(),
  resets: (socket) => void socket.resetAndDestroy(),
  'says-nothing': async (socket) => room(socket),
};

const STATUSES =
  '000 Zero,099 Low,199 Last,201 Made,204 None,205 Reset,206 Part,299 Odd,300 Many,301 Moved,304 Same,307 There,400 Bad,401 Who,402 Pay,404 Gone,408 Late,413 Big,418 Tea,429 Slow,499 Left,500 Oops,501 No,503 Busy,504 Late,511 Net,524 Late,599 Last,600 Over,999 Far,200,200 \x80\xff'.split(
    ',',
  );

const STATUS_ANSWERS: Readonly<Record<string, Answer>> = Object.fromEntries([
  ...STATUSES.map((status) => [
    `status-${status.slice(0, 3)}-${status.length}`,
    statusAnswer(status),
  ]),
  ['empty-500', statusAnswer('500 Oops', '')],
  ['html-502', statusAnswer('502 Bad Gateway', '<html>nginx</html>')],
  ['html-400', statusAnswer('400 Bad Request', '<html>nginx</html>')],
  ['large-400', statusAnswer('400 Bad Request', 'x'.repeat(3 * MEGABYTE))],
]);

export const HOSTILE_ANSWERS: Readonly<Record<string, Answer>> = {
  ...STREAMS,
  ...BODIES,
  ...HEADS,
  ...STATUS_ANSWERS,
  ...HOSTILE_MESSAGES,
  ...HOSTILE_RESPONSES,
};
