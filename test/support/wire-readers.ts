/** What a provider was asked, out of the words of its own API. */
import { expect } from '@jest/globals';
import type { UpstreamName } from './client-stage.ts';
import type { Json } from './test-gateway.ts';

/** A call of a tool and what came of it, as a provider was told. */
interface ToolTurn {
  readonly name: string;
  readonly arguments: unknown;
  readonly result: string;
}

function partsOf(content: unknown): readonly Json[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return Array.isArray(content) ? content : [];
}

function textOf(content: unknown): string {
  return partsOf(content)
    .map(({ text }) => text ?? '')
    .join('');
}

/** True for a body of the Responses API; the others have messages. */
function isResponses(body: Json): boolean {
  return body.input !== undefined;
}

function turnsOfItems(items: readonly Json[]): readonly ToolTurn[] {
  const results = new Map(
    items.flatMap((item) =>
      item.type === 'function_call_output' ? [[item.call_id, textOf(item.output)]] : [],
    ),
  );
  return items.flatMap((item) =>
    item.type === 'function_call'
      ? [
          {
            name: item.name,
            arguments: JSON.parse(item.arguments),
            result: results.get(item.call_id) ?? '',
          },
        ]
      : [],
  );
}

/** Tool calls with their results in the words of the provider's own API, in order. */
export function toolTurnsOf(name: UpstreamName, body: Json): readonly ToolTurn[] {
  if (isResponses(body)) return turnsOfItems(body.input);
  const messages: readonly Json[] = body.messages;
  if (name === 'anthropic') {
    const blocks = messages.flatMap(({ content }) => partsOf(content));
    const results = new Map(
      blocks.flatMap((block) =>
        block.type === 'tool_result' ? [[block.tool_use_id, textOf(block.content)]] : [],
      ),
    );
    return blocks.flatMap((block) =>
      block.type === 'tool_use'
        ? [{ name: block.name, arguments: block.input, result: results.get(block.id) ?? '' }]
        : [],
    );
  }
  const results = new Map(
    messages.flatMap((message) =>
      message.role === 'tool' ? [[message.tool_call_id, textOf(message.content)]] : [],
    ),
  );
  return messages.flatMap(({ tool_calls: calls = [] }) =>
    calls.map(({ id, function: called }: Json) => ({
      name: called.name,
      arguments: JSON.parse(called.arguments),
      result: results.get(id) ?? '',
    })),
  );
}

/** The tools that a provider was offered: name and schema of the arguments. */
export function offeredToolsOf(name: UpstreamName, body: Json): readonly [string, unknown][] {
  if (isResponses(body)) return body.tools.map((tool: Json) => [tool.name, tool.parameters]);
  return body.tools.map((tool: Json) =>
    name === 'anthropic'
      ? [tool.name, tool.input_schema]
      : [tool.function.name, tool.function.parameters],
  );
}

/** The schema that the answer has to keep to. */
export function answerSchemaOf(name: UpstreamName, body: Json): unknown {
  if (isResponses(body)) return body.text.format.schema;
  if (name !== 'anthropic') return body.response_format.json_schema.schema;
  expect(body.output_config.format.type).toBe('json_schema');
  return body.output_config.format.schema;
}

/** The images of the last message, as data URLs. */
export function imagesOf(name: UpstreamName, body: Json): readonly string[] {
  const last = (body.input ?? body.messages).at(-1);
  return partsOf(last.content).flatMap((part) => {
    if (part.type === 'input_image') return [part.image_url];
    if (part.type === 'image_url') return name === 'anthropic' ? [] : [part.image_url.url];
    if (part.type !== 'image') return [];
    expect(part.source.type).toBe('base64');
    return [`data:${part.source.media_type};base64,${part.source.data}`];
  });
}
