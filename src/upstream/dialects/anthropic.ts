/** The native Anthropic Messages API: passed through for its own clients, translated both ways for those of chat. */
import type { Clock } from '../../core/clock.ts';
import type { BackendSettings } from '../../core/settings.ts';
import { AnthropicJsonReader, translateErrorBody } from './anthropic-answers.ts';
import { messagesBody, messagesPath } from './anthropic-body.ts';
import { PassingMessageReader, PassingMessageStreamReader } from './anthropic-passing.ts';
import { toAnthropicRequest } from './anthropic-request.ts';
import { AnthropicStreamReader } from './anthropic-stream.ts';
import type { Dialect } from './dialect.ts';
import { ErrorReader } from './error-reader.ts';

/** What clients are spoken to in when they name no version of their own. */
const API_VERSION = '2023-06-01';
const PATH = '/v1/messages';

export function anthropicDialect({ apiKey }: BackendSettings, clock: Clock): Dialect {
  return {
    passes: ['messages'],
    translates: ['chat'],
    relayedHeaders: ['anthropic-beta', 'anthropic-version'],
    modelsPath: '/v1/models?limit=1000',
    defaultHeaders: { 'anthropic-version': API_VERSION },
    credentials: apiKey === null ? {} : { 'x-api-key': apiKey },
    outgoing(attempt) {
      if (attempt.request.route === 'messages') {
        return { path: messagesPath(attempt, PATH), body: messagesBody(attempt) };
      }
      return { path: PATH, body: Buffer.from(JSON.stringify(toAnthropicRequest(attempt))) };
    },
    counting(attempt) {
      return { path: messagesPath(attempt, `${PATH}/count_tokens`), body: messagesBody(attempt) };
    },
    reader(attempt, { status, isStream }) {
      if (attempt.request.route === 'messages') {
        if (status >= 400) return new ErrorReader(apiKey, (body) => body);
        return isStream ? new PassingMessageStreamReader() : new PassingMessageReader();
      }
      if (status >= 400) return new ErrorReader(apiKey, translateErrorBody);
      const createdAtS = Math.floor(clock.now() / 1000);
      return isStream
        ? new AnthropicStreamReader(createdAtS, attempt.request.wantsUsageChunk)
        : new AnthropicJsonReader(createdAtS);
    },
  };
}
