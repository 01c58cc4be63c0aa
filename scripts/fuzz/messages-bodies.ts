/** Bodies of the Messages API from a small grammar: blocks of every kind, marks of the cache, tools, thinking. */
import type { Chance } from '../prove/chance.ts';
import type { Node } from './bodies.ts';

type Words = (chance: Chance) => string;

const IMAGE: Node = { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' };

/** Now and then a block asks to be cached. */
function marked(block: { readonly [key: string]: Node }, chance: Chance): Node {
  if (!chance.happens(0.2)) return block;
  const ttl = chance.pick(['5m', '1h']);
  return { ...block, cache_control: { type: 'ephemeral', ttl } };
}

function shownBlock(words: Words, chance: Chance): Node {
  const text = words(chance);
  switch (chance.below(5)) {
    case 0:
      return marked({ type: 'image', source: IMAGE }, chance);
    case 1:
      return { type: 'document', title: text, source: { type: 'text', data: text } };
    case 2:
      return { type: 'search_result', title: text, content: [{ type: 'text', text }] };
    default:
      return marked({ type: 'text', text }, chance);
  }
}

function userMessage(words: Words, chance: Chance): Node {
  if (chance.happens(0.3)) return { role: 'user', content: words(chance) };
  const result = {
    type: 'tool_result',
    tool_use_id: 'toolu_1',
    is_error: chance.happens(0.3),
    content: chance.happens(0.5) ? words(chance) : [shownBlock(words, chance)],
  };
  const shown = Array.from({ length: chance.between(1, 4) }, () => shownBlock(words, chance));
  return {
    role: 'user',
    content: chance.happens(0.4) ? [marked(result, chance), ...shown] : shown,
  };
}

function assistantMessage(words: Words, chance: Chance): Node {
  const blocks: readonly Node[] = [
    { type: 'thinking', thinking: words(chance), signature: 'c2ln' },
    { type: 'redacted_thinking', data: 'ZGF0YQ==' },
    { type: 'text', text: words(chance) },
    { type: 'tool_use', id: 'toolu_1', name: 'f', input: { a: words(chance) } },
    { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} },
  ];
  return { role: 'assistant', content: blocks.filter(() => chance.happens(0.4)) };
}

function optional(words: Words, chance: Chance): { readonly [key: string]: Node } {
  const tool: Node = { name: 'f', description: words(chance), input_schema: { type: 'object' } };
  const search: Node = { type: 'web_search_20250305', name: 'web_search', max_uses: 2 };
  const schema: Node = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] };
  const all: { readonly [key: string]: Node } = {
    stream: chance.happens(0.5),
    system: chance.happens(0.5) ? words(chance) : [shownBlock(words, chance)],
    tools: chance.happens(0.8) ? [tool] : [tool, search],
    tool_choice: { type: chance.pick(['auto', 'any', 'none', 'tool']), name: 'f' },
    thinking: { type: 'enabled', budget_tokens: chance.acrossScales(1, 100_000) },
    output_config: { effort: 'high', format: { type: 'json_schema', schema } },
    stop_sequences: ['\n'],
    temperature: chance.next(),
    top_k: 5,
    metadata: { user_id: words(chance) },
    cache_control: { type: 'ephemeral' },
    mcp_servers: [],
  };
  return Object.fromEntries(Object.entries(all).filter(() => chance.happens(0.25)));
}

/** All fields of a body but its model. */
export function messagesFields(words: Words, chance: Chance): Record<string, Node> {
  const turns = chance.between(1, 4);
  const messages = Array.from({ length: turns }, (_, at) =>
    at % 2 === 0 ? userMessage(words, chance) : assistantMessage(words, chance),
  );
  return { max_tokens: chance.acrossScales(1, 100_000), messages, ...optional(words, chance) };
}
