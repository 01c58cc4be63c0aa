/**
 * Formats of clients that not every backend speaks. The chat format is the hub: a request in another format is said as
 * a chat request, which every backend of a chat model takes or has translated for it, and the chat answer is told to the
 * client in its own format. So each format is translated once, and not once for every kind of backend.
 */
import type { ModelRoute } from '../../core/policy.ts';
import type { JsonObject } from '../../core/request.ts';
import type { AnswerReader, UpstreamAttempt } from '../../core/upstream.ts';
import type { AnswerHead, Dialect } from './dialect.ts';
import { messagesFormat } from './messages/format.ts';
import { responsesFormat } from './responses/format.ts';

export interface ClientFormat {
  /**
   * The body of a chat request that says the same, for `model`. Throws `UpstreamFailure` of kind `untranslatable`,
   * naming the field, for what the chat format has no words for. A stream asks for its usage chunk.
   */
  toChat(attempt: UpstreamAttempt): JsonObject;
  /** Turns the chat answer, as `chat` reads it, into the client's format. Usage and text are those of `chat`. */
  reader(attempt: UpstreamAttempt, chat: AnswerReader, head: AnswerHead): AnswerReader;
}

const FORMATS: Readonly<Partial<Record<ModelRoute, ClientFormat>>> = {
  messages: messagesFormat,
  responses: responsesFormat,
};

/** Routes that a backend of a dialect serves, by itself or over the hub. */
export function servedRoutes({ passes, translates }: Dialect): readonly ModelRoute[] {
  const own = [...passes, ...translates];
  const bridged = own.includes('chat') ? (Object.keys(FORMATS) as ModelRoute[]) : [];
  return [...new Set([...own, ...bridged])];
}

/** The format over which an attempt reaches a dialect that does not speak its route; null where it does. */
function bridgeFor({ passes, translates }: Dialect, route: ModelRoute): ClientFormat | null {
  if (passes.includes(route) || translates.includes(route)) return null;
  return FORMATS[route] ?? null;
}

/** The same attempt in the chat format. */
function asChat(attempt: UpstreamAttempt, body: JsonObject): UpstreamAttempt {
  const { request } = attempt;
  const maximum = attempt.maxOutputTokens ?? request.maxOutputTokens;
  return {
    ...attempt,
    maxOutputTokens: maximum,
    request: {
      ...request,
      route: 'chat',
      body,
      rawBody: Buffer.from(JSON.stringify(body)),
      wantsUsageChunk: true,
      maxOutputTokens: maximum,
      // The field is the backend's choice: some models take only the new name.
      maxOutputField: null,
    },
  };
}

/** What is sent for an attempt, and how its answer is read. */
export interface Passage {
  readonly path: string;
  readonly body: Buffer;
  readonly relays?: readonly string[];
  /** True when the answer's bytes are the client's. */
  readonly passesBytes: boolean;
  reader(head: AnswerHead): AnswerReader;
}

/** The way of an attempt through a dialect. Throws `UpstreamFailure` of kind `untranslatable`. */
export function passageOf(dialect: Dialect, attempt: UpstreamAttempt): Passage {
  const { route } = attempt.request;
  const format = bridgeFor(dialect, route);
  if (format === null) {
    return {
      ...dialect.outgoing(attempt),
      passesBytes: dialect.passes.includes(route),
      reader: (head) => dialect.reader(attempt, head),
    };
  }
  const chat = asChat(attempt, format.toChat(attempt));
  return {
    ...dialect.outgoing(chat),
    passesBytes: false,
    reader: (head) => format.reader(attempt, dialect.reader(chat, head), head),
  };
}
