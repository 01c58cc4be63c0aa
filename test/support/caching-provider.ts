/**
 * A provider of the Messages API with a prompt cache that behaves as documented: what stands before a block marked with
 * `cache_control` is written for five minutes or an hour, and read from there when a later prompt begins with the very
 * same. It calls tools for as long as its script says, streams in pieces of odd sizes, and remembers the usage it billed.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Json } from './test-gateway.ts';

/** What one call was billed for: disjoint parts, as the provider's records have them. */
export interface BilledCall {
  readonly fresh: number;
  readonly read: number;
  readonly write5m: number;
  readonly write1h: number;
  readonly output: number;
}

interface Block {
  /** The text of the block without its mark, which is no part of what is cached. */
  readonly text: string;
  readonly ttl: '5m' | '1h' | null;
}

function tokensOf(text: string): number {
  return Math.ceil(text.length / 5);
}

function blockOf(block: Json): Block {
  const { cache_control: mark, ...shown } = block;
  return { text: JSON.stringify(shown), ttl: mark ? (mark.ttl ?? '5m') : null };
}

/** The prompt in the order in which it is cached: tools, system, messages. */
function blocksOf({ tools = [], system = [], messages }: Json): readonly Block[] {
  const spoken = messages.flatMap(({ role, content }: Json) =>
    typeof content === 'string'
      ? [{ text: `${role}:${content}`, ttl: null }]
      : content.map((block: Json) => blockOf({ role, ...block })),
  );
  return [...tools.map(blockOf), ...system.map(blockOf), ...spoken];
}

function event(document: Json): string {
  return `event: ${document.type}\ndata: ${JSON.stringify(document)}\n\n`;
}

export class CachingProvider {
  readonly billed: BilledCall[] = [];
  readonly #cache = new Set<string>();
  readonly #server: Server;
  readonly #turns: number;

  private constructor(turns: number) {
    this.#turns = turns;
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch(() => response.destroy());
    });
  }

  /** `turns`: calls until it answers with text alone. */
  static async start(turns: number): Promise<CachingProvider> {
    const provider = new CachingProvider(turns);
    provider.#server.listen(0, '127.0.0.1');
    await once(provider.#server, 'listening');
    return provider;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.method !== 'POST') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ data: [], has_more: false }));
      return;
    }
    const body: Json = JSON.parse(Buffer.concat(chunks).toString());
    const turn = this.billed.length;
    const answer = this.#answer(turn);
    const billed = this.#bill(body, answer);
    this.billed.push(billed);
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    const stream = Buffer.from(this.#events(body.model, turn, answer, billed));
    // Cut anywhere: in the middle of a character, of a line, of an event.
    const size = 97 + ((turn * 53) % 400);
    for (let at = 0; at < stream.length; at += size) {
      response.write(stream.subarray(at, at + size));
      if (at % 3 === 0) await delay(0);
    }
    response.end();
  }

  #bill(body: Json, answer: readonly Json[]): BilledCall {
    let prefix = '';
    let tokens = 0;
    let read = 0;
    let cached = { tokens: 0, write5m: 0, write1h: 0 };
    const written: string[] = [];
    for (const { text, ttl } of blocksOf(body)) {
      prefix = createHash('sha256').update(prefix).update(text).digest('hex');
      tokens += tokensOf(text);
      // What was written at a mark is found again where the mark has moved on.
      if (this.#cache.has(prefix)) {
        read = tokens;
        cached = { tokens, write5m: 0, write1h: 0 };
        continue;
      }
      if (ttl === null) continue;
      written.push(prefix);
      const part = tokens - cached.tokens;
      cached = {
        tokens,
        write5m: cached.write5m + (ttl === '5m' ? part : 0),
        write1h: cached.write1h + (ttl === '1h' ? part : 0),
      };
    }
    for (const key of written) this.#cache.add(key);
    const { write5m, write1h } = cached;
    const output = answer.reduce((sum, block) => sum + tokensOf(JSON.stringify(block)), 0);
    return { fresh: tokens - cached.tokens, read, write5m, write1h, output };
  }

  #answer(turn: number): readonly Json[] {
    const thinking = {
      type: 'thinking',
      thinking: `Turn ${turn}: which file is next? 次はどれ? `.repeat(1 + (turn % 3)),
      signature: Buffer.from(`thought ${turn}`).toString('base64'),
    };
    const text = { type: 'text', text: `Grüße aus Schritt ${turn} 🙂. `.repeat(1 + (turn % 5)) };
    if (turn >= this.#turns - 1) return [thinking, text];
    const calls = Array.from({ length: 1 + (turn % 2) }, (_, index) => ({
      type: 'tool_use',
      id: `toolu_${turn}_${index}`,
      name: 'read_file',
      input: { path: `src/part-${turn}-${index}.ts`, from: turn * 10 },
    }));
    return turn % 4 === 0 ? [thinking, text, ...calls] : [text, ...calls];
  }

  #events(
    model: string,
    turn: number,
    answer: readonly Json[],
    { fresh, read, write5m, write1h, output }: BilledCall,
  ): string {
    const input = {
      input_tokens: fresh,
      cache_creation_input_tokens: write5m + write1h,
      cache_read_input_tokens: read,
    };
    const usage = {
      ...input,
      cache_creation: { ephemeral_5m_input_tokens: write5m, ephemeral_1h_input_tokens: write1h },
      output_tokens: 2,
      service_tier: 'standard',
    };
    const message = { id: `msg_${turn}`, type: 'message', role: 'assistant', model, content: [] };
    const hasCalls = answer.some(({ type }) => type === 'tool_use');
    const end = { stop_reason: hasCalls ? 'tool_use' : 'end_turn', stop_sequence: null };
    // Some models repeat the input at the end, some set it to null, some leave it out.
    const repeated = [input, { input_tokens: null }, {}][turn % 3];
    return [
      event({
        type: 'message_start',
        message: { ...message, stop_reason: null, stop_sequence: null, usage },
      }),
      event({ type: 'ping' }),
      ...answer.map((block, index) => blockEvents(block, index)),
      // The figures grow; only the last one is the bill.
      event({
        type: 'message_delta',
        delta: { stop_reason: null },
        usage: { output_tokens: Math.floor(output / 2) },
      }),
      event({ type: 'message_delta', delta: end, usage: { ...repeated, output_tokens: output } }),
      event({ type: 'message_stop' }),
    ].join('');
  }
}

function blockEvents(block: Json, index: number): string {
  const delta = (said: Json): string => event({ type: 'content_block_delta', index, delta: said });
  const halves = (text: string): readonly string[] => [
    text.slice(0, text.length / 2),
    text.slice(text.length / 2),
  ];
  const start = {
    text: { type: 'text', text: '' },
    thinking: { type: 'thinking', thinking: '', signature: '' },
    tool_use: { ...block, input: {} },
  }[block.type as 'text'];
  const deltas = {
    text: () => halves(block.text).map((text) => delta({ type: 'text_delta', text })),
    thinking: () => [
      ...halves(block.thinking).map((thinking) => delta({ type: 'thinking_delta', thinking })),
      delta({ type: 'signature_delta', signature: block.signature }),
    ],
    tool_use: () =>
      ['', ...halves(JSON.stringify(block.input))].map((json) =>
        delta({ type: 'input_json_delta', partial_json: json }),
      ),
  }[block.type as 'text'];
  return [
    event({ type: 'content_block_start', index, content_block: start }),
    ...deltas(),
    event({ type: 'content_block_stop', index }),
  ].join('');
}
