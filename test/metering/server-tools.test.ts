import { describe, expect, it } from '@jest/globals';
import type { ServerToolBounds } from '../../src/core/usage.ts';
import { grownInput, serverToolsOf } from '../../src/metering/server-tools.ts';

const NONE: ServerToolBounds = {
  webSearches: 0,
  fileSearches: 0,
  codeExecutions: 0,
  searchSources: 0,
  calls: 0,
  resultTokens: 0,
};

function tools(...list: readonly object[]): object {
  return { tools: list };
}

describe("the provider's own tools in a request", () => {
  it.each<[string, object, Partial<ServerToolBounds>]>([
    [
      'Anthropic, with a maximum of its own',
      tools({ type: 'web_search_20260318', name: 'web_search', max_uses: 3 }),
      { webSearches: 3, calls: 3, resultTokens: 36_000 },
    ],
    [
      'Anthropic, without one',
      tools({ type: 'web_search_20250305', name: 'web_search' }),
      { webSearches: 5, calls: 5, resultTokens: 60_000 },
    ],
    [
      'a fetch of pages, which has no fee but fills the input',
      tools({ type: 'web_fetch_20260318', name: 'web_fetch', max_uses: 2 }),
      { calls: 2, resultTokens: 64_000 },
    ],
    [
      'several tools',
      tools(
        { type: 'web_search_20250305', name: 'web_search', max_uses: 1 },
        { type: 'code_execution_20260521', name: 'code_execution' },
        { type: 'file_search', vector_store_ids: ['vs_1'] },
      ),
      { webSearches: 1, codeExecutions: 5, fileSearches: 5, calls: 11, resultTokens: 132_000 },
    ],
    [
      'OpenAI, with one maximum for all of them',
      { max_tool_calls: 2, ...tools({ type: 'web_search' }, { type: 'file_search' }) },
      { webSearches: 2, fileSearches: 2, calls: 4, resultTokens: 56_000 },
    ],
    [
      'the same tool twice',
      tools({ type: 'web_search' }, { type: 'x_search' }),
      { webSearches: 10, calls: 10, resultTokens: 120_000 },
    ],
    [
      "xAI's live search",
      { search_parameters: { mode: 'auto' } },
      { searchSources: 20, calls: 1, resultTokens: 20_000 },
    ],
    [
      "xAI's live search with a maximum",
      { search_parameters: { mode: 'on', max_search_results: 7 } },
      { searchSources: 7, calls: 1, resultTokens: 7000 },
    ],
    [
      'an absurd maximum',
      tools({ type: 'web_search', max_uses: 1e300 }),
      { webSearches: 1000, calls: 1000, resultTokens: 12_000_000 },
    ],
    [
      'a maximum that is none',
      tools({ type: 'web_search', max_uses: -1 }),
      { webSearches: 5, calls: 5, resultTokens: 60_000 },
    ],
    [
      'a fetch of bounded pages',
      tools({ type: 'web_fetch_20260318', max_uses: 3, max_content_tokens: 1500 }),
      { calls: 3, resultTokens: 4500 },
    ],
    [
      'a fetch of absurd pages',
      tools({ type: 'web_fetch_20260318', max_uses: 1, max_content_tokens: 1e300 }),
      { calls: 1, resultTokens: 32_000 },
    ],
    [
      'servers of the Model Context Protocol',
      tools({ type: 'mcp', server_label: 'x' }),
      { calls: 5, resultTokens: 40_000 },
    ],
  ])('are bounded: %s', (_name, body, bounds) => {
    expect(serverToolsOf({ ...body })).toEqual({ ...NONE, ...bounds });
  });

  it.each<[string, object]>([
    ['no tools', {}],
    ['functions', tools({ type: 'function', function: { name: 'web_search' } })],
    ['a tool of the client that has no type', tools({ name: 'web_search', input_schema: {} })],
    ['tools that the client runs', tools({ type: 'bash_20250124' }, { type: 'computer_20251124' })],
    ['a maximum of none', tools({ type: 'web_search', max_uses: 0 })],
    ['a live search that is off', { search_parameters: { mode: 'off' } }],
    ['nonsense', { tools: 'web_search', search_parameters: 3 }],
    ['nonsense in a list', { tools: [null, 3, 'web_search', { type: 7 }] }],
  ])('are none: %s', (_name, body) => {
    expect(serverToolsOf({ ...body })).toBeNull();
  });

  it('make the input grow by a round each, up to ten', () => {
    expect(grownInput(1000, NONE)).toBe(1000);
    const results = { resultTokens: 12_000 };
    // Read once; and the first half of them twice.
    expect(grownInput(1000, { ...NONE, calls: 1, ...results })).toBe(2000 + 12_000);
    expect(grownInput(1000, { ...NONE, calls: 2, ...results })).toBe(3000 + 6000 + 12_000);
    expect(grownInput(1000, { ...NONE, calls: 100, ...results })).toBe(11_000 + 66_000);
  });
});
