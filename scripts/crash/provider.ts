/**
 * A provider in a process of its own, which knows to the nano-dollar what it billed. It fails in the ways that providers
 * fail, and bills in the ways that are worst for the gateway: a JSON answer when its request has come, whether or not
 * anybody takes the answer; a stream token by token, before each is written.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Chance } from '../prove/chance.ts';
import type { Bill, FromProvider, ToProvider } from './provider-process.ts';
import { attemptKey, BACKENDS, MAX_OUTPUT_TOKENS, RATES } from './setting.ts';

/** Longer than a token of any tokenizer, so that what the gateway counts is never less than what is billed. */
const TOKEN = ' hold the';
const INPUT_CHARS_PER_TOKEN = 16;

type Outcome = 'answer' | 'noUsage' | 'refuse' | 'reset' | 'gatewayTimeout' | 'breakOff';
const FAULTS: readonly [Outcome, ...Outcome[]] = [
  'noUsage',
  'refuse',
  'reset',
  'gatewayTimeout',
  'breakOff',
];
const SHARE_OF_FAULTS = 0.25;

const chance = new Chance(Number(process.argv[2]), 1);
const bills = new Map<string, Bill>();

interface Call {
  readonly body: Readonly<Record<string, unknown>>;
  readonly backend: string;
  readonly bill: Bill;
  readonly outputTokens: number;
}

function write(bill: Bill, inputTokens: number, outputTokens: number): void {
  const rate = RATES[bill.model] ?? { input: 0, output: 0 };
  bill.nanoUsd += inputTokens * rate.input + outputTokens * rate.output;
}

function charsOf(body: Call['body']): number {
  const messages = body['messages'] as readonly { content?: unknown }[];
  return messages.reduce((sum, { content }) => sum + String(content).length, 0);
}

function callOf(request: IncomingMessage, body: Call['body'], backend: string): Call {
  const model = String(body['model']);
  const requestId = String(request.headers['x-request-id']);
  const key = attemptKey(requestId, backend);
  const bill: Bill = { key, model, nanoUsd: 0, times: (bills.get(key)?.times ?? 0) + 1 };
  bills.set(key, bill);
  const most = Number(body['max_completion_tokens'] ?? body['max_tokens'] ?? MAX_OUTPUT_TOKENS);
  return {
    body,
    backend,
    bill,
    outputTokens: Math.min(chance.between(1, MAX_OUTPUT_TOKENS), most),
  };
}

function usageOf({ body }: Call, outputTokens: number): object {
  const input = Math.floor(charsOf(body) / INPUT_CHARS_PER_TOKEN);
  return {
    prompt_tokens: input,
    completion_tokens: outputTokens,
    total_tokens: input + outputTokens,
  };
}

function json(response: ServerResponse, status: number, document: object): void {
  const body = Buffer.from(JSON.stringify(document));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}

function billInput({ body, bill }: Call): void {
  write(bill, Math.floor(charsOf(body) / INPUT_CHARS_PER_TOKEN), 0);
}

async function answerWhole(call: Call, outcome: Outcome, response: ServerResponse): Promise<void> {
  billInput(call);
  write(call.bill, 0, call.outputTokens);
  await delay(chance.below(60));
  const document = {
    id: 'chatcmpl-crash',
    object: 'chat.completion',
    model: call.bill.model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: TOKEN.repeat(call.outputTokens) },
        finish_reason: 'stop',
      },
    ],
    ...(outcome === 'noUsage' ? {} : { usage: usageOf(call, call.outputTokens) }),
  };
  if (outcome !== 'breakOff') return json(response, 200, document);
  const text = JSON.stringify(document);
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length });
  response.write(text.slice(0, text.length / 2), () => response.socket?.resetAndDestroy());
}

function event(document: unknown): string {
  return `data: ${JSON.stringify(document)}\n\n`;
}

async function answerStream(call: Call, outcome: Outcome, response: ServerResponse): Promise<void> {
  const { bill, outputTokens } = call;
  const chunk = (more: object): string =>
    event({ id: 'chatcmpl-crash', object: 'chat.completion.chunk', model: bill.model, ...more });
  billInput(call);
  await delay(chance.below(30));
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const breaksAt = outcome === 'breakOff' ? chance.below(outputTokens) : -1;
  const pauseMs = chance.below(4);
  for (let token = 0; token < outputTokens; token += 1) {
    if (response.destroyed) return;
    if (token === breaksAt) {
      response.socket?.resetAndDestroy();
      return;
    }
    write(bill, 0, 1);
    response.write(chunk({ choices: [{ index: 0, delta: { content: TOKEN } }] }));
    if (pauseMs > 0) await delay(pauseMs);
  }
  response.write(chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }));
  if (outcome !== 'noUsage')
    response.write(chunk({ choices: [], usage: usageOf(call, outputTokens) }));
  response.end('data: [DONE]\n\n');
}

async function serveCall(call: Call, response: ServerResponse): Promise<void> {
  const outcome = chance.happens(SHARE_OF_FAULTS) ? chance.pick(FAULTS) : 'answer';
  if (outcome === 'refuse') {
    await delay(chance.below(20));
    const status = chance.pick([429, 500, 503, 400]);
    return json(response, status, { error: { message: 'not now', type: 'server_error' } });
  }
  if (outcome === 'reset' || outcome === 'gatewayTimeout') {
    // Worked and billed, and nobody is told.
    billInput(call);
    write(call.bill, 0, call.outputTokens);
    await delay(chance.below(40));
    if (outcome === 'reset') response.socket?.resetAndDestroy();
    else json(response, 504, { error: { message: 'timed out', type: 'server_error' } });
    return;
  }
  await (call.body['stream'] === true ? answerStream : answerWhole)(call, outcome, response);
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, backend = '', ...rest] = (request.url ?? '').split('/');
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (request.method === 'GET') {
    const models = BACKENDS.find(({ name }) => name === backend)?.models ?? [];
    return json(response, 200, { object: 'list', data: models.map((id) => ({ id })) });
  }
  if (rest.join('/') !== 'v1/chat/completions') return json(response, 404, {});
  // Half a body, of a gateway that died while it wrote, never comes here: the loop above has thrown.
  const body = JSON.parse(Buffer.concat(chunks).toString()) as Call['body'];
  await serveCall(callOf(request, body, backend), response);
}

function say(message: FromProvider): void {
  process.send?.(message);
}

const server = createServer((request, response) => {
  handle(request, response).catch(() => response.destroy());
});
server.keepAliveTimeout = 60_000;

process.on('message', (message: ToProvider) => {
  if (message === 'bills') {
    say({ kind: 'bills', bills: [...bills.values()] });
    bills.clear();
    return;
  }
  server.getConnections((_error, connections) => say({ kind: 'connections', connections }));
});
process.on('disconnect', () => process.exit(0));
server.listen(0, '127.0.0.1', () => {
  say({ kind: 'listening', url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
