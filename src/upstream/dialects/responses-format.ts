/** The OpenAI Responses API as a format of clients, said in and told from the chat format. */
import type { ClientFormat } from './client-format.ts';
import { untranslatable } from './untranslatable.ts';

export const responsesFormat: ClientFormat = {
  toChat() {
    throw untranslatable('input', 'a request of the Responses API');
  },
  reader: (_attempt, chat) => chat,
};
