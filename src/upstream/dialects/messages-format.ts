/** The Anthropic Messages API as a format of clients, said in and told from the chat format. */
import type { ClientFormat } from './client-format.ts';
import { untranslatable } from './untranslatable.ts';

export const messagesFormat: ClientFormat = {
  toChat() {
    throw untranslatable('messages', 'a request of the Messages API');
  },
  reader: (_attempt, chat) => chat,
};
