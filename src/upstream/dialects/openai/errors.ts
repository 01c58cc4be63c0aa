/** Errors in the shape of the OpenAI API. */

export interface OpenAiError {
  readonly message: string;
  readonly type: string;
  readonly code: string | null;
}

export function errorDocument({ message, type, code }: OpenAiError): string {
  return JSON.stringify({ error: { message, type, param: null, code } });
}

/**
 * The in-band error of a stream that dies after its first byte. The official SDKs throw on it, while a stream that
 * just ends is taken for a whole answer.
 */
export function errorEvent(message: string, code: string): Buffer {
  return Buffer.from(`data: ${errorDocument({ message, type: 'server_error', code })}\n\n`);
}
