/** The Anthropic Messages API as a format of clients, said in and told from the chat format. */
import type { ClientFormat } from '../client-format.ts';
import { ErrorTeller, MessageTeller } from './answers.ts';
import { messagesToChat } from './request.ts';
import { MessageStreamTeller } from './stream.ts';

export const messagesFormat: ClientFormat = {
  toChat: messagesToChat,
  reader(attempt, chat, { status, isStream }) {
    if (status >= 400) return new ErrorTeller(chat, status);
    return isStream
      ? new MessageStreamTeller(chat, attempt)
      : new MessageTeller(chat, attempt.request.id);
  },
};
