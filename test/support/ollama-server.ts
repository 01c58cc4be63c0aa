/** A server that speaks the wire formats of Ollama: its own for lists and details, OpenAI's under `/v1`. */
import { openAiCalls } from './openai-server.ts';
import { ProviderServer } from './provider-server.ts';

export interface OllamaServerOptions {
  /** Full names, with their tags. */
  readonly models?: readonly string[];
  /** False: an old server without `/api/show`. */
  readonly showsDetails?: boolean;
}

export async function startOllamaServer(
  options: OllamaServerOptions = {},
): Promise<ProviderServer> {
  const { models = ['llama3:latest'], showsDetails = true } = options;
  const details = { format: 'gguf', family: 'llama', families: ['llama'], parameter_size: '8.0B' };
  return new ProviderServer({
    ...openAiCalls('/v1'),
    other({ path, method, json }) {
      if (path === '/api/version') return { version: '0.21.0' };
      if (path === '/api/tags') {
        return {
          models: models.map((name, index) => ({
            name,
            model: name,
            modified_at: '2026-10-04T14:56:49.277302595-07:00',
            size: 4_661_224_676,
            digest: `sha256:${String(index).padStart(64, '0')}`,
            details,
          })),
        };
      }
      if (path === '/api/show' && method === 'POST' && showsDetails) {
        const isVision = String(json?.['model']).startsWith('llava');
        return {
          details,
          model_info: { 'general.architecture': 'llama', 'llama.context_length': 8192 },
          capabilities: ['completion', isVision ? 'vision' : 'tools'],
        };
      }
      if (path === '/v1/models') {
        return { object: 'list', data: models.map((id) => ({ id, object: 'model' })) };
      }
      return path === '/' ? 'Ollama is running' : undefined;
    },
    // Ollama takes any key, or none.
    refuses: () => null,
  }).start();
}
