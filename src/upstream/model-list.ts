/** Model lists of the various servers, and what they tell about a model. Facts that they do not tell stay null. */
import type { BackendModel } from '../core/policy.ts';
import type { JsonObject } from '../core/request.ts';
import { objectAt, objectsAt, stringAt } from './json-values.ts';

/** Names for the context window: OpenRouter, vLLM, Groq, LM Studio and Mistral, Anthropic. */
const CONTEXT_FIELDS = [
  'context_length',
  'max_model_len',
  'context_window',
  'max_context_length',
  'max_input_tokens',
];

function contextLengthOf(model: JsonObject): number | null {
  const candidates = [
    ...CONTEXT_FIELDS.map((field) => model[field]),
    // llama.cpp.
    objectAt(model, 'meta')['n_ctx_train'],
  ];
  const length = candidates.find((value) => Number.isSafeInteger(value) && Number(value) > 0);
  return typeof length === 'number' ? length : null;
}

function includes(list: unknown, item: string): boolean | null {
  return Array.isArray(list) ? list.includes(item) : null;
}

function flag(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null;
}

function modelOf(entry: JsonObject): BackendModel {
  const capabilities = objectAt(entry, 'capabilities');
  const images = includes(objectAt(entry, 'architecture')['input_modalities'], 'image');
  return {
    // Gemini lists `models/gemini-...` and takes the bare name.
    id: stringAt(entry, 'id').replace(/^models\//, ''),
    contextLength: contextLengthOf(entry),
    vision: images ?? flag(capabilities['vision']),
    tools:
      includes(entry['supported_parameters'], 'tools') ?? flag(capabilities['function_calling']),
  };
}

/** Models of a `{"data":[{"id":...}]}` list, in its order. */
export function modelsOfList(document: JsonObject): readonly BackendModel[] {
  return objectsAt(document, 'data')
    .filter((entry) => stringAt(entry, 'id') !== '')
    .map(modelOf);
}

/** What Ollama's `/api/show` tells about a model. */
export function ollamaFacts(document: JsonObject): Omit<BackendModel, 'id'> {
  const info = Object.entries(objectAt(document, 'model_info'));
  const [, length] = info.find(([key]) => key.endsWith('.context_length')) ?? [];
  const { capabilities } = document;
  return {
    contextLength: typeof length === 'number' ? length : null,
    vision: includes(capabilities, 'vision'),
    tools: includes(capabilities, 'tools'),
  };
}
