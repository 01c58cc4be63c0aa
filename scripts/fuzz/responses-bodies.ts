/** Bodies of the Responses API from a small grammar. */
import type { Chance } from '../prove/chance.ts';
import type { Node } from './bodies.ts';

type Words = (chance: Chance) => string;

/** Input of the Responses API: a text, or items of every kind. */
function inputOf(words: Words, chance: Chance): Node {
  if (chance.happens(0.2)) return words(chance);
  const text = { type: 'input_text', text: words(chance) };
  const image = { type: 'input_image', image_url: 'data:image/png;base64,iVBORw0KGgo=' };
  const items: readonly [Node, ...Node[]] = [
    { role: chance.pick(['user', 'developer', 'assistant', 'system']), content: words(chance) },
    { type: 'message', role: 'user', content: [text, image, { type: 'input_file', file_id: 'f' }] },
    {
      type: 'message',
      role: 'assistant',
      content: [
        { type: 'output_text', text: words(chance), annotations: [] },
        { type: 'refusal', refusal: words(chance) },
      ],
    },
    { type: 'function_call', call_id: 'c', name: 'f', arguments: '{"a":"x"}' },
    { type: 'function_call_output', call_id: 'c', output: words(chance) },
    { type: 'function_call_output', call_id: 'c', output: [text, image] },
    { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: words(chance) },
    { type: 'item_reference', id: 'msg_1' },
    { type: 'additional_tools', role: 'developer', tools: [{ type: 'web_search' }] },
  ];
  return Array.from({ length: chance.between(1, 5) }, () => chance.pick(items));
}

function optionsOf(words: Words, chance: Chance): Record<string, Node> {
  const name = { type: 'function', name: 'f' };
  const all: Record<string, Node> = {
    stream: chance.happens(0.7),
    instructions: words(chance),
    max_output_tokens: chance.between(1, 300),
    tools: [{ ...name, parameters: { type: 'object' } }, { type: 'web_search' }],
    tool_choice: chance.pick<Node>(['required', name, { type: 'allowed_tools', tools: [name] }]),
    text: { format: { type: 'json_schema', name: 'a', schema: { type: 'object' } } },
    reasoning: { effort: 'low', summary: 'auto' },
    previous_response_id: 'resp_1',
    background: chance.happens(0.3),
    include: ['message.output_text.logprobs'],
    metadata: { a: 'b' },
    service_tier: chance.pick(['default', 'priority', 'flex']),
  };
  return Object.fromEntries(Object.entries(all).filter(() => chance.happens(0.2)));
}

/** The fields of one request, but for its model. */
export function responsesFields(words: Words, chance: Chance): Record<string, Node> {
  return { input: inputOf(words, chance), ...optionsOf(words, chance) };
}
