/** The native Anthropic Messages API, translated both ways. Chat only. */
import type { Clock } from '../../core/clock.ts';
import type { BackendSettings } from '../../core/settings.ts';
import { AnthropicJsonReader, translateErrorBody } from './anthropic-answers.ts';
import { toAnthropicRequest } from './anthropic-request.ts';
import { AnthropicStreamReader } from './anthropic-stream.ts';
import type { Dialect } from './dialect.ts';
import { ErrorReader } from './error-reader.ts';

const API_VERSION = '2023-06-01';

export function anthropicDialect({ apiKey }: BackendSettings, clock: Clock): Dialect {
  return {
    passes: [],
    translates: ['chat'],
    relayedHeaders: ['anthropic-beta'],
    modelsPath: '/v1/models?limit=1000',
    credentials: {
      'anthropic-version': API_VERSION,
      ...(apiKey === null ? {} : { 'x-api-key': apiKey }),
    },
    outgoing(attempt) {
      const body = Buffer.from(JSON.stringify(toAnthropicRequest(attempt)));
      return { path: '/v1/messages', body };
    },
    reader(attempt, { status, isStream }) {
      if (status >= 400) return new ErrorReader(apiKey, translateErrorBody);
      const createdAtS = Math.floor(clock.now() / 1000);
      return isStream
        ? new AnthropicStreamReader(createdAtS, attempt.request.wantsUsageChunk)
        : new AnthropicJsonReader(createdAtS);
    },
  };
}
