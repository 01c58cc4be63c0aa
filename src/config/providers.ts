/** What is known of a backend by its type alone. */
import type { BackendKind, BackendType } from '../core/settings.ts';

const CLOUD_TYPES: readonly BackendType[] = ['openai', 'anthropic', 'google'];

/** Where `kind` is not written. A simulated backend costs nothing real, so it is local unless it plays a cloud. */
export function kindOf(type: BackendType): BackendKind {
  return CLOUD_TYPES.includes(type) ? 'cloud' : 'local';
}

/** A provider as its users know it: the variables are those that the providers' own SDKs read. */
export interface Provider {
  readonly type: BackendType;
  readonly keyVariable: string;
  readonly urlVariable: string;
  readonly url: string;
}

export const PROVIDERS: readonly Provider[] = [
  {
    type: 'openai',
    keyVariable: 'OPENAI_API_KEY',
    urlVariable: 'OPENAI_BASE_URL',
    url: 'https://api.openai.com',
  },
  {
    type: 'anthropic',
    keyVariable: 'ANTHROPIC_API_KEY',
    urlVariable: 'ANTHROPIC_BASE_URL',
    url: 'https://api.anthropic.com',
  },
  {
    type: 'google',
    keyVariable: 'GEMINI_API_KEY',
    urlVariable: 'GOOGLE_GEMINI_BASE_URL',
    url: 'https://generativelanguage.googleapis.com',
  },
];

/** The variable in which users of a provider keep their key; null for types that ask for none. */
export function keyVariableOf(type: BackendType): string | null {
  return PROVIDERS.find((provider) => provider.type === type)?.keyVariable ?? null;
}

/** Where a backend of a type usually is; null when that is anybody's guess. */
export function usualUrlOf(type: BackendType): string | null {
  if (type === 'ollama') return OLLAMA_URL;
  return PROVIDERS.find((provider) => provider.type === type)?.url ?? null;
}

export const OLLAMA_URL = 'http://127.0.0.1:11434';
