/** The OpenAI Responses API as a format of clients, said in and told from the chat format. */
import type { ClientFormat } from './client-format.ts';
import { ResponsesAnswerReader } from './responses-answers.ts';
import { frameOf } from './responses-document.ts';
import { toChatRequest } from './responses-request.ts';
import { ResponsesChatStreamReader } from './responses-stream.ts';

export const responsesFormat: ClientFormat = {
  toChat: toChatRequest,
  reader(attempt, chat, { status, isStream }) {
    // Errors have one shape on all of OpenAI's routes.
    if (status >= 400) return chat;
    const frame = frameOf(attempt);
    return isStream
      ? new ResponsesChatStreamReader(frame, chat)
      : new ResponsesAnswerReader(frame, chat);
  },
};
