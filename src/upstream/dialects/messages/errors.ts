/** Errors in the shape of the Anthropic Messages API. */
import type { JsonObject } from '../../../core/request.ts';
import { isJsonObject, objectAt, parseJsonObject, stringAt } from '../../json-values.ts';

/** Types of the API by status (its page on errors, 2026-11). */
const TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  408: 'timeout_error',
  413: 'request_too_large',
  422: 'invalid_request_error',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};
const MAX_MESSAGE_CHARS = 1000;

export interface MessagesError {
  readonly type: string;
  readonly message: string;
  /** The backend's or the gateway's own code, where there is one. */
  readonly code?: string;
}

function messagesErrorDocument(error: MessagesError): string {
  return JSON.stringify({ type: 'error', error });
}

/**
 * The in-band error of a stream that dies after its first byte. The official SDKs throw on it, while some of them take
 * a stream that just ends for a whole answer.
 */
export function messagesErrorEvent(error: MessagesError): string {
  return `event: error\ndata: ${messagesErrorDocument(error)}\n\n`;
}

/** An error of the OpenAI API, whose servers write it in many ways, in the words of the Messages API. */
export function fromOpenAiError(error: JsonObject, status: number): MessagesError {
  const code = stringAt(error, 'code') || stringAt(error, 'type');
  return {
    type: TYPES[status] ?? 'api_error',
    message: stringAt(error, 'message') || 'the backend gave no reason',
    ...(code === '' ? {} : { code }),
  };
}

/** An error body of a backend of the OpenAI dialect; a text that is none becomes the message. */
export function fromOpenAiErrorBody(body: string, status: number): string {
  const document = parseJsonObject(body);
  if (document && isJsonObject(document['error'])) {
    return messagesErrorDocument(fromOpenAiError(objectAt(document, 'error'), status));
  }
  // vLLM and Ollama also write `{"error":"text"}` and `{"message":"text"}`.
  const said = document && (stringAt(document, 'error') || stringAt(document, 'message'));
  const message = (said || body.trim()).slice(0, MAX_MESSAGE_CHARS) || 'the backend gave no reason';
  return messagesErrorDocument({ type: TYPES[status] ?? 'api_error', message });
}
