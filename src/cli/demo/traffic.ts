/** The demo's client: real HTTP requests, and what their answers say about where they were served. */
import { CommandFailure } from '../failure.ts';

/** What the demo asks for, over and over, in this order. */
const TRAFFIC = [
  {
    model: 'gpt-4-turbo',
    prompt: 'Explain in a few sentences why the sky is blue.',
  },
  {
    model: 'claude-3-opus',
    prompt: 'Write a short story about a lighthouse keeper who counts ships.',
  },
  { model: 'llama3', prompt: 'Name three rivers in Europe and the seas they reach.' },
] as const;

/** Length of each answer; long enough for the budget to move. */
export const ANSWER_TOKENS = 300;

export interface Outcome {
  readonly requestId: string;
  readonly model: string;
  readonly served: 'local' | 'cloud' | 'refused';
}

function header(response: Response, name: string): string {
  const value = response.headers.get(name);
  if (value !== null) return value;
  throw new CommandFailure(`the answer of the gateway has no ${name} header`);
}

async function refusalCode(response: Response): Promise<string> {
  const body: unknown = await response.json();
  const error =
    typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined;
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
  return String(code);
}

/** Sends the request with the given number and reads the whole answer. Throws for any failure that is no budget refusal. */
export async function sendRequest(
  url: string,
  number: number,
  signal: AbortSignal,
): Promise<Outcome> {
  const { model, prompt } = TRAFFIC[number % TRAFFIC.length] ?? TRAFFIC[0];
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model,
      max_tokens: ANSWER_TOKENS,
      messages: [{ role: 'user', content: prompt }],
    }),
    signal,
  });
  const requestId = header(response, 'x-nexus-request-id');
  if (response.ok) {
    await response.arrayBuffer();
    const kind = header(response, 'x-nexus-backend-type');
    return { requestId, model, served: kind === 'local' ? 'local' : 'cloud' };
  }
  const code = await refusalCode(response);
  if (code === 'budget_exhausted') return { requestId, model, served: 'refused' };
  throw new CommandFailure(`the gateway answered ${response.status} ${code} to ${model}`);
}
