/** Answers of backends of the Messages API that mean harm, or merely have faults. Their names begin with `m-`. */
import {
  byteByByte,
  endless,
  jsonAnswer,
  SSE_HEAD,
  stream,
  type Answer,
} from './answer-writers.ts';

const MEGABYTE = 1024 * 1024;
const GREETING = 'Grüße 你好 🧨 e\u0301';

function event(type: string, more: string, end = '\n\n'): string {
  return `event: ${type}\ndata: {"type":"${type}"${more}}${end}`;
}

function started(usage: string): string {
  return event('message_start', `,"message":{"id":"m","role":"assistant","usage":${usage}}`);
}

function delta(kind: string, field: string, text: string, index = '0'): string {
  const said = `{"type":"${kind}","${field}":${JSON.stringify(text)}}`;
  return event('content_block_delta', `,"index":${index},"delta":${said}`);
}

const INPUT = '{"input_tokens":5,"output_tokens":1}';
const START = started(INPUT);
const BLOCK = event('content_block_start', ',"index":0,"content_block":{"type":"text","text":""}');
const HELLO = delta('text_delta', 'text', GREETING);
const USED = event(
  'message_delta',
  ',"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}',
);
const STOP = event('message_stop', '');
const FINE = START + BLOCK + HELLO + USED + STOP;

function whole(more: string): string {
  return `{"type":"message","content":[{"type":"text","text":"${GREETING}"}]${more}}`;
}

export const HOSTILE_MESSAGES: Readonly<Record<string, Answer>> = {
  'm-fine': (socket, isStream) =>
    isStream
      ? stream(FINE)(socket, isStream)
      : jsonAnswer(whole(`,"usage":${INPUT}`))(socket, isStream),
  'm-count': jsonAnswer('{"input_tokens":7}'),
  'm-count-odd': jsonAnswer('{"input_tokens":-1e99}'),
  'm-split': byteByByte(FINE),
  'm-split-crlf': byteByByte(FINE.replaceAll('\n', '\r\n')),
  'm-no-start': stream(HELLO, USED, STOP),
  'm-only-start': stream(START),
  'm-only-stop': stream(STOP),
  'm-stop-early': stream(START, STOP, HELLO.repeat(500), USED),
  'm-start-again': stream(
    START.repeat(50),
    started('{"input_tokens":999999999,"output_tokens":0}'),
    STOP,
  ),
  'm-usage-grows': stream(START, USED.repeat(2000), STOP),
  'm-usage-odd': stream(
    started('{"input_tokens":-5,"cache_read_input_tokens":1e300,"output_tokens":"7"}'),
    HELLO,
    event('message_delta', ',"usage":{"input_tokens":null,"output_tokens":1e999}'),
    STOP,
  ),
  'm-usage-list': stream(started('[[]]'), event('message_delta', ',"usage":[1]'), STOP),
  'm-usage-zero': stream(started('{"input_tokens":0,"output_tokens":0}'), HELLO),
  'm-error': stream(START, HELLO, event('error', ',"error":{"type":"overloaded_error"}')),
  'm-error-then-more': stream(START, event('error', ',"error":null'), HELLO, USED, STOP),
  'm-error-in-text': stream(
    START,
    delta('text_delta', 'text', '"type":"error" message_stop').repeat(20_000),
    STOP,
  ),
  'm-many': stream(START, HELLO.repeat(40_000), USED, STOP),
  'm-many-calls': stream(
    START,
    ...Array.from({ length: 5000 }, (_, at) =>
      event('content_block_start', `,"index":${at},"content_block":{"type":"tool_use","name":"f"}`),
    ),
    delta('input_json_delta', 'partial_json', '{"a":', '4999').repeat(5000),
    STOP,
  ),
  'm-signature': stream(START, delta('signature_delta', 'signature', 'A'.repeat(3 * MEGABYTE))),
  'm-redacted': stream(
    START,
    event(
      'content_block_start',
      `,"index":0,"content_block":{"type":"redacted_thinking","data":"${'A'.repeat(400_000)}"}`,
    ),
  ),
  'm-giant-event': stream(START, delta('text_delta', 'text', 'y'.repeat(9 * MEGABYTE)), STOP),
  'm-index-odd': stream(START, delta('text_delta', 'text', 'x', '-1e9'), USED, STOP),
  'm-endless': endless(SSE_HEAD + START, Buffer.from(HELLO.repeat(50))),
  'm-endless-start': endless(SSE_HEAD, Buffer.from(START.repeat(50))),
  'm-endless-pings': endless(SSE_HEAD + START, Buffer.from(event('ping', '').repeat(200))),
  'm-deep': stream(START, event('message_delta', `,"usage":${'['.repeat(100_000)}`), STOP),
  'm-json-wrong': jsonAnswer('{"type":"message","content":{"length":5},"usage":"x"}'),
  'm-json-large': jsonAnswer(whole(`,"x":"${'x'.repeat(12 * MEGABYTE)}","usage":${INPUT}`)),
};
