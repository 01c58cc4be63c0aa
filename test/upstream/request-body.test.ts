import { describe, expect, it } from '@jest/globals';
import { bodyFor } from '../../src/upstream/request-body.ts';
import { anAttempt, CHAT_BODY } from '../support/upstream-attempts.ts';

type Options = Parameters<typeof anAttempt>[0];

function sent(options: Options): Record<string, unknown> {
  return JSON.parse(bodyFor(anAttempt(options)).toString()) as Record<string, unknown>;
}

describe('bodyFor', () => {
  it('gives the very bytes of the client when nothing has to change', () => {
    const rawBody = Buffer.from('{ "model" : "gpt-4o-mini", "seed": 12345678901234567890 }');
    const attempt = anAttempt({ body: { model: 'gpt-4o-mini' }, request: { rawBody } });
    expect(bodyFor(attempt)).toBe(rawBody);
  });

  it('changes the model and nothing else', () => {
    const body = { ...CHAT_BODY, temperature: 0.5, extra: { nested: [1, null] } };
    expect(sent({ body, attempt: { model: 'llama3' } })).toEqual({ ...body, model: 'llama3' });
  });

  it.each(['max_tokens', 'max_completion_tokens'])(
    'lowers %s where the client used it',
    (field) => {
      const options = { body: { ...CHAT_BODY, [field]: 900 }, attempt: { maxOutputTokens: 50 } };
      expect(sent(options)).toEqual({ ...CHAT_BODY, [field]: 50 });
    },
  );

  it('lowers both fields where the client used both', () => {
    const body = { ...CHAT_BODY, max_tokens: 900, max_completion_tokens: 800 };
    expect(sent({ body, attempt: { maxOutputTokens: 50 } })).toEqual({
      ...CHAT_BODY,
      max_tokens: 50,
      max_completion_tokens: 50,
    });
  });

  it.each([
    ['gpt-4o-mini', 'max_tokens'],
    ['gpt-4.1', 'max_tokens'],
    ['gpt-oss:20b', 'max_tokens'],
    ['llama3', 'max_tokens'],
    ['olmo-2', 'max_tokens'],
    ['o3-mini', 'max_completion_tokens'],
    ['gpt-5', 'max_completion_tokens'],
    ['openai/gpt-5-nano', 'max_completion_tokens'],
    ['ft:gpt-5-mini:acme', 'max_completion_tokens'],
    ['gpt-10', 'max_completion_tokens'],
  ])('sets for %s, where the client named no maximum, %s', (model, field) => {
    const options = { body: { ...CHAT_BODY, model }, attempt: { maxOutputTokens: 50 } };
    expect(sent(options)).toEqual({ ...CHAT_BODY, model, [field]: 50 });
  });

  it('sets max_tokens on the legacy route for every model', () => {
    const body = { model: 'gpt-5', prompt: 'x' };
    const request = { route: 'completions' as const };
    expect(sent({ body, request, attempt: { maxOutputTokens: 5 } })).toEqual({
      ...body,
      max_tokens: 5,
    });
  });

  it('asks for usage on a stream and keeps the other stream options', () => {
    const body = { ...CHAT_BODY, stream: true, stream_options: { include_obfuscation: false } };
    expect(sent({ body })['stream_options']).toEqual({
      include_obfuscation: false,
      include_usage: true,
    });
  });

  it('asks for nothing where there is no stream, or the client asked already, or on embeddings', () => {
    const asked = { ...CHAT_BODY, stream: true, stream_options: { include_usage: true } };
    const embeddings = { model: 'm', input: 'x', stream: true };
    expect(sent({ body: CHAT_BODY })).toEqual(CHAT_BODY);
    expect(sent({ body: asked })).toEqual(asked);
    const request = { route: 'embeddings' as const };
    expect(sent({ body: embeddings, request, attempt: { maxOutputTokens: 5 } })).toEqual(
      embeddings,
    );
  });
});
