/** The native Anthropic Messages API: passed through for its own clients, translated both ways for those of chat. */
import type { Clock } from '../../../core/clock.ts';
import type { BackendSettings } from '../../../core/settings.ts';
import type { UpstreamAttempt } from '../../../core/upstream.ts';
import { AnthropicJsonReader, translateErrorBody } from './answers.ts';
import { messagesBody, messagesPath } from './body.ts';
import { PassingMessageReader, PassingMessageStreamReader } from './passing.ts';
import { toAnthropicRequest } from './request.ts';
import { AnthropicStreamReader } from './stream.ts';
import type { Dialect, Outgoing } from '../dialect.ts';
import { ErrorReader } from '../error-reader.ts';

/** What chat is translated to, and what a client of the Messages API that names no version gets. */
const API_VERSION = '2023-06-01';
/** What such a client names itself: later versions refuse fields that this one takes, and may answer differently. */
const VERSION_HEADER = 'anthropic-version';
const PATH = '/v1/messages';

function passed(attempt: UpstreamAttempt, path: string): Outgoing {
  const relays = [VERSION_HEADER];
  return { path: messagesPath(attempt, path), body: messagesBody(attempt), relays };
}

export function anthropicDialect({ apiKey }: BackendSettings, clock: Clock): Dialect {
  return {
    passes: ['messages'],
    translates: ['chat'],
    relayedHeaders: ['anthropic-beta'],
    modelsPath: '/v1/models?limit=1000',
    defaultHeaders: { [VERSION_HEADER]: API_VERSION },
    credentials: apiKey === null ? {} : { 'x-api-key': apiKey },
    outgoing(attempt) {
      if (attempt.request.route === 'messages') {
        return passed(attempt, PATH);
      }
      return { path: PATH, body: Buffer.from(JSON.stringify(toAnthropicRequest(attempt))) };
    },
    counting: (attempt) => passed(attempt, `${PATH}/count_tokens`),
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
