/** The OpenAI Responses API as a format of clients, said in and told from the chat format. */
import type { ClientFormat } from '../client-format.ts';
import { ResponsesAnswerReader } from './answers.ts';
import { frameOf } from './document.ts';
import { toChatRequest } from './request.ts';
import { ResponsesChatStreamReader } from './stream.ts';

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
