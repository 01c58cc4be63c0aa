/** Answers of the Responses API that mean harm, and streams of chats that are told in its words. */
import {
  byteByByte,
  endless,
  jsonAnswer,
  SSE_HEAD,
  stream,
  type Answer,
} from './answer-writers.ts';

const GREETING = 'Grüße 你好 🧨 e\u0301';
const DONE = 'data: [DONE]\n\n';

function responsesEvent(type: string, more: string): string {
  return `event: ${type}\ndata: {"type":"${type}","sequence_number":1${more}}\n\n`;
}

const RESPONSES_USAGE = '"usage":{"input_tokens":5,"output_tokens":3,"total_tokens":8}';
const RESPONSES_DELTA = responsesEvent(
  'response.output_text.delta',
  `,"delta":${JSON.stringify(GREETING)}`,
);
const RESPONSES_LAST = responsesEvent('response.completed', `,"response":{${RESPONSES_USAGE}}`);

/** Of the Responses API, and streams of chats that become such. */
export const HOSTILE_RESPONSES: Readonly<Record<string, Answer>> = {
  'responses-split': byteByByte((RESPONSES_DELTA + RESPONSES_LAST).replaceAll('\n', '\r\n')),
  'responses-no-end': stream(RESPONSES_DELTA.repeat(20_000)),
  'responses-odd-end': stream(
    responsesEvent('response.completed', ',"response":[{"usage":7}]'),
    responsesEvent('response.failed', ',"response":null'),
    'data: {"type":["response.completed"]}\n\n',
    RESPONSES_LAST.replace('5', '-5').replace('3', '1e999'),
  ),
  'responses-error': stream(RESPONSES_DELTA, responsesEvent('error', ',"message":{"a":[]}')),
  'responses-endless': endless(SSE_HEAD, Buffer.from(RESPONSES_DELTA.repeat(50))),
  'calls-without-end': stream(
    ...Array.from(
      { length: 5000 },
      (_, index) =>
        `data: {"choices":[{"delta":{"tool_calls":[{"index":${index},"id":7,"function":{"name":[],"arguments":"{"}}]}}]}\n\n`,
    ),
    DONE,
  ),
  'odd-deltas': stream(
    'data: {"choices":[{"delta":{"content":[{"text":"a"},{"text":7},null],"refusal":{},"tool_calls":{"index":"x"}},"logprobs":{"content":[7]},"finish_reason":{}}]}\n\n',
    'data: {"choices":[{"delta":"text"}]}\n\ndata: {"choices":{"delta":{}}}\n\n',
    DONE,
  ),
  'responses-whole': jsonAnswer(
    `{"object":"response","output":[{"content":[{"text":7}]},null,{"summary":"x"}],${RESPONSES_USAGE}}`,
  ),
};
