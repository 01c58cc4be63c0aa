/** Reads what a model will see from the body of a request, route by route. */
import type { ModelRequest } from '../core/request.ts';
import { isObject, jsonText, Prompt } from './prompt.ts';
import { addChat } from './read-chat-prompt.ts';
import type { Reading } from './read-content.ts';
import { addMessagesBody } from './read-messages-prompt.ts';
import { addResponsesBody } from './read-responses-prompt.ts';
import { serverToolsOf } from './server-tools.ts';
import { askedService } from './service-rates.ts';
import { tokenizerOf } from './tokenizers.ts';

/** A text, texts, token ids, or lists of token ids: the forms of `prompt` and `input`. */
function addInput(prompt: Prompt, input: unknown): void {
  if (typeof input === 'string') return prompt.addText(input);
  if (!Array.isArray(input)) return prompt.addText(jsonText(input ?? undefined));
  for (const item of input as readonly unknown[]) {
    if (typeof item === 'number') prompt.tokenIds += 1;
    else if (typeof item === 'string') prompt.addText(item);
    else if (Array.isArray(item) && item.every((id) => typeof id === 'number'))
      prompt.tokenIds += item.length;
    else prompt.addText(jsonText(item));
  }
}

/** Every string of a value and every key, without recursion: for bodies that are nested too deeply for JSON text. */
function flatten(value: unknown): Prompt {
  const prompt = new Prompt();
  prompt.canWriteCache = true;
  prompt.hasAudio = true;
  prompt.hasImages = true;
  const rest: unknown[] = [value];
  while (rest.length > 0) {
    const item = rest.pop();
    prompt.overhead += 1;
    if (typeof item === 'string') prompt.addText(item);
    else if (Array.isArray(item)) for (const inner of item as readonly unknown[]) rest.push(inner);
    else if (isObject(item)) for (const [key, inner] of Object.entries(item)) rest.push(key, inner);
  }
  return prompt;
}

/** Reads a request for a model. Never throws. */
export function readPrompt(
  { route, body }: Pick<ModelRequest, 'route' | 'body'>,
  model: string,
): Prompt {
  const reading: Reading = { prompt: new Prompt(), tokenizer: tokenizerOf(model), model };
  const { prompt } = reading;
  prompt.serverTools = serverToolsOf(body);
  prompt.service = askedService(body);
  try {
    switch (route) {
      case 'chat':
        addChat(reading, body);
        break;
      case 'completions':
        addInput(reading.prompt, body['prompt']);
        if (typeof body['suffix'] === 'string') reading.prompt.addText(body['suffix']);
        break;
      case 'embeddings':
        addInput(reading.prompt, body['input']);
        break;
      case 'messages':
        addMessagesBody(reading, body);
        break;
      case 'responses':
        addResponsesBody(reading, body);
    }
    return reading.prompt;
  } catch {
    const flat = flatten(body);
    flat.serverTools = prompt.serverTools;
    flat.service = prompt.service;
    return flat;
  }
}
