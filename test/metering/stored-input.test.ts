import { describe, expect, it } from '@jest/globals';
import type { JsonObject, ModelRequest } from '../../src/core/request.ts';
import { withStoredInput } from '../../src/metering/stored-input.ts';

const COUNT = { tokens: 12, bound: 20, tier: 'exact' } as const;
const STORED: JsonObject = { previous_response_id: 'resp_1' };

function bounded(
  body: JsonObject,
  model = 'gpt-5',
  route: ModelRequest['route'] = 'responses',
): number {
  return withStoredInput(COUNT, { route, body }, model).bound;
}

describe('input that only the provider has', () => {
  it.each<readonly [string, JsonObject]>([
    ['an earlier response', STORED],
    ['a conversation', { conversation: { id: 'conv_1' } }],
    ['a template', { prompt: { id: 'pmpt_1' } }],
    ['an item that is named', { input: [{ type: 'item_reference', id: 'msg_1' }] }],
    ['an item that is named in short', { input: [{ id: 'msg_1' }] }],
    ['a file', { input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'f' }] }] }],
    [
      'a file at an address, in the result of a tool',
      {
        input: [
          { type: 'function_call_output', output: [{ type: 'input_file', file_url: 'https://x' }] },
        ],
      },
    ],
  ])('is bounded by the context of the model: %s', (_what, body) => {
    expect(withStoredInput(COUNT, { route: 'responses', body }, 'gpt-5')).toEqual({
      ...COUNT,
      bound: 400_000,
      hasStoredInput: true,
    });
  });

  it.each<readonly [string, JsonObject]>([
    ['a text', { input: 'Hello' }],
    ['null for an earlier response', { input: 'Hello', previous_response_id: null }],
    ['messages', { input: [{ role: 'user', content: 'Hello' }] }],
    ['odd items', { input: ['Hello', null, 7] }],
    [
      'a file that is in the request',
      { input: [{ role: 'user', content: [{ type: 'input_file', file_data: 'data:;base64,' }] }] },
    ],
  ])('is none where the request has all of it: %s', (_what, body) => {
    expect(withStoredInput(COUNT, { route: 'responses', body }, 'gpt-5')).toBe(COUNT);
  });

  it('is a matter of the Responses API alone', () => {
    expect(bounded(STORED, 'gpt-5', 'chat')).toBe(COUNT.bound);
  });

  it('never lowers a bound', () => {
    const long = { ...COUNT, bound: 2_000_000 };
    expect(withStoredInput(long, { route: 'responses', body: STORED }, 'gpt-5').bound).toBe(
      2_000_000,
    );
  });

  it.each([
    ['gpt-3.5-turbo', 16_385],
    ['gpt-4', 8_192],
    ['gpt-4-0613', 8_192],
    ['gpt-4-32k', 32_768],
    ['gpt-4-turbo-2024-04-09', 128_000],
    ['gpt-4o-mini-2024-07-18', 128_000],
    ['gpt-4.1-mini', 1_050_000],
    ['gpt-5-2025-08-07', 400_000],
    ['gpt-5.1-codex', 400_000],
    ['gpt-5.4-mini', 400_000],
    ['gpt-5.4', 1_050_000],
    ['gpt-6-astra', 1_050_000],
    ['o1-preview', 128_000],
    ['o3', 200_000],
    ['o4-mini-2025-04-16', 200_000],
    ['a model of next year', 1_050_000],
  ])('knows what %s has room for', (model, tokens) => {
    expect(bounded(STORED, model)).toBe(tokens);
  });
});
